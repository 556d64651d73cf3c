# SPDX-License-Identifier: Apache-2.0
"""The mask from colours inside the outline of the object's box."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from eschernet_ros.capture.mask_outline import outline_mask
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PinholeCamera, look_at

CAMERA = PinholeCamera(96, 80, 90.0, 90.0, 47.5, 39.5)
OBJECT_FROM_CAMERA = look_at((0.5, 0.1, 0.3), (0.0, 0.0, 0.0))
SIZE = (0.2, 0.2, 0.2)


def scene(camera: PinholeCamera = CAMERA, radius: float = 0.08) -> tuple[np.ndarray, np.ndarray]:
    """A red ball on a grey, noisy ground, and its exact mask."""
    rng = np.random.default_rng(0)
    image = rng.normal(130.0, 12.0, (camera.height, camera.width, 3))
    centre = camera.project(OBJECT_FROM_CAMERA.inverse() @ np.zeros(3))
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = radius * camera.fx / np.linalg.norm(OBJECT_FROM_CAMERA.translation)
    mask = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 < pixels**2
    image[mask] += (90.0, -70.0, -70.0)
    return np.clip(image, 0, 255).astype(np.uint8), mask


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_what_differs_inside_the_outline_is_the_object():
    image, exact = scene()
    assert overlap(outline_mask(image, CAMERA, OBJECT_FROM_CAMERA, SIZE), exact) > 0.97


def test_large_picture_is_reduced_and_the_same_every_time():
    camera = CAMERA.resized(960, 800)
    image, exact = scene(camera)
    image = cv2.GaussianBlur(image, (0, 0), 2.0)
    first = outline_mask(image, camera, OBJECT_FROM_CAMERA, SIZE)
    assert first.shape == (800, 960) and overlap(first, exact) > 0.94
    np.testing.assert_array_equal(outline_mask(image, camera, OBJECT_FROM_CAMERA, SIZE), first)


def test_same_colour_outside_the_outline_does_not_count():
    image, _ = scene()
    image[70:, :20] = (220, 60, 60)
    mask = outline_mask(image, CAMERA, OBJECT_FROM_CAMERA, SIZE)
    assert not mask[70:, :20].any()


def test_box_out_of_sight_gives_an_empty_mask():
    image, _ = scene()
    aside = look_at((0.5, 0.1, 0.3), (0.5, 5.0, 0.3))
    with pytest.raises(EscherNetError, match="reaches behind the camera"):
        outline_mask(image, CAMERA, aside, (2.0, 2.0, 2.0))
    beside = look_at((0.5, 0.0, 0.0), (0.0, 0.9, 0.0))
    assert not outline_mask(image, CAMERA, beside, (0.05, 0.05, 0.05)).any()


def test_box_that_fills_the_picture_is_refused():
    image, _ = scene()
    with pytest.raises(EscherNetError, match="the object's box fills the whole image"):
        outline_mask(image, CAMERA, look_at((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)), (1.8, 1.8, 1.8))


def test_picture_of_another_size_is_refused():
    with pytest.raises(EscherNetError, match=r"uint8 \[40, 40, 3\], its camera is 96x80"):
        outline_mask(np.zeros((40, 40, 3), np.uint8), CAMERA, OBJECT_FROM_CAMERA, SIZE)
