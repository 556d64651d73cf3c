# SPDX-License-Identifier: Apache-2.0
"""Pixels of image messages, read by rclpy from a topic or by rosbags from a file. Knows fields by name only.

Beside Image also CompressedImage (image_transport): JPEG and PNG colour, PNG depth (``compressed`` and
``compressedDepth``), since bags often hold nothing else.
"""

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


_DEPTH_HEADER = 12
"""Bytes before the PNG of a compressedDepth message: format and two numbers for inverse depth (image_transport)."""


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
    """Return [H,W,3] uint8 RGB of an 8-bit Image, or of a CompressedImage.

    Raises:
        EscherNetError: for another encoding, or data that do not fit the size.
    """
    if hasattr(message, "format"):
        return np.ascontiguousarray(_decompressed(message, message.data, colour=True)[..., ::-1])
    if message.encoding not in _COLOUR:
        raise EscherNetError(
            f"colour image has encoding '{message.encoding}'; understood are {', '.join(_COLOUR)} "
            "(raw Bayer and YUV need image_proc or a driver setting)"
        )
    channels, order = _COLOUR[message.encoding]
    pixels = _rows(message, np.dtype(np.uint8), channels)
    return pixels if order == tuple(range(channels)) else np.ascontiguousarray(pixels[..., order])


def depth_from_image(message: Any) -> np.ndarray:
    """Return [H,W] float32 metres (0 = no measurement) of a depth image: 16UC1 in mm or 32FC1 in m (REP 118).

    A CompressedImage must hold millimetres as 16-bit PNG, with or without compressedDepth's header.

    Raises:
        EscherNetError: for another encoding, or data that do not fit the size.
    """
    depth = _stored_depth(message)
    if depth.dtype == np.uint16:
        return depth.astype(np.float32) * np.float32(1e-3)
    return np.where(np.isfinite(depth), depth, np.float32(0.0))


def depth_mm_from_image(message: Any) -> np.ndarray:
    """Return [H,W] uint16 millimetres (0 = no measurement) of a depth image, as :func:`depth_from_image` takes them.

    Metres are rounded to millimetres; beyond 65.5 m nothing counts as measured.

    Raises:
        EscherNetError: as :func:`depth_from_image`.
    """
    depth = _stored_depth(message)
    if depth.dtype == np.uint16:
        return depth
    with np.errstate(invalid="ignore"):
        millimetres = np.rint(depth * np.float32(1e3))
        measured = (millimetres > 0.0) & (millimetres <= np.iinfo(np.uint16).max)
    return np.where(measured, millimetres, np.float32(0.0)).astype(np.uint16)


def _stored_depth(message: Any) -> np.ndarray:
    """The values of a depth image: uint16 millimetres or float32 metres, which may not be finite."""
    if hasattr(message, "format"):
        data = bytes(message.data)
        if "compressedDepth" in message.format or data[:4] != b"\x89PNG":
            data = data[_DEPTH_HEADER:]
        depth = _decompressed(message, data, colour=False)
        if depth.dtype != np.uint16 or depth.ndim != 2:
            raise EscherNetError(
                f"compressed depth (format '{message.format}') holds {depth.dtype} {list(depth.shape)}; 16-bit PNG of "
                "one channel (16UC1, millimetres) is understood: record the raw depth image"
            )
        return depth
    order = ">" if message.is_bigendian else "<"
    if message.encoding in ("16UC1", "mono16"):
        return _rows(message, np.dtype(order + "u2"), 1)[..., 0].astype(np.uint16, copy=False)
    if message.encoding == "32FC1":
        return _rows(message, np.dtype(order + "f4"), 1)[..., 0].astype(np.float32, copy=False)
    raise EscherNetError(
        f"depth image has encoding '{message.encoding}'; understood are 16UC1 (millimetres) and 32FC1 (metres), REP 118"
    )


def mask_from_image(message: Any) -> np.ndarray:
    """Return [H,W] bool of a ``mono8`` mask message: 128 and above is object."""
    if message.encoding not in ("mono8", "8UC1"):
        raise EscherNetError(f"mask image has encoding '{message.encoding}'; it must be mono8 or 8UC1")
    return np.asarray(_rows(message, np.dtype(np.uint8), 1)[..., 0] >= 128)


def _decompressed(message: Any, data: Any, *, colour: bool) -> np.ndarray:
    """The picture of a CompressedImage as OpenCV reads it."""
    import cv2

    flags = cv2.IMREAD_COLOR if colour else cv2.IMREAD_UNCHANGED
    buffer = np.frombuffer(data, np.uint8)
    picture = cv2.imdecode(buffer, flags) if len(buffer) else None
    if picture is None:
        raise EscherNetError(f"a compressed image (format '{message.format}', {len(buffer)} bytes) cannot be decoded")
    return np.asarray(picture)
