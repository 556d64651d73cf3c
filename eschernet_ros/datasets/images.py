# SPDX-License-Identifier: Apache-2.0
"""Image files as the model's images and masks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.published_images import published_image, white_composite

_EIGHT_BIT_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


def read_picture(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Read any 8-bit picture: uint8 RGB [H,W,3], and its alpha [H,W], None where it has none.

    Pixels come as they are stored: a rotation that a camera notes in EXIF is not applied, as COLMAP and nerfstudio
    apply none.

    Raises:
        DatasetError: when the file is missing, no image, damaged, or has more than 8 bits a channel.
    """
    with _opened(path) as opened:
        if opened.mode not in _EIGHT_BIT_MODES:
            raise DatasetError(
                f"{path} has more than 8 bits a channel (mode {opened.mode}); convert it to an 8-bit PNG or JPEG."
            )
        if not _has_alpha(opened):
            return np.asarray(opened.convert("RGB")), None
        rgba = np.asarray(opened.convert("RGBA"))
    return rgba[..., :3], rgba[..., 3]


def picture_header(path: Path) -> tuple[tuple[int, int], bool]:
    """Width and height of a picture, and whether it has alpha; its pixels are not read.

    Raises:
        DatasetError: when the file is missing or no image.
    """
    with _opened(path) as opened:
        return opened.size, _has_alpha(opened)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The picture; what goes wrong while it is open becomes a sentence."""
    try:
        with Image.open(path) as opened:
            yield opened
    except UnidentifiedImageError as error:
        raise DatasetError(f"{path} is no image, or a damaged one; restore it.") from error
    except (OSError, SyntaxError) as error:
        raise DatasetError(f"The image {path} cannot be read: {error}") from error


def _has_alpha(opened: Image.Image) -> bool:
    return "A" in opened.getbands() or "transparency" in opened.info


def read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask file: bool [H,W], true where it is at least half white.

    Args:
        path: the file; the first channel counts.
        size: width and height that it must have.

    Raises:
        DatasetError: as :func:`read_picture`, and when the size is another one.
    """
    rgb, _ = read_picture(path)
    if (rgb.shape[1], rgb.shape[0]) != size:
        raise DatasetError(
            f"The mask {path} is {rgb.shape[1]}x{rgb.shape[0]}, its image {size[0]}x{size[1]}; make it anew "
            "from that image."
        )
    return rgb[..., 0] >= 128


def sized(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, size: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Image and mask of a picture by the published rule, resized to ``size`` x ``size``.

    Args:
        rgb: [H,W,3].
        alpha: [H,W]; None: the picture has none, and no mask.
        size: side to which both are resized; None keeps the size.

    Returns:
        uint8 RGB, white where alpha is exactly 0, and the mask, true where the (resized) alpha covers at least half
        of the pixel; None without alpha.
    """
    opaque = np.full(rgb.shape[:2], 255, np.uint8) if alpha is None else alpha
    rgba = np.dstack([rgb, opaque])
    if size is None:
        return white_composite(rgba), None if alpha is None else alpha >= 128
    image = published_image(rgba, size)
    if alpha is None:
        return image, None
    resized = Image.fromarray(alpha).resize((size, size), Image.Resampling.BILINEAR)
    return image, np.asarray(resized) >= 128


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
    rgb, alpha = read_picture(path)
    if alpha is None:
        raise DatasetError(
            f"{path} has no alpha channel; the layout needs RGBA images, whose alpha is the object's mask."
        )
    image, mask = sized(rgb, alpha, size)
    assert mask is not None
    return image, mask


def read_images(paths: Sequence[Path], size: int | None) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Read N >= 1 RGBA files; see :func:`read_image`. Returns images [N,H,W,3] and masks [N,H,W].

    Raises:
        DatasetError: as :func:`read_image`, and when sizes differ and ``size`` is None.
    """
    loaded = [read_image(path, size) for path in paths]
    images = stack_images([image for image, _ in loaded], paths[0].parent)
    return images, np.stack([mask for _, mask in loaded])


def stack_images(images: Sequence[NDArray[np.uint8]], folder: Path) -> NDArray[np.uint8]:
    """N images as one array [N,H,W,3].

    Raises:
        DatasetError: when their sizes differ; names the folder.
    """
    shapes = {image.shape[:2] for image in images}
    if len(shapes) > 1:
        raise DatasetError(f"The images of {folder} differ in size ({sorted(shapes)}); give an image_size.")
    return np.stack(images)
