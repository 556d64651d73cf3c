# SPDX-License-Identifier: Apache-2.0
"""Image files as the model's images and masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.published_images import published_image, white_composite


def read_image(path: Path, size: int | None) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Read an RGBA file by the published rule.

    Args:
        path: the file.
        size: side to which image and mask are resized; None keeps the file's own size.

    Returns:
        uint8 RGB [H,W,3], white where alpha is exactly 0, and its bool mask [H,W], true where the (resized)
        alpha covers at least half of the pixel.

    Raises:
        DatasetError: when the file is missing, no image, or has no alpha channel.
    """
    try:
        with Image.open(path) as opened:
            if "A" not in opened.getbands():
                raise DatasetError(
                    f"{path} has no alpha channel (mode {opened.mode}); the layout needs RGBA images, whose "
                    "alpha is the object's mask."
                )
            rgba = np.asarray(opened.convert("RGBA"))
    except UnidentifiedImageError as error:
        raise DatasetError(f"{path} is no image, or a damaged one; restore it.") from error
    except (OSError, SyntaxError) as error:
        raise DatasetError(f"The image {path} cannot be read: {error}") from error
    if size is None:
        return white_composite(rgba), rgba[..., 3] >= 128
    alpha = Image.fromarray(rgba[..., 3]).resize((size, size), Image.Resampling.BILINEAR)
    return published_image(rgba, size), np.asarray(alpha) >= 128


def read_images(paths: Sequence[Path], size: int | None) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Read N >= 1 RGBA files; see :func:`read_image`. Returns images [N,H,W,3] and masks [N,H,W].

    Raises:
        DatasetError: as :func:`read_image`, and when sizes differ and ``size`` is None.
    """
    loaded = [read_image(path, size) for path in paths]
    shapes = {image.shape[:2] for image, _ in loaded}
    if len(shapes) > 1:
        raise DatasetError(f"The images of {paths[0].parent} differ in size ({sorted(shapes)}); give an image_size.")
    return np.stack([image for image, _ in loaded]), np.stack([mask for _, mask in loaded])
