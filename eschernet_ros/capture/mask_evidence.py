# SPDX-License-Identifier: Apache-2.0
"""What the depth image says about each pixel near the object's box: object, background, foot, or not measured."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

_MAX_DEPTH_M = 100.0
_WINDOW_PAD_PX = 12
_PLANE_REACH_M = 0.015
"""How far the table may lie from the box's bottom face: a box that was found, or typed in, is off by less."""
_PLANE_BORDER_M = 0.04
"""The table is measured this far around the box."""
_PLANE_MIN_POINTS = 200
_PLANE_MAX_TILT = np.tan(np.radians(5.0))
_NOISE_SIGMAS = 3.0
_LEAST_MARGIN_M = 0.001


@dataclass(frozen=True, eq=False)
class MaskEvidence:
    """The pixels of a window around the projected box; every array is [h, w] bool, the window's size.

    Attributes:
        shape: (H, W) of the whole image.
        window: rows and columns of the window in it; empty when the box is out of sight.
        within: pixels inside the outline of the box, enlarged by the margin.
        measured: pixels with a depth.
        object: measured inside the box and above the table.
        foot: measured inside the box, within the noise of the table: object or table.
        foot_px: how many pixels of the image the foot may be high.
        plane_margin: height above the table from which points count as object, metres.
    """

    shape: tuple[int, int]
    window: tuple[slice, slice]
    within: np.ndarray
    measured: np.ndarray
    object: np.ndarray
    foot: np.ndarray
    foot_px: int
    plane_margin: float

    def surely_background(self, seen: np.ndarray, band_px: int) -> np.ndarray:
        """Measured pixels that are not object, away from the object's border and foot. [h, w] bool.

        Args:
            seen: the object [h, w]: ``object``, or what is left of it without specks.
            band_px: width of the border in which depth is not trusted.
        """
        foot = self.foot & grown(seen, self.foot_px)
        return np.asarray(self.measured & ~grown(seen, band_px) & ~foot)

    def whole(self, part: np.ndarray) -> np.ndarray:
        """A mask of the window [h, w] as a mask of the whole image [H, W] bool."""
        mask = np.zeros(self.shape, dtype=bool)
        mask[self.window] = part
        return mask


def gather_evidence(
    depth: np.ndarray,
    camera: PinholeCamera,
    object_from_camera_optical: SE3,
    size: Sequence[float],
    margin: float = 0.01,
    plane_margin: float = 0.005,
) -> MaskEvidence:
    """Sort the pixels around the box by their measured points.

    The table is measured in this image, around the box's bottom face: an error of the hand-eye calibration moves box
    and image against each other by millimetres. Where it cannot be measured the bottom face itself is taken for it.

    Args:
        depth: [H, W] float, metres along the optical axis, 0 or NaN = no measurement, aligned to ``camera``.
        camera: the camera of the depth image.
        object_from_camera_optical: pose of the camera in the object frame (centre of the box), **metres**.
        size: side lengths (x, y, z) of the box, metres.
        margin: by how much the box is enlarged sideways and upwards, metres.
        plane_margin: points less than this above the table count as table, metres. Where the table's noise is
            measured, three of its standard deviations are taken when they are less.

    Raises:
        EscherNetError: as `eschernet_ros.capture.object_mask`.
    """
    sides = _checked_sides(size)
    if not margin >= 0.0 or not plane_margin >= 0.0:
        raise EscherNetError(f"margins must not be negative, they are {margin} and {plane_margin} m")
    _check_depth(depth, camera)
    half = sides / 2.0
    outline = box_outline(camera, object_from_camera_optical, sides, margin)
    window = _window(outline)
    rows, columns = window
    seen = depth[window]
    measured = np.isfinite(seen) & (seen > 0.0)
    u, v = np.meshgrid(np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop))
    rays = camera.rays(np.stack([u, v], axis=-1)[measured])
    points = object_from_camera_optical @ (rays * seen[measured].astype(np.float64)[:, None])

    height, noise = _height_above_table(points, half)
    if noise is not None:
        plane_margin = min(plane_margin, max(_NOISE_SIGMAS * noise, _LEAST_MARGIN_M))
    in_box = (np.abs(points[:, :2]) <= half[:2] + margin).all(axis=1) & (points[:, 2] <= half[2] + margin)
    part, foot = np.zeros(seen.shape, dtype=bool), np.zeros(seen.shape, dtype=bool)
    part[measured] = in_box & (height >= plane_margin)
    foot[measured] = in_box & (np.abs(height) < plane_margin)
    distance = max(float(np.linalg.norm(object_from_camera_optical.translation)), 1e-3)
    return MaskEvidence(
        shape=(camera.height, camera.width),
        window=window,
        within=outline[window],
        measured=measured,
        object=part,
        foot=foot,
        foot_px=2 + round(2.0 * plane_margin * camera.fy / distance),
        plane_margin=plane_margin,
    )


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """The mask [h, w] bool, larger by ``pixels`` on every side."""
    import cv2

    if not mask.any():  # also of no pixels at all, which OpenCV does not survive
        return mask
    kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel).astype(bool))


def box_outline(
    camera: PinholeCamera, object_from_camera_optical: SE3, size: Sequence[float] | np.ndarray, margin: float
) -> np.ndarray:
    """Pixels [H, W] bool that show the box, enlarged by ``margin`` (metres) on every side but the bottom.

    With a corner behind the camera it is the whole image.
    """
    import cv2

    half = _checked_sides(size) / 2.0
    low, high = -half - (margin, margin, 0.0), half + margin
    corners = np.array(list(itertools.product(*zip(low, high, strict=True))))
    pixels = camera.project(object_from_camera_optical.inverse() @ corners)
    outline = np.zeros((camera.height, camera.width), np.uint8)
    if not np.isfinite(pixels).all():
        outline[:] = 1
    else:
        limit = 1 << 14  # OpenCV's coordinates are short where it draws
        cv2.fillConvexPoly(outline, cv2.convexHull(np.clip(np.round(pixels), -limit, limit).astype(np.int32)), 1)
    return outline.astype(bool)


def _window(outline: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns around the outline, with some background on every side."""
    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)

    def padded(first: int, last: int, length: int) -> slice:
        return slice(max(0, first - _WINDOW_PAD_PX), min(length, last + 1 + _WINDOW_PAD_PX))

    return padded(rows[0], rows[-1], outline.shape[0]), padded(columns[0], columns[-1], outline.shape[1])


def _height_above_table(points: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Height [N] of points (object frame) above the table, and its noise; without a table, above the bottom face."""
    above_bottom = points[:, 2] + half[2]
    around = (np.abs(points[:, :2]) <= half[:2] + _PLANE_BORDER_M).all(axis=1)
    near = np.flatnonzero(around & (np.abs(above_bottom) <= _PLANE_REACH_M))
    if len(near) > 4000:
        near = near[:: len(near) // 4000]
    # the table's points are the most frequent height in reach: begin there, then fit and narrow
    if len(near) < _PLANE_MIN_POINTS:
        return above_bottom, None
    counts, edges = np.histogram(above_bottom[near], bins=15)
    peak = int(counts.argmax())
    level = np.array([0.0, 0.0, (edges[peak] + edges[peak + 1]) / 2.0])
    design = np.column_stack([points[near, :2], np.ones(len(near))])
    band, noise = 0.006, 0.0
    for _ in range(4):
        residual = above_bottom[near] - design @ level
        inlier = np.abs(residual) <= band
        if int(inlier.sum()) < _PLANE_MIN_POINTS:
            return above_bottom, None
        level = np.linalg.lstsq(design[inlier], above_bottom[near][inlier], rcond=None)[0]
        residual = above_bottom[near] - design @ level
        noise = 1.4826 * float(np.median(np.abs(residual[np.abs(residual) <= band])))
        band = max(2.5 * noise, 0.001)
    if float(np.hypot(*level[:2])) > _PLANE_MAX_TILT or abs(float(level[2])) > _PLANE_REACH_M:
        return above_bottom, None
    return above_bottom - np.column_stack([points[:, :2], np.ones(len(points))]) @ level, noise


def _checked_sides(size: Sequence[float] | np.ndarray) -> np.ndarray:
    sides = np.asarray(size, dtype=np.float64)
    if sides.shape != (3,) or not (np.isfinite(sides) & (sides > 0.0)).all():
        raise EscherNetError(f"the box needs three positive side lengths in metres, they are {sides.tolist()}")
    return sides


def _check_depth(depth: np.ndarray, camera: PinholeCamera) -> None:
    if depth.shape != (camera.height, camera.width):
        raise EscherNetError(
            f"the depth image has shape {list(depth.shape)}, its camera is {camera.width}x{camera.height}: "
            "depth must be aligned to the colour camera (align_depth.enable:=true)"
        )
    if not np.issubdtype(depth.dtype, np.floating):
        raise EscherNetError(
            f"the depth image is {depth.dtype}, float metres are needed: "
            "a 16UC1 image is in millimetres, divide by 1000"
        )
    sample = depth[::4, ::4]
    sample = sample[np.isfinite(sample) & (sample > 0.0)]
    if len(sample) and float(np.median(sample)) > _MAX_DEPTH_M:
        raise EscherNetError(
            f"the median depth is {float(np.median(sample)):g} m: the image is in millimetres, divide by 1000"
        )
