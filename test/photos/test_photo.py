# SPDX-License-Identifier: Apache-2.0
"""Photo files: sizes, EXIF, and folders that hold none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.datasets import DatasetError
from eschernet_ros.photos.photo import camera_of_focal, find_photos, open_photo


def jpeg(path: Path, focal_35mm: int | None = None, orientation: int | None = None) -> Path:
    image = Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3))
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    if focal_35mm is not None:
        exif.get_ifd(0x8769)[0xA405] = focal_35mm
    image.save(path, exif=exif)
    return path


def test_focal_length_from_exif(tmp_path: Path):
    """A normal lens: 43.27 mm, the diagonal of the film, makes the focal length the picture's diagonal."""
    photo = open_photo(jpeg(tmp_path / "a.jpg", 26))
    assert photo.exif_focal_px() == pytest.approx(26 / math.hypot(36, 24) * 80)
    camera = camera_of_focal([photo, open_photo(jpeg(tmp_path / "b.jpg"))], "exif")
    assert camera.fx == camera.fy == photo.exif_focal_px()
    assert (camera.cx, camera.cy) == (31.5, 23.5)
    assert open_photo(tmp_path / "b.jpg").exif_focal_px() is None


@pytest.mark.parametrize(
    ("orientation", "up"), [(None, (0, -1, 0)), (1, (0, -1, 0)), (3, (0, 1, 0)), (6, (-1, 0, 0)), (8, (1, 0, 0))]
)
def test_orientation_tells_up_but_turns_nothing(tmp_path: Path, orientation: int | None, up):
    path = jpeg(tmp_path / "a.jpg", orientation=orientation)
    photo = open_photo(path)
    assert photo.up == up
    assert (photo.width, photo.height) == (64, 48) and photo.read().shape == (48, 64, 3)
    if orientation is not None:  # what a viewer shows has that side at the top
        mark = np.zeros((48, 64), np.uint8)
        mark[24 + int(20 * up[1]), 32 + int(28 * up[0])] = 255
        image = Image.fromarray(mark)
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(tmp_path / "mark.png", exif=exif)
        from PIL import ImageOps

        shown = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "mark.png")))
        row = int(np.argwhere(shown == 255)[0, 0])
        assert row < shown.shape[0] / 4


@pytest.mark.parametrize(
    ("focal", "sentence"),
    [
        ("long", "The focal length 'long' is neither a number of pixels nor 'exif'"),
        ("-3", "must be a positive number of pixels, it is -3"),
        ("exif", "None of the 1 photos tells its focal length"),
    ],
)
def test_focal_lengths_that_are_none(tmp_path: Path, focal: str, sentence: str):
    with pytest.raises(DatasetError, match=sentence):
        camera_of_focal([open_photo(jpeg(tmp_path / "a.jpg"))], focal)


def test_folders_without_photos(tmp_path: Path):
    with pytest.raises(DatasetError, match="does not exist"):
        find_photos(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("")
    (tmp_path / ".hidden.jpg").write_text("")
    with pytest.raises(DatasetError, match=r"holds no photo; looked for .jpg, .jpeg, .png"):
        find_photos(tmp_path)
    (tmp_path / "b.jpg").write_text("no picture")
    with pytest.raises(DatasetError, match=r"b.jpg is no picture, or a damaged one; remove it"):
        find_photos(tmp_path)
