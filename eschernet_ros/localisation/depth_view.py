# SPDX-License-Identifier: Apache-2.0
"""The points that one depth image measures, in the robot's base frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

MAX_RANGE_M = 1.0
_STRIDE_PX = 2
_EDGE_JUMP = 0.03
"""Neighbouring depths that differ by more than this share are an edge, and points on edges lie between two surfaces."""
_NOISE_PER_M2 = 0.005
"""Depth noise of a D435i at 640x480: z^2 * subpixel / (focal * baseline), 0.08 px, 337 px and 50 mm (Intel, "Tuning
depth cameras for best performance")."""


@dataclass(frozen=True, eq=False)
class DepthView:
    """Points seen from one place.

    Attributes:
        points: [N, 3] float64, base frame, metres.
        noise: [N] float64, their expected depth noise, metres.
        base_from_camera_optical: pose of the camera.
    """

    points: NDArray[np.float64]
    noise: NDArray[np.float64]
    base_from_camera_optical: SE3


def depth_view(
    depth: np.ndarray, camera: PinholeCamera, base_from_camera_optical: SE3, max_range: float = MAX_RANGE_M
) -> DepthView:
    """The points of a depth image, every other row and column, without those on depth edges.

    Args:
        depth: [H, W] float, metres along the optical axis, 0 or NaN = no measurement.
        camera: the camera of the depth image.
        base_from_camera_optical: its pose, metres.
        max_range: points farther away are left out, metres.

    Raises:
        EscherNetError: depth of another size than the camera's or of an integer type, a range that is not positive.
    """
    if depth.shape != (camera.height, camera.width) or not np.issubdtype(depth.dtype, np.floating):
        raise EscherNetError(
            f"the depth image is {depth.dtype} {list(depth.shape)}, its camera {camera.width}x{camera.height}: "
            "float metres aligned to the colour camera are needed"
        )
    if not max_range > 0.0:
        raise EscherNetError(f"the largest range must be positive, it is {max_range} m")
    metres = np.where(np.isfinite(depth) & (depth > 0.0), depth, 0.0).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    far = np.where(metres > 0.0, metres, np.inf).astype(np.float32)
    edge = cv2.dilate(metres, kernel) - cv2.erode(far, kernel) > _EDGE_JUMP * metres
    usable = (metres > 0.0) & (metres <= max_range) & ~edge
    sparse = np.zeros_like(usable)
    sparse[::_STRIDE_PX, ::_STRIDE_PX] = True
    rows, columns = np.nonzero(usable & sparse)
    z = metres[rows, columns].astype(np.float64)
    rays = camera.rays(np.stack([columns, rows], axis=-1))
    return DepthView(base_from_camera_optical @ (rays * z[:, None]), _NOISE_PER_M2 * z * z, base_from_camera_optical)
