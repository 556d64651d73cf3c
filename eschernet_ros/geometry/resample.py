# SPDX-License-Identifier: Apache-2.0
"""Resampling an image from the camera that took it to another pinhole at the same place."""

from __future__ import annotations

import math
from types import ModuleType
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry.camera import PinholeCamera
from eschernet_ros.optional import require

_STEEPEST_TANGENT = 5.0  # 79 degrees off the axis, more than any pinhole sees


class Resampled(NamedTuple):
    """An image as another camera would have taken it.

    Attributes:
        image: [H, W, 3] uint8 RGB, exactly white wherever no foreground pixel of the source contributes.
        mask: [H, W] bool, pixels at least half covered by foreground.
        coverage: share of the target image that the source image covers, 0..1.
    """

    image: np.ndarray
    mask: np.ndarray
    coverage: float


def resample(
    image: np.ndarray,
    camera: PinholeCamera,
    target: PinholeCamera,
    mask: np.ndarray | None = None,
    source_from_target: Rotation | None = None,
) -> Resampled:
    """The image that ``target`` would have taken in the place of ``camera``, on white.

    Lens distortion of the source is removed. Where the source has more pixels per degree than the target,
    every target pixel averages the source area it covers (supersampling, then area reduction), so that
    nothing aliases. Colours are premultiplied with the mask before they are averaged: background never bleeds
    into the object's edge.

    Args:
        image: [H, W, 3] uint8 RGB.
        camera: the camera that took it, with its distortion.
        target: the camera wanted, without distortion, usually `model_camera`.
        mask: [H, W] bool, the foreground; None takes the whole image as foreground.
        source_from_target: rotation from the target's to the source's optical axes; None: the same axes. With
            it an off-centre object is brought to the centre, or roll removed, which needs no depth: the
            centre is shared.

    Raises:
        EscherNetError: image or mask not of the camera's size or type, or a target with distortion.
    """
    _check(image, camera, target, mask)
    cv2 = require("cv2", 'pip install "opencv-python-headless<5"', "image resampling")
    finer = max(camera.fx / target.fx, camera.fy / target.fy)
    factor = max(1, math.ceil(finer - 1e-9))
    map_u, map_v, inside = _source_pixels(cv2, camera, target.scaled(factor), source_from_target)

    foreground = np.ones(image.shape[:2], np.float32) if mask is None else mask.astype(np.float32)
    premultiplied = np.dstack([image.astype(np.float32) * foreground[..., None], foreground])
    sampled = cv2.remap(premultiplied, map_u, map_v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sampled[~inside] = 0.0
    if factor > 1:
        sampled = cv2.resize(sampled, (target.width, target.height), interpolation=cv2.INTER_AREA)
    alpha = sampled[..., 3]
    blended = sampled[..., :3] + 255.0 * (1.0 - alpha[..., None])
    return Resampled(
        image=np.clip(np.rint(blended), 0, 255).astype(np.uint8),
        mask=alpha >= 0.5,
        coverage=float(inside.mean()),
    )


def _source_pixels(
    cv2: ModuleType, camera: PinholeCamera, fine: PinholeCamera, source_from_target: Rotation | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source columns and rows of every fine target pixel, and which of them the source image shows."""
    turn = np.eye(3) if source_from_target is None else source_from_target.as_matrix()
    map_u, map_v = cv2.initUndistortRectifyMap(
        camera.matrix,
        np.array(camera.distortion) if camera.distortion else None,
        turn.T,
        fine.matrix,
        (fine.width, fine.height),
        cv2.CV_32FC1,
    )
    inside = (map_u >= -0.5) & (map_u <= camera.width - 0.5)
    inside &= (map_v >= -0.5) & (map_v <= camera.height - 0.5)
    if camera.distortion or source_from_target is not None:
        rays = fine.rays(fine.pixel_grid()) @ turn.T
        limit = _unfolded_tangent(camera) * rays[..., 2]
        inside &= (rays[..., 2] > 0.0) & (np.hypot(rays[..., 0], rays[..., 1]) <= limit)
    return map_u, map_v, inside


def _unfolded_tangent(camera: PinholeCamera) -> float:
    """Tangent of the angle off the axis up to which the lens maps rays outwards.

    A distortion polynomial is fitted inside the image; far outside, it may turn round and map rays that the
    camera never saw back into the image.
    """
    tangents = np.linspace(0.0, _STEEPEST_TANGENT, 1001)
    limit = _STEEPEST_TANGENT
    for direction in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
        rays = np.column_stack([np.outer(tangents, direction), np.ones_like(tangents)])
        outwards = np.diff(camera.project(rays) @ direction) > 0.0
        if not outwards.all():
            limit = min(limit, float(tangents[np.argmin(outwards)]))
    return limit


def _check(image: np.ndarray, camera: PinholeCamera, target: PinholeCamera, mask: np.ndarray | None) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise EscherNetError(
            f"the image must be uint8 RGB of shape [H, W, 3], it is {image.dtype} of shape {list(image.shape)}"
        )
    if image.shape[:2] != (camera.height, camera.width):
        raise EscherNetError(
            f"the image is {image.shape[1]}x{image.shape[0]} but its camera is "
            f"{camera.width}x{camera.height}: is the CameraInfo that of another stream or resolution?"
        )
    if mask is not None and (mask.shape != image.shape[:2] or mask.dtype != np.bool_):
        raise EscherNetError(
            f"the mask must be bool of shape {list(image.shape[:2])}, it is {mask.dtype} of shape {list(mask.shape)}"
        )
    if target.distortion:
        raise EscherNetError("the target camera must have no distortion")
