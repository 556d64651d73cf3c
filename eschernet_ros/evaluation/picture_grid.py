# SPDX-License-Identifier: Apache-2.0
"""Rows of small pictures, enlarged, with a sentence above each row and a caption below each picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.metrics import to_uint8
from eschernet_ros.optional import require

_GAP, _MARGIN = 6, 14
_TITLE_HEIGHT, _LABEL_HEIGHT, _CAPTION_HEIGHT = 34, 24, 18
_TITLE_SIZE, _LABEL_SIZE, _CAPTION_SIZE = 20, 14, 11
_INK, _FAINT = "#1c1917", "#57534e"
_FRAME = "#d6d3d1"


@dataclass(frozen=True, eq=False)
class GridRow:
    """One row.

    Attributes:
        label: a sentence, written above the row.
        images: [H, W, 3] each, uint8 or float in [0, 1].
        captions: one a picture, or none at all.
    """

    label: str
    images: Sequence[NDArray]
    captions: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.images or (self.captions and len(self.captions) != len(self.images)):
            raise EscherNetError(
                f"The row '{self.label}' has {len(self.images)} pictures and {len(self.captions)} captions; it needs "
                "a picture, and a caption for each or none."
            )


def picture_grid(rows: Sequence[GridRow], title: str, cell: int = 128) -> Image.Image:
    """Draw the rows, all pictures ``cell`` pixels wide (bicubic).

    Raises:
        EscherNetError: no row.
        MissingDependencyError: matplotlib, whose font is used, is not installed.
    """
    if not rows:
        raise EscherNetError(f"The picture grid '{title}' has no row.")
    matplotlib = require("matplotlib", "pip install matplotlib", "the picture grid")
    font_file = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    fonts = {size: ImageFont.truetype(font_file, size) for size in (_TITLE_SIZE, _LABEL_SIZE, _CAPTION_SIZE)}
    columns = max(len(row.images) for row in rows)
    texts = [fonts[_TITLE_SIZE].getlength(title), *(fonts[_LABEL_SIZE].getlength(row.label) for row in rows)]
    width = 2 * _MARGIN + max(columns * (cell + _GAP) - _GAP, *(int(text) + 1 for text in texts))
    height = 2 * _MARGIN + _TITLE_HEIGHT + sum(_row_height(row, cell) for row in rows)
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    pen.text((_MARGIN, _MARGIN), title, _INK, fonts[_TITLE_SIZE])
    y = _MARGIN + _TITLE_HEIGHT
    for row in rows:
        pen.text((_MARGIN, y + 2), row.label, _INK, fonts[_LABEL_SIZE])
        top = y + _LABEL_HEIGHT
        for column, image in enumerate(row.images):
            x = _MARGIN + column * (cell + _GAP)
            shown = Image.fromarray(to_uint8(np.asarray(image))).resize((cell, cell), Image.Resampling.BICUBIC)
            page.paste(shown, (x, top))
            pen.rectangle((x - 1, top - 1, x + cell, top + cell), outline=_FRAME)
            if row.captions:
                middle = (x + cell // 2, top + cell + 2)
                pen.text(middle, row.captions[column], _FAINT, fonts[_CAPTION_SIZE], anchor="ma")
        y += _row_height(row, cell)
    return page


def save_picture_grid(path: Path, rows: Sequence[GridRow], title: str, cell: int = 128) -> None:
    """Draw the rows as :func:`picture_grid` does, into a PNG file."""
    picture_grid(rows, title, cell).save(path, optimize=True)


def _row_height(row: GridRow, cell: int) -> int:
    return _LABEL_HEIGHT + cell + _GAP + (_CAPTION_HEIGHT if row.captions else 0)
