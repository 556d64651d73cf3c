# SPDX-License-Identifier: Apache-2.0
"""Pixels of image messages, read by rclpy from a topic or by rosbags from a file. Knows fields by name only."""

from __future__ import annotations

from typing import Any

import numpy as np

from eschernet_ros.errors import EscherNetError

# sensor_msgs/Image encodings understood: channels, and the order that makes them RGB
_COLOUR = {
    "rgb8": (3, (0, 1, 2)),
    "bgr8": (3, (2, 1, 0)),
    "rgba8": (4, (0, 1, 2)),
    "bgra8": (4, (2, 1, 0)),
    "mono8": (1, (0, 0, 0)),
}


def _rows(message: Any, dtype: np.dtype, channels: int) -> np.ndarray:
    """Return the pixels [H,W,channels] of a message, without the padding at the end of its rows."""
    row = message.width * channels * dtype.itemsize
    size = message.step * message.height
    if message.step < row or len(message.data) < size:
        raise EscherNetError(
            f"image {message.width}x{message.height} '{message.encoding}' holds {len(message.data)} bytes with rows of "
            f"{message.step}; it needs rows of {row}: the publisher fills 'step' or 'data' wrongly"
        )
    buffer = np.frombuffer(message.data, np.uint8, size).reshape(message.height, message.step)[:, :row]
    return np.ascontiguousarray(buffer).view(dtype).reshape(message.height, message.width, channels)


def colour_from_image(message: Any) -> np.ndarray:
    """Return [H,W,3] uint8 RGB of an 8-bit image message.

    Raises:
        EscherNetError: for another encoding, or data that do not fit the size.
    """
    if message.encoding not in _COLOUR:
        raise EscherNetError(
            f"colour image has encoding '{message.encoding}'; understood are {', '.join(_COLOUR)} "
            "(raw Bayer and YUV need image_proc or a driver setting)"
        )
    channels, order = _COLOUR[message.encoding]
    return np.ascontiguousarray(_rows(message, np.dtype(np.uint8), channels)[..., order])


def depth_from_image(message: Any) -> np.ndarray:
    """Return [H,W] float32 metres (0 = no measurement) of a depth image: 16UC1 in mm or 32FC1 in m (REP 118).

    Raises:
        EscherNetError: for another encoding, or data that do not fit the size.
    """
    order = ">" if message.is_bigendian else "<"
    if message.encoding in ("16UC1", "mono16"):
        return _rows(message, np.dtype(order + "u2"), 1)[..., 0].astype(np.float32) * np.float32(1e-3)
    if message.encoding == "32FC1":
        depth = _rows(message, np.dtype(order + "f4"), 1)[..., 0].astype(np.float32)
        return np.where(np.isfinite(depth), depth, np.float32(0.0))
    raise EscherNetError(
        f"depth image has encoding '{message.encoding}'; understood are 16UC1 (millimetres) and 32FC1 (metres), REP 118"
    )


def mask_from_image(message: Any) -> np.ndarray:
    """Return [H,W] bool of a ``mono8`` mask message: 128 and above is object."""
    if message.encoding not in ("mono8", "8UC1"):
        raise EscherNetError(f"mask image has encoding '{message.encoding}'; it must be mono8 or 8UC1")
    return np.asarray(_rows(message, np.dtype(np.uint8), 1)[..., 0] >= 128)
