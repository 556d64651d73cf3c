# SPDX-License-Identifier: Apache-2.0
"""Do the masks fit the poses? Compares every mask with the visual hull of all of them; needs no texture.

A mask's pixel is supported where its ray meets a point that lies inside every mask (Laurentini 1994). The hull cannot
reach beyond a mask, so the supported share of a mask is the overlap (IoU) of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.recording import CheckFrame
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

FloatArray = NDArray[np.float64]

PIXELS = 220
STEPS = 96


@dataclass(frozen=True, eq=False)
class SilhouetteAgreement:
    """How far masks and poses agree.

    Attributes:
        iou: [N] share of each mask that the hull of all masks fills; NaN for an empty mask.
        blame: [N] how much the mean of the others rises when this frame is left out of the hull.
    """

    iou: FloatArray
    blame: FloatArray

    @property
    def mean(self) -> float:
        """Mean overlap; NaN when no frame has a mask."""
        return float(np.nanmean(self.iou)) if np.isfinite(self.iou).any() else float("nan")


def silhouette_agreement(
    frames: Sequence[CheckFrame], world_from_camera: Sequence[SE3], seed: int = 0
) -> SilhouetteAgreement:
    """Compare the masks of frames that all show the same object whole; frames without a mask are left out."""
    count = len(frames)
    used = [i for i, frame in enumerate(frames) if frame.mask is not None and frame.mask.any()]
    iou, blame = np.full(count, np.nan), np.full(count, np.nan)
    if len(used) < 3:
        return SilhouetteAgreement(iou, blame)
    rng = np.random.default_rng(seed)
    centre, radius = object_ball([frames[i] for i in used], [world_from_camera[i] for i in used])
    if radius is None:
        iou[used], blame[used] = 0.0, 0.0
        return SilhouetteAgreement(iou, blame)
    masks = [widened(frames[i].mask) for i in used]
    cameras = [frames[i].camera for i in used]
    inverses = [world_from_camera[i].inverse() for i in used]
    misses = []  # per frame: [pixels, steps, other frames] outside that mask
    for position, index in enumerate(used):
        points = _ray_points(frames[index], world_from_camera[index], centre, radius, rng)
        outside = np.stack(
            [
                np.zeros(points.shape[:2], bool) if other == position else ~inside_mask(points, *view)
                for other, view in enumerate(zip(masks, cameras, inverses, strict=True))
            ],
            axis=-1,
        )
        misses.append(outside)
    totals = [outside.sum(axis=-1) for outside in misses]
    full = np.array([float((total == 0).any(axis=1).mean()) for total in totals])
    iou[used] = full
    for left_out, index in enumerate(used):
        without = [
            float((total - outside[..., left_out] == 0).any(axis=1).mean())
            for position, (total, outside) in enumerate(zip(totals, misses, strict=True))
            if position != left_out
        ]
        blame[index] = np.mean(without) - np.mean(np.delete(full, left_out))
    return SilhouetteAgreement(iou, blame)


def widened(mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """A mask [H, W] grown by one pixel: points of the hull lie on its very rim.

    Raises:
        EscherNetError: there is none.
    """
    if mask is None:
        raise EscherNetError("a frame without a mask cannot be compared with others by its mask")
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def object_ball(frames: Sequence[CheckFrame], poses: Sequence[SE3]) -> tuple[FloatArray, float | None]:
    """A ball that holds the object: where the rays through the masks' centres meet, 1.5 times as large as the masks.

    Args:
        frames: each with a mask that is not empty.
        poses: ``world_from_camera_optical`` of each.

    Returns:
        Centre [3] and radius in the world's unit; radius None: behind most of the cameras, so nowhere.
    """
    normal, right = np.zeros((3, 3)), np.zeros(3)
    for frame, pose in zip(frames, poses, strict=True):
        assert frame.mask is not None
        rows, columns = np.nonzero(frame.mask)
        ray = pose.matrix[:3, :3] @ frame.camera.rays(np.array([columns.mean(), rows.mean()]))
        ray /= np.linalg.norm(ray)
        projector = np.eye(3) - np.outer(ray, ray)
        normal += projector
        right += projector @ pose.translation
    centre: FloatArray = np.linalg.lstsq(normal, right, rcond=None)[0].astype(np.float64)
    radii = []
    for frame, pose in zip(frames, poses, strict=True):
        assert frame.mask is not None
        depth = float((pose.inverse() @ centre)[2])
        if depth <= 0.0:
            continue
        rows, columns = np.nonzero(frame.mask)
        rays = frame.camera.rays(np.stack([columns, rows], axis=1).astype(float))[:, :2]
        radii.append(depth * float(np.linalg.norm(rays - rays.mean(axis=0), axis=1).max()))
    if len(radii) * 2 < len(frames):
        return centre, None
    return centre, 1.5 * float(np.median(radii))


def _ray_points(
    frame: CheckFrame, pose: SE3, centre: FloatArray, radius: float, rng: np.random.Generator
) -> FloatArray:
    """Points [pixels, steps, 3] in the world along the rays of some pixels of the mask, within the ball."""
    assert frame.mask is not None
    rows, columns = np.nonzero(frame.mask)
    chosen = rng.choice(len(rows), size=min(PIXELS, len(rows)), replace=False)
    rays = frame.camera.rays(np.stack([columns[chosen], rows[chosen]], axis=1).astype(float))
    middle = float((pose.inverse() @ centre)[2])
    depths = np.linspace(max(middle - radius, 1e-3 * radius), max(middle + radius, 2e-3 * radius), STEPS)
    return pose @ (rays[:, None] * depths[None, :, None])


def inside_mask(
    points: FloatArray, mask: NDArray[np.bool_], camera: PinholeCamera, camera_from_world: SE3
) -> NDArray[np.bool_]:
    """Which points [..., 3] of the world appear inside a mask [H, W]; bool [...]."""
    pixels = np.nan_to_num(camera.project(camera_from_world @ points), nan=-9.0, posinf=-9.0, neginf=-9.0)
    columns, rows = np.moveaxis(np.round(np.clip(pixels, -9, 1e6)).astype(int), -1, 0)
    visible = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    return visible & mask[np.where(visible, rows, 0), np.where(visible, columns, 0)]
