# SPDX-License-Identifier: Apache-2.0
"""The published rule from RGBA files to images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.datasets import published_image, white_composite
from eschernet_ros.datasets.images import read_image


def test_only_alpha_zero_becomes_white():
    rgba = np.full((1, 4, 4), 40, dtype=np.uint8)
    rgba[0, :, 3] = (0, 1, 128, 255)
    np.testing.assert_array_equal(white_composite(rgba)[0, :, 0], [255, 40, 40, 40])


def test_resize_is_bilinear_and_comes_after_the_composite():
    rgba = np.zeros((8, 8, 4), dtype=np.uint8)
    rgba[2:5, 1:7] = (200, 10, 90, 7)
    composite = np.full((8, 8, 3), 255, dtype=np.uint8)
    composite[2:5, 1:7] = (200, 10, 90)
    expected = np.asarray(Image.fromarray(composite).resize((16, 16), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(published_image(rgba, 16), expected)


def test_image_of_its_own_size_is_not_touched():
    rgba = np.random.default_rng(0).integers(1, 256, (16, 16, 4), dtype=np.uint8)
    np.testing.assert_array_equal(published_image(rgba, 16), rgba[..., :3])


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4))])
def test_what_is_no_rgba_is_refused(image):
    with pytest.raises(ValueError, match=r"must be uint8 \[H,W,4\]"):
        white_composite(image)


def test_mask_is_where_alpha_covers_half_a_pixel(tmp_path):
    rgba = np.zeros((8, 8, 4), dtype=np.uint8)
    rgba[:, 4:, 3] = 255
    rgba[0, 0, 3] = 100
    Image.fromarray(rgba).save(tmp_path / "a.png")
    expected = np.zeros((8, 8), dtype=bool)
    expected[:, 4:] = True
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", None)[1], expected)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 4)[1], expected[::2, ::2])
