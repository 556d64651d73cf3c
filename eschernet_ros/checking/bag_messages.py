# SPDX-License-Identifier: Apache-2.0
"""Messages of a bag as arrays and transforms. Knows fields by name only, so no ROS package is imported."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

_COLOUR = {
    "rgb8": (3, (0, 1, 2)),
    "bgr8": (3, (2, 1, 0)),
    "rgba8": (4, (0, 1, 2)),
    "bgra8": (4, (2, 1, 0)),
    "mono8": (1, (0, 0, 0)),
}
_DISTORTIONS = ("", "plumb_bob", "rational_polynomial")


def colour_of(message: Any) -> NDArray[np.uint8]:
    """[H, W, 3] uint8 RGB of an Image or CompressedImage.

    Raises:
        EscherNetError: an encoding that is not understood, or damaged data.
    """
    if hasattr(message, "format"):
        picture = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise EscherNetError(f"a compressed image (format '{message.format}') in the bag cannot be decoded")
        return np.ascontiguousarray(picture[..., ::-1])
    if message.encoding not in _COLOUR:
        raise EscherNetError(f"a colour image has encoding '{message.encoding}'; understood are {', '.join(_COLOUR)}")
    channels, order = _COLOUR[message.encoding]
    return np.ascontiguousarray(_rows(message, np.dtype(np.uint8), channels)[..., order])


def depth_of(message: Any) -> NDArray[np.float32]:
    """[H, W] float32 metres, 0 = no measurement, of a 16UC1 (mm) or 32FC1 (m) Image (REP 118).

    Raises:
        EscherNetError: another encoding, or data that do not fit the size.
    """
    order = ">" if message.is_bigendian else "<"
    if message.encoding in ("16UC1", "mono16"):
        return _rows(message, np.dtype(order + "u2"), 1)[..., 0].astype(np.float32) * np.float32(1e-3)
    if message.encoding == "32FC1":
        depth = _rows(message, np.dtype(order + "f4"), 1)[..., 0].astype(np.float32)
        return np.where(np.isfinite(depth), depth, np.float32(0.0))
    raise EscherNetError(f"a depth image has encoding '{message.encoding}'; understood are 16UC1, 32FC1 (REP 118)")


def camera_of(message: Any) -> PinholeCamera:
    """Intrinsics of a CameraInfo.

    Raises:
        EscherNetError: not calibrated, or a distortion model that is not OpenCV's.
    """
    if message.distortion_model not in _DISTORTIONS:
        raise EscherNetError(
            f"camera_info has distortion model '{message.distortion_model}'; understood are plumb_bob and "
            "rational_polynomial"
        )
    return PinholeCamera.from_matrix(message.k, message.width, message.height, tuple(float(v) for v in message.d))


def transform_of(message: Any) -> SE3:
    """A Transform or a Pose.

    Raises:
        EscherNetError: no rigid transform.
    """
    position = message.translation if hasattr(message, "translation") else message.position
    turn = message.rotation if hasattr(message, "rotation") else message.orientation
    return SE3.from_quaternion_xyzw([turn.x, turn.y, turn.z, turn.w], [position.x, position.y, position.z])


def _rows(message: Any, dtype: np.dtype, channels: int) -> NDArray:
    """Pixels [H, W, channels] without the padding at the end of the rows."""
    row = message.width * channels * dtype.itemsize
    size = message.step * message.height
    if message.step < row or len(message.data) < size:
        raise EscherNetError(
            f"an image of {message.width}x{message.height} '{message.encoding}' holds {len(message.data)} bytes in "
            f"rows of {message.step}; it needs rows of {row}"
        )
    buffer = np.frombuffer(message.data, np.uint8, size).reshape(message.height, message.step)[:, :row]
    return np.ascontiguousarray(buffer).view(dtype).reshape(message.height, message.width, channels)
