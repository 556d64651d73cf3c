# SPDX-License-Identifier: Apache-2.0
"""Pinhole cameras with OpenCV's distortion, and the one camera that EscherNet was trained with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry.se3 import FloatArray
from eschernet_ros.optional import require

MODEL_FOCAL_PER_PIXEL = 280.0 / 256.0
"""Focal length of the training camera over its image width: 49.13 degrees field of view."""

MODEL_IMAGE_SIZE = 256

_DISTORTION_LENGTHS = (0, 4, 5, 8, 12, 14)


@dataclass(frozen=True)
class PinholeCamera:
    """Intrinsics of a camera. Pixel coordinates are OpenCV's: integers are pixel centres.

    Args:
        width: pixels.
        height: pixels.
        fx: focal length in pixels.
        fy: focal length in pixels.
        cx: principal point in pixels; the centre of the image is (width - 1) / 2.
        cy: principal point in pixels.
        distortion: coefficients in OpenCV's order (k1, k2, p1, p2, k3, ...): ROS ``plumb_bob`` (5) and
            ``rational_polynomial`` (8); empty for none.

    Raises:
        EscherNetError: a size or focal length that is not positive, values that are not finite, a number of
            coefficients that OpenCV's model does not have.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            value = getattr(self, name)
            if int(value) != value or value <= 0:
                raise EscherNetError(f"camera {name} must be a positive number of pixels, it is {value}")
            object.__setattr__(self, name, int(value))
        for name in ("fx", "fy", "cx", "cy"):
            value = float(getattr(self, name))
            if not np.isfinite(value) or (name in ("fx", "fy") and value <= 0.0):
                hint = " (an uncalibrated driver publishes zeros in CameraInfo)" if value == 0.0 else ""
                raise EscherNetError(
                    f"camera {name} must be {'positive' if name[0] == 'f' else 'finite'}, it is {value}{hint}"
                )
            object.__setattr__(self, name, value)
        distortion = tuple(float(value) for value in self.distortion)
        if len(distortion) not in _DISTORTION_LENGTHS or not np.isfinite(distortion).all():
            raise EscherNetError(
                f"camera distortion must be {', '.join(map(str, _DISTORTION_LENGTHS))} finite numbers "
                f"in OpenCV's order, it is {distortion}"
            )
        object.__setattr__(self, "distortion", distortion if any(distortion) else ())

    @classmethod
    def from_matrix(
        cls, matrix: ArrayLike, width: int, height: int, distortion: tuple[float, ...] = ()
    ) -> PinholeCamera:
        """From a [3, 3] camera matrix K (or its 9 numbers row by row, as in CameraInfo) and the image size.

        Raises:
            EscherNetError: not 9 numbers, skew, or a last row other than (0, 0, 1).
        """
        values = np.asarray(matrix, dtype=np.float64)
        if values.size != 9:
            raise EscherNetError(f"a camera matrix has 9 entries, this one has {values.size}")
        k = values.reshape(3, 3)
        if not np.allclose(k[2], (0.0, 0.0, 1.0)) or k[0, 1] != 0.0 or k[1, 0] != 0.0:
            raise EscherNetError(
                f"a camera matrix reads [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], this one is {k.tolist()}"
                + ("; it is transposed" if np.allclose(k[:, 2], (0.0, 0.0, 1.0)) else "")
                + ("; it is all zero, the camera is not calibrated" if not k.any() else "")
            )
        return cls(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2], distortion)

    @property
    def matrix(self) -> FloatArray:
        """The camera matrix K [3, 3]."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def project(self, points: ArrayLike) -> FloatArray:
        """Pixels [..., 2] of points [..., 3] in the optical frame; NaN for points not in front of it."""
        xyz = _last_axis(points, 3, "points")
        depth = xyz[..., 2]
        in_front = depth > 0.0
        normalised = xyz[..., :2] / np.where(in_front, depth, np.nan)[..., None]
        if self.distortion and in_front.any():
            rays = np.concatenate([normalised[in_front], np.ones((int(in_front.sum()), 1))], axis=-1)
            pixels, _ = _cv2().projectPoints(rays, np.zeros(3), np.zeros(3), self.matrix, np.array(self.distortion))
            result = np.full(normalised.shape, np.nan)
            result[in_front] = pixels.reshape(-1, 2)
            return result
        return normalised * (self.fx, self.fy) + (self.cx, self.cy)

    def rays(self, pixels: ArrayLike) -> FloatArray:
        """Directions [..., 3] with z = 1 in the optical frame of pixels [..., 2]; distortion is removed.

        Multiplied with a depth along z they are points.
        """
        uv = _last_axis(pixels, 2, "pixels")
        if self.distortion:
            cv2 = _cv2()
            criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-10)
            flat = cv2.undistortPointsIter(
                np.ascontiguousarray(uv.reshape(-1, 1, 2)),
                self.matrix,
                np.array(self.distortion),
                np.eye(3),
                np.eye(3),
                criteria,
            )
            normalised = flat.reshape(uv.shape)
        else:
            normalised = (uv - (self.cx, self.cy)) / (self.fx, self.fy)
        return np.concatenate([normalised, np.ones((*uv.shape[:-1], 1))], axis=-1)

    def pixel_grid(self) -> FloatArray:
        """Pixel coordinates (u, v) of every pixel centre, [height, width, 2]."""
        u, v = np.meshgrid(np.arange(self.width, dtype=np.float64), np.arange(self.height, dtype=np.float64))
        return np.stack([u, v], axis=-1)

    def contains(self, pixels: ArrayLike) -> np.ndarray:
        """Which pixels [..., 2] lie inside the image, to the outer edge of its border pixels; bool [...]."""
        uv = _last_axis(pixels, 2, "pixels")
        with np.errstate(invalid="ignore"):
            inside = (uv >= -0.5) & (uv <= (self.width - 0.5, self.height - 0.5))
        return np.asarray(inside.all(axis=-1))

    def scaled(self, factor: int) -> PinholeCamera:
        """The same view with every pixel divided into factor x factor pixels."""
        return replace(
            self,
            width=self.width * factor,
            height=self.height * factor,
            fx=self.fx * factor,
            fy=self.fy * factor,
            cx=(self.cx + 0.5) * factor - 0.5,
            cy=(self.cy + 0.5) * factor - 0.5,
        )

    def resized(self, width: int, height: int) -> PinholeCamera:
        """The camera of the whole image resized to ``width`` x ``height``; the focal lengths change separately."""
        across, down = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * across,
            fy=self.fy * down,
            cx=(self.cx + 0.5) * across - 0.5,
            cy=(self.cy + 0.5) * down - 0.5,
        )


def model_camera(size: int = MODEL_IMAGE_SIZE) -> PinholeCamera:
    """EscherNet's camera: square, f = 280 px at 256 px, principal point in the centre, no distortion.

    The network is never told its intrinsics, so every image must be resampled to this camera first.
    """
    focal = MODEL_FOCAL_PER_PIXEL * size
    centre = (size - 1) / 2.0
    return PinholeCamera(size, size, focal, focal, centre, centre)


def _last_axis(values: ArrayLike, length: int, name: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != length:
        raise EscherNetError(f"{name} must have shape [..., {length}], they have {list(array.shape)}")
    return array


def _cv2() -> ModuleType:
    return require("cv2", 'pip install "opencv-python-headless<5"', "lens distortion")
