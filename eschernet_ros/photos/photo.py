# SPDX-License-Identifier: Apache-2.0
"""Photos in a folder, as the sensor saw them.

Phones store how they were held (EXIF orientation). It is not applied: all photos then have one size and one camera, and
the turn is part of the pose, which is how COLMAP reads them too.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from eschernet_ros.datasets import DatasetError
from eschernet_ros.errors import first_line
from eschernet_ros.geometry import PinholeCamera

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")

_ORIENTATION_TAG = 0x0112
_UPS = {3: (0.0, 1.0, 0.0), 6: (-1.0, 0.0, 0.0), 8: (1.0, 0.0, 0.0)}
"""EXIF orientation -> which way of the stored picture was up (optical axes: x right, y down); else its top."""
_EXIF_IFD = 0x8769
_FOCAL_35MM_TAG = 0xA405
_DIAGONAL_35MM = math.hypot(36.0, 24.0)


@dataclass(frozen=True)
class Photo:
    """A picture file; pixels are read when they are needed.

    Attributes:
        path: the file.
        width, height: pixels, as stored.
    """

    path: Path
    width: int
    height: int

    def read(self) -> NDArray[np.uint8]:
        """Pixels [H,W,3] RGB.

        Raises:
            DatasetError: the file is damaged.
        """
        try:
            with Image.open(self.path) as image:
                return np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise DatasetError(f"The photo {self.path} cannot be read: {first_line(error)}.") from error

    @property
    def up(self) -> tuple[float, float, float]:
        """Which way of the camera's optical frame was up as it was held, by the EXIF orientation."""
        with Image.open(self.path) as image:
            orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        return _UPS.get(orientation, (0.0, -1.0, 0.0))

    def exif_focal_px(self) -> float | None:
        """Focal length in pixels from the 35 mm equivalent in the EXIF data; None when it is not there.

        The equivalent has the same diagonal angle of view on film of 36x24 mm (CIPA DCG-001). Phones round it to whole
        millimetres, so it is good to a few per cent.
        """
        with Image.open(self.path) as image:
            value = image.getexif().get_ifd(_EXIF_IFD).get(_FOCAL_35MM_TAG)
        if not value or not float(value) > 0.0:
            return None
        return float(value) / _DIAGONAL_35MM * math.hypot(self.width, self.height)


def find_photos(folder: Path) -> list[Photo]:
    """The photos of a folder by name; hidden files and other kinds of files are left out.

    Raises:
        DatasetError: no folder, no photo in it, or one that cannot be read.
    """
    if not folder.is_dir():
        raise DatasetError(f"The folder of photos {folder} does not exist.")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not paths:
        raise DatasetError(f"{folder} holds no photo; looked for {', '.join(SUFFIXES)}.")
    return [open_photo(path) for path in paths]


def open_photo(path: Path) -> Photo:
    """A photo with its size.

    Raises:
        DatasetError: the file is missing or no picture.
    """
    try:
        with Image.open(path) as image:
            return Photo(path, *image.size)
    except UnidentifiedImageError as error:
        raise DatasetError(f"{path} is no picture, or a damaged one; remove it from the folder.") from error
    except OSError as error:
        raise DatasetError(f"The photo {path} cannot be read: {first_line(error)}.") from error


def check_one_size(photos: list[Photo]) -> tuple[int, int]:
    """The size (width, height) that all photos have.

    Raises:
        DatasetError: they differ; names those that are unlike most.
    """
    counts = Counter((photo.width, photo.height) for photo in photos)
    size, count = counts.most_common(1)[0]
    others = [photo for photo in photos if (photo.width, photo.height) != size]
    if others:
        named = ", ".join(f"{photo.path.name} ({photo.width}x{photo.height})" for photo in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise DatasetError(
            f"The photos differ in size: {count} have {size[0]}x{size[1]} pixels, but {named}{more} not. One camera "
            "without cropping or zooming is needed; remove the others, or use COLMAP, which takes several cameras."
        )
    return size


def exif_focal_px(photos: list[Photo]) -> float | None:
    """Median of the focal lengths that the photos' EXIF data tell, pixels; None when none does."""
    known = [value for value in (photo.exif_focal_px() for photo in photos) if value is not None]
    return median(known) if known else None


def camera_of_focal(photos: list[Photo], focal: str) -> PinholeCamera:
    """A camera of square pixels, with its principal point in the middle and no distortion.

    Args:
        photos: of one size.
        focal: pixels, or ``exif``: the median of what the photos' EXIF data say.

    Raises:
        DatasetError: photos of different sizes, a focal length that is no positive number, no photo with EXIF data.
    """
    width, height = check_one_size(photos)
    if focal == "exif":
        found = exif_focal_px(photos)
        if found is None:
            raise DatasetError(
                f"None of the {len(photos)} photos tells its focal length (35 mm equivalent) in EXIF data; state it in "
                "pixels, or leave it to be found from the board."
            )
        pixels = found
    else:
        try:
            pixels = float(focal)
        except ValueError as error:
            raise DatasetError(f"The focal length '{focal}' is neither a number of pixels nor 'exif'.") from error
        if not 0.0 < pixels < math.inf:
            raise DatasetError(f"The focal length must be a positive number of pixels, it is {focal}.")
    return PinholeCamera(width, height, pixels, pixels, (width - 1) / 2.0, (height - 1) / 2.0)
