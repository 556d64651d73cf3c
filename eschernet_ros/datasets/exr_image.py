# SPDX-License-Identifier: Apache-2.0
"""OpenEXR pictures (linear light, floating point) as 8-bit sRGB, read by OpenCV."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.optional import require

_SWITCH = "OPENCV_IO_ENABLE_OPENEXR"


def read_exr(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Colours of an EXR file clipped to 0..1 and encoded as sRGB (IEC 61966-2-1), and its alpha.

    OpenCV reads EXR files only where the environment variable OPENCV_IO_ENABLE_OPENEXR is set when it meets the first
    one; it is set here. Values that are not finite count as 0.

    Returns:
        uint8 RGB [H,W,3], and uint8 alpha [H,W], None where the file has none.

    Raises:
        DatasetError: the file is missing, damaged or of one channel only, or OpenCV has no EXR reader.
    """
    cv2 = require("cv2", 'pip install "opencv-python-headless<5"', "reading EXR images")
    os.environ.setdefault(_SWITCH, "1")
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise DatasetError(f"The image {path} cannot be read: {error.strerror or error}.") from error
    try:
        pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    except cv2.error as error:
        raise DatasetError(
            f"OpenCV does not read EXR files such as {path}: set {_SWITCH}=1 before the program starts, or install "
            "opencv-python-headless<5, whose build has the reader."
        ) from error
    if pixels is None:
        raise DatasetError(f"{path} is no EXR image, or a damaged one; restore it.")
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise DatasetError(f"{path} has the shape {list(pixels.shape)}; an RGB or RGBA image is needed.")
    values = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    rgb = _eight_bit(srgb_encoded(values[..., 2::-1]))
    return rgb, _eight_bit(values[..., 3]) if pixels.shape[2] == 4 else None


def srgb_encoded(linear: NDArray[np.floating]) -> NDArray[np.float64]:
    """Values of sRGB (0..1) for linear light, which is clipped to 0..1."""
    clipped = np.clip(linear, 0.0, 1.0).astype(np.float64)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def _eight_bit(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.rint(255.0 * np.clip(values, 0.0, 1.0)).astype(np.uint8)
