# SPDX-License-Identifier: Apache-2.0
"""Rows of enlarged pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.picture_grid import GridRow, picture_grid, save_picture_grid

COLOURS = [(200, 10, 30), (20, 180, 40), (10, 30, 220)]


def plain(colour: tuple[int, int, int], size: int = 16) -> np.ndarray:
    return np.full((size, size, 3), colour, np.uint8)


def count(page: Image.Image, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(page) == colour).all(axis=-1).sum())


def test_every_picture_is_there_enlarged_in_its_row_and_column(tmp_path):
    rows = [GridRow("Two.", [plain(COLOURS[0]), plain(COLOURS[1])], ["a", "b"]), GridRow("One.", [plain(COLOURS[2])])]
    save_picture_grid(tmp_path / "grid.png", rows, "Title", cell=48)
    with Image.open(tmp_path / "grid.png") as page:
        pixels = np.asarray(page)
        assert [count(page, colour) for colour in COLOURS] == [48 * 48] * 3
    places = [np.argwhere((pixels == colour).all(axis=-1)).min(axis=0) for colour in COLOURS]
    assert places[0][0] == places[1][0] < places[2][0]
    assert places[0][1] == places[2][1] < places[1][1]


def test_floats_are_drawn_as_their_8_bit_pixels():
    page = picture_grid([GridRow("One.", [plain(COLOURS[0]) / 255.0])], "Title", cell=20)
    assert count(page, COLOURS[0]) == 400


def test_a_long_label_widens_the_page():
    short, long = (picture_grid([GridRow(label, [plain(COLOURS[0])])], "T") for label in ("x", "long label " * 20))
    assert long.width > short.width


@pytest.mark.parametrize(("images", "captions"), [([], []), ([plain(COLOURS[0])], ["a", "b"])])
def test_a_row_that_does_not_fit_together(images, captions):
    with pytest.raises(EscherNetError, match="The row 'faces'"):
        GridRow("faces", images, captions)


def test_no_row():
    with pytest.raises(EscherNetError, match="'empty' has no row"):
        picture_grid([], "empty")
