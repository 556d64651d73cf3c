# SPDX-License-Identifier: Apache-2.0
"""Pictures in the page: what they show, how large they get, and what happens to those that are missing."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.report.pictures import (
    ERROR_LIMIT,
    Encoding,
    PictureShelf,
    data_address,
    error_picture,
    error_scale_colours,
)


def decoded(address: str) -> Image.Image:
    head, content = address.split(",")
    assert head in ("data:image/webp;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_data_address_holds_the_picture():
    image = np.full((40, 60, 3), (200, 30, 90), np.uint8)
    picture = decoded(data_address(image))
    assert picture.size == (60, 40)
    assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - image).max() <= 4
    assert decoded(data_address(image / 255.0, Encoding(30, 60))).size == (30, 20)
    with pytest.raises(EscherNetError, match=r"must be \[H, W, 3\], not \[4, 4\]"):
        data_address(np.zeros((4, 4), np.uint8))


def test_errors_by_hand():
    truth = np.zeros((1, 4, 3), np.uint8)
    image = truth.copy()
    image[0, 1] = (0, 0, 3 * ERROR_LIMIT // 5)  # a mean difference of a fifth of the limit: the second of six colours
    image[0, 2] = ERROR_LIMIT
    image[0, 3] = 255
    shown = error_picture(image, truth)[0]
    colours = [tuple(int(part) for part in colour[4:-1].split()) for colour in error_scale_colours()]
    assert tuple(shown[0]) == colours[0] == (255, 255, 255)
    assert np.abs(shown[1].astype(int) - colours[1]).max() <= 3
    assert tuple(shown[2]) == tuple(shown[3]) == colours[-1]
    assert (error_picture(truth, image) == error_picture(image, truth)).all()
    with pytest.raises(EscherNetError, match="have no difference"):
        error_picture(truth, truth[:, :2])


def test_missing_broken_and_foreign_pictures_are_counted(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "broken.png").write_bytes(b"no picture")
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    shelf = PictureShelf(tmp_path / "results")
    assert shelf.pixels(None) is None
    assert not shelf.missing
    for name in ("absent.png", "broken.png", "../secret.png", str(tmp_path / "secret.png")):
        assert shelf.pixels(name) is None
    assert len(shelf.missing) == 4
    assert shelf.missing["../secret.png"] == "its path leaves the folder of the results"
    assert "not kept" in shelf.figure(None, "alt", "caption")
    assert shelf.total_bytes == 0


def test_the_shelf_counts_the_bytes_it_writes(tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    shelf = PictureShelf(tmp_path)
    image = shelf.pixels("red.png")
    figure = shelf.figure(image, 'a "red" square', "red & round?")
    assert 'alt="a &quot;red&quot; square"' in figure
    assert "red &amp; round?" in figure
    assert shelf.total_bytes == len(data_address(image))
