# SPDX-License-Identifier: Apache-2.0
"""Resampling an image from the camera that took it to another pinhole at the same place."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry.camera import PinholeCamera
from eschernet_ros.optional import require

_FOLD_MARGIN = 1.05


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
    fine = target.scaled(factor)
    pixels, inside = _source_pixels(camera, fine, source_from_target)

    foreground = np.ones(image.shape[:2], np.float32) if mask is None else mask.astype(np.float32)
    premultiplied = np.dstack([image.astype(np.float32) * foreground[..., None], foreground])
    maps = np.where(inside[..., None], pixels, 0.0).astype(np.float32)
    sampled = cv2.remap(premultiplied, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sampled *= inside[..., None]
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
    camera: PinholeCamera, fine: PinholeCamera, source_from_target: Rotation | None
) -> tuple[np.ndarray, np.ndarray]:
    """Source pixel [H, W, 2] of every fine target pixel, and which of them lie inside the source image."""
    rays = fine.rays(fine.pixel_grid())
    if source_from_target is not None:
        rays = rays @ source_from_target.as_matrix().T
    pixels = camera.project(rays)
    inside = camera.contains(pixels)
    if camera.distortion:
        # beyond the field of view the polynomial folds back into the image: those rays were never seen
        with np.errstate(invalid="ignore", divide="ignore"):
            radius = np.hypot(rays[..., 0], rays[..., 1]) / rays[..., 2]
            inside &= radius <= _FOLD_MARGIN * _largest_radius(camera)
    return pixels, inside


def _largest_radius(camera: PinholeCamera) -> float:
    """Largest tangent of the angle off the axis that the image border sees."""
    columns = np.linspace(-0.5, camera.width - 0.5, 33)
    rows = np.linspace(-0.5, camera.height - 0.5, 33)
    border = np.concatenate(
        [np.stack([columns, np.full(33, row)], axis=-1) for row in (rows[0], rows[-1])]
        + [np.stack([np.full(33, column), rows], axis=-1) for column in (columns[0], columns[-1])]
    )
    rays = camera.rays(border)
    return float(np.hypot(rays[:, 0], rays[:, 1]).max())


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
