# SPDX-License-Identifier: Apache-2.0
"""Cameras of photographs: pinholes with OpenCV's distortion, and fisheye lenses, whose pictures become a pinhole's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.geometry import PinholeCamera
from eschernet_ros.optional import require


@dataclass(frozen=True)
class Lens:
    """A camera as a scene's file describes it.

    Attributes:
        camera: size, focal lengths, principal point (OpenCV pixels) and OpenCV's distortion.
        fisheye: k1 to k4 of OpenCV's fisheye model (Kannala and Brandt), theta_d = theta (1 + k1 theta^2 + ...); None
            for a lens without.
    """

    camera: PinholeCamera
    fisheye: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Photograph:
    """A picture of a pinhole camera with OpenCV's distortion.

    Attributes:
        rgb: uint8 [H,W,3].
        alpha: uint8 [H,W], None where the picture has none.
        mask: bool [H,W], true on the object; None where nothing tells.
        camera: its camera.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    mask: NDArray[np.bool_] | None
    camera: PinholeCamera


def without_fisheye(photograph: Photograph, fisheye: tuple[float, float, float, float]) -> Photograph:
    """The picture that a pinhole of the same size, focal lengths and principal point would have taken.

    It shows less than the fisheye picture: directions far off the axis do not fit. Where it shows what the lens did
    not, it is white, and outside the mask.
    """
    cv2 = require("cv2", 'pip install "opencv-python-headless<5"', "fisheye lenses")
    camera = photograph.camera
    size = (camera.width, camera.height)
    columns, rows = cv2.fisheye.initUndistortRectifyMap(
        camera.matrix, np.array(fisheye), np.eye(3), camera.matrix, size, cv2.CV_32FC1
    )
    inside = (columns >= -0.5) & (columns <= camera.width - 0.5) & (rows >= -0.5) & (rows <= camera.height - 0.5)
    inside &= _off_axis(camera) <= _largest_angle(fisheye)

    def moved(pixels: NDArray[np.uint8], method: int) -> NDArray[np.uint8]:
        return np.asarray(cv2.remap(pixels, columns, rows, method, borderMode=cv2.BORDER_REPLICATE))

    rgb = moved(photograph.rgb, cv2.INTER_LINEAR)
    alpha = None if photograph.alpha is None else moved(photograph.alpha, cv2.INTER_LINEAR)
    mask = None
    if photograph.mask is not None:
        mask = moved(photograph.mask.astype(np.uint8), cv2.INTER_NEAREST) > 0
    if not inside.all():
        mask = inside if mask is None else mask & inside
        rgb[~inside] = 255
        if alpha is not None:
            alpha[~inside] = 0
    return Photograph(rgb, alpha, mask, camera)


def _off_axis(camera: PinholeCamera) -> NDArray[np.float64]:
    """Angle between the optical axis and the ray of every pixel, [H,W] radians."""
    rays = camera.rays(camera.pixel_grid())
    return np.arctan(np.hypot(rays[..., 0], rays[..., 1]))


def _largest_angle(fisheye: tuple[float, float, float, float]) -> float:
    """The angle off the axis up to which the lens maps outwards; beyond it the polynomial turns round."""
    angles = np.linspace(0.0, np.pi / 2, 1001)
    powers = angles[:, None] ** (2 * np.arange(1, 5))
    outwards = np.diff(angles * (1.0 + powers @ np.array(fisheye))) > 0.0
    return float(angles[-1] if outwards.all() else angles[np.argmin(outwards)])
