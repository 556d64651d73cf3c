# SPDX-License-Identifier: Apache-2.0
"""The pictures of an evaluation as files; paths in results are relative to its folder."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eschernet_ros.datasets.atomic_files import write_error

IMAGES = "images"


def folder_name(name: str) -> str:
    """An object's name as a folder's: what is no letter, digit, dot or dash becomes ``_``, and names stay apart."""
    plain = re.sub(r"[^A-Za-z0-9.-]", "_", name)
    if plain == name and not name.startswith("."):
        return name
    return f"{plain.lstrip('.')}_{zlib.crc32(name.encode()):08x}"


class PictureFiles:
    """Writes the pictures of one object.

    Args:
        folder: of the results.
        object_name: whose pictures.
    """

    def __init__(self, folder: Path, object_name: str) -> None:
        self._folder = folder
        self._inside = Path(IMAGES) / folder_name(object_name)

    def write(self, place: str, view_id: int, picture: NDArray[np.uint8] | NDArray[np.bool_]) -> str:
        """Write a view, or a mask (bool: white is the object), as PNG; returns its path in the results.

        Raises:
            DatasetWriteError: it cannot be written.
        """
        path = self._inside / place / f"view_{view_id:03d}.png"
        pixels = picture.astype(np.uint8) * 255 if picture.dtype == np.bool_ else picture
        target = self._folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(target)
        except OSError as error:
            raise write_error(target, error) from error
        return path.as_posix()
