# SPDX-License-Identifier: Apache-2.0
"""Masks of photos from files, alpha, networks and colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from board_photos import SIDE
from board_pictures import CAMERA
from PIL import Image

from eschernet_ros.datasets import DatasetError
from eschernet_ros.geometry import SE3, ObjectFrame
from eschernet_ros.photos.photo import open_photo
from eschernet_ros.photos.photo_mask import PhotoMasks, resized_mask
from eschernet_ros.photos.posed_photo import PosedPhoto

CUBE = ObjectFrame(SE3.from_rotation_translation(np.eye(3), [0.0, 0.0, SIDE / 2]), (SIDE, SIDE, SIDE))


def posed(drawn, number: int = 0) -> PosedPhoto:
    folder, poses, _ = drawn
    return PosedPhoto(open_photo(folder / f"p{number}.png"), CAMERA, poses[number])


@pytest.mark.parametrize("name", ["p0.png.png", "p0.png"])
def test_files(drawn, tmp_path: Path, name: str):
    exact = drawn[2][0]
    Image.fromarray(np.where(exact, np.uint8(255), np.uint8(0))).save(tmp_path / name)
    mask = PhotoMasks("files", tmp_path).full_size(posed(drawn))
    np.testing.assert_array_equal(mask, exact)
    with pytest.raises(DatasetError, match=r"it has no mask: .* holds neither p1.png.png nor p1.png"):
        PhotoMasks("files", tmp_path).full_size(posed(drawn, 1))


def test_file_of_another_size(drawn, tmp_path: Path):
    Image.new("L", (64, 48)).save(tmp_path / "p0.png")
    with pytest.raises(DatasetError, match="its mask is 64x48, the photo 640x480"):
        PhotoMasks("files", tmp_path).full_size(posed(drawn))


def test_alpha(drawn, tmp_path: Path):
    folder, poses, masks = drawn
    rgba = Image.open(folder / "p0.png").convert("RGBA")
    rgba.putalpha(Image.fromarray(np.where(masks[0], np.uint8(255), np.uint8(0))))
    rgba.save(tmp_path / "a.png")
    with_alpha = PosedPhoto(open_photo(tmp_path / "a.png"), CAMERA, poses[0])
    np.testing.assert_array_equal(PhotoMasks("alpha").full_size(with_alpha), masks[0])
    with pytest.raises(DatasetError, match=r"it has no alpha channel \(mode RGB\)"):
        PhotoMasks("alpha").full_size(posed(drawn))


def test_colours_within_the_box(drawn):
    """Within 2 % of the exact mask, though board and cube overlap in the picture."""
    photo = posed(drawn, 2)
    masks = PhotoMasks("grabcut")
    assert masks.full_size(photo) is None
    mask = masks.of_pixels(photo.photo.read(), CAMERA, photo.base_from_camera_optical, CUBE)
    exact = drawn[2][2]
    assert mask is not None and (mask & exact).sum() / (mask | exact).sum() > 0.98


def test_none_looks_at_nothing(drawn):
    photo = posed(drawn)
    masks = PhotoMasks("none")
    assert masks.full_size(photo) is None
    assert masks.of_pixels(photo.photo.read(), CAMERA, photo.base_from_camera_optical, CUBE) is None


def test_resized_mask_covers_what_it_covered():
    mask = np.zeros((48, 64), bool)
    mask[12:36, 16:48] = True
    small = resized_mask(mask, CAMERA.resized(16, 12))
    assert small.shape == (12, 16) and small[3:9, 4:12].all() and small.sum() == 48
    np.testing.assert_array_equal(resized_mask(small, CAMERA.resized(64, 48))[12:36, 16:48].mean() > 0.9, True)
    assert resized_mask(mask, CAMERA.resized(64, 48)) is mask


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("magic",), "There is no mask 'magic'; the known ones are grabcut, onnx, files, alpha, none"),
        (("files",), "The mask 'files' needs a folder"),
        (("onnx",), "The mask 'onnx' needs a model"),
        (("none", Path("/tmp")), "The mask 'none' takes no folder, only 'files' does"),
        (("alpha", None, Path("net.onnx")), "The mask 'alpha' takes no model, only 'onnx' does"),
        (("files", Path("/nowhere")), "The folder of masks /nowhere does not exist"),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments, sentence: str):
    with pytest.raises(DatasetError, match=sentence):
        PhotoMasks(*arguments)
