# SPDX-License-Identifier: Apache-2.0
"""Pictures inside the page: data addresses of bounded size, and pictures of errors."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.metrics import to_uint8
from eschernet_ros.evaluation.report.markup import Child, Markup, element

ERROR_LIMIT = 128
"""A mean absolute difference of the channels from here on, of 255, has the strongest colour."""

_ERROR_COLOURS = np.array(
    [(255, 255, 255), (254, 217, 118), (253, 141, 60), (227, 26, 28), (128, 0, 38), (40, 0, 20)], np.float64
)
"""From no error to ``ERROR_LIMIT``, evenly spaced."""


@dataclass(frozen=True)
class Encoding:
    """How pictures are written.

    Attributes:
        side: larger pictures are made smaller, longest side in pixels.
        quality: of the lossy compression, 1 to 100.
    """

    side: int
    quality: int


ENCODINGS = (Encoding(256, 85), Encoding(256, 70), Encoding(192, 65), Encoding(128, 60), Encoding(96, 50))
"""Tried one after the other until the page's pictures fit."""


def data_address(image: NDArray, encoding: Encoding = ENCODINGS[0]) -> str:
    """A ``data:`` address of a picture [H, W, 3], uint8 or float in [0, 1]: WebP, or JPEG where Pillow has no WebP.

    Raises:
        EscherNetError: another shape or type.
    """
    pixels = to_uint8(np.asarray(image))
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise EscherNetError(f"A picture of the report must be [H, W, 3], not {list(pixels.shape)}.")
    picture = Image.fromarray(pixels)
    picture.thumbnail((encoding.side, encoding.side), Image.Resampling.LANCZOS)
    kind = "webp" if features.check("webp") else "jpeg"
    stream = io.BytesIO()
    picture.save(stream, kind, quality=encoding.quality)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def error_picture(image: NDArray, truth: NDArray) -> NDArray[np.uint8]:
    """Where an image [H, W, 3] differs from the truth: mean absolute difference of the channels, from white over red to
    black at ``ERROR_LIMIT``; the same scale for every picture.

    Raises:
        EscherNetError: the shapes differ.
    """
    one, two = to_uint8(np.asarray(image)), to_uint8(np.asarray(truth))
    if one.shape != two.shape or one.ndim != 3:
        raise EscherNetError(f"Image {list(one.shape)} and truth {list(two.shape)} have no difference.")
    difference = np.abs(one.astype(np.float64) - two).mean(axis=-1)
    place = np.clip(difference / ERROR_LIMIT, 0.0, 1.0)
    steps = np.linspace(0.0, 1.0, len(_ERROR_COLOURS))
    channels = [np.interp(place, steps, _ERROR_COLOURS[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def error_scale_colours() -> Sequence[str]:
    """The colours of :func:`error_picture` as the page's style writes them, from no error to ``ERROR_LIMIT``."""
    return [f"rgb({red:.0f} {green:.0f} {blue:.0f})" for red, green, blue in _ERROR_COLOURS]


class PictureShelf:
    """The pictures of a folder of results, written into the page.

    A picture that cannot be read is left out and counted, for the page to say so.
    """

    def __init__(self, folder: Path, encoding: Encoding = ENCODINGS[0]) -> None:
        """Start with no picture taken.

        Args:
            folder: of the results; pictures are named relative to it.
            encoding: how they are written.
        """
        self.missing: dict[str, str] = {}
        self.total_bytes = 0
        self._folder, self._encoding = folder, encoding

    def pixels(self, name: str | None) -> NDArray[np.uint8] | None:
        """A picture [H, W, 3] by its path in the results; None where there is none or it cannot be read."""
        if name is None:
            return None
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            self.missing[name] = "its path leaves the folder of the results"
            return None
        try:
            with Image.open(self._folder / path) as picture:
                return np.asarray(picture.convert("RGB"))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            self.missing[name] = str(error)
            return None

    def figure(self, image: NDArray | None, alt: str, caption: Child, kind: str = "") -> Markup:
        """A picture with a caption; a sentence in its place where it is None."""
        if image is None:
            content = element("p", "not kept", class_="note")
        else:
            address = data_address(image, self._encoding)
            self.total_bytes += len(address)
            height, width = image.shape[:2]
            content = element("img", src=address, alt=alt, width=width, height=height, loading="lazy")
        return element("figure", content, element("figcaption", caption), class_=f"picture {kind}".strip())
