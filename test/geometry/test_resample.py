# SPDX-License-Identifier: Apache-2.0
"""A resampled image is the image that the target camera would have taken."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PinholeCamera, model_camera, resample

properties = settings(deadline=None, max_examples=15)
SOURCE = PinholeCamera(640, 480, 607.2, 606.8, 321.4, 247.9)
DISTORTED = PinholeCamera(640, 480, 607.2, 606.8, 321.4, 247.9, (0.12, -0.25, 0.0006, -0.0004, 0.08))


def _blob(camera: PinholeCamera, ray: np.ndarray, sigma: float = 6.0) -> np.ndarray:
    """A black spot on white, centred where ``camera`` sees ``ray``."""
    distance = np.linalg.norm(camera.pixel_grid() - camera.project(ray), axis=-1)
    grey = np.rint(255.0 * (1.0 - np.exp(-0.5 * (distance / sigma) ** 2))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _centre_of_darkness(image: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    weight = 255.0 - image[..., 0].astype(float)
    return (camera.pixel_grid() * weight[..., None]).sum(axis=(0, 1)) / weight.sum()


def _assert_mask_and_shade_agree(mask: np.ndarray, shade: np.ndarray) -> None:
    """Of a black object on white: the mask is what is at least half black (128 may be either by rounding)."""
    assert mask.any()
    assert shade[mask].max() <= 128
    assert shade[~mask].min() >= 128


@properties
@given(st.sampled_from([SOURCE, DISTORTED]), st.floats(-0.25, 0.25), st.floats(-0.25, 0.25))
def test_points_land_where_the_target_projects_them(camera: PinholeCamera, x: float, y: float) -> None:
    target, ray = model_camera(), np.array([x, y, 1.0])
    image = resample(_blob(camera, ray), camera, target).image
    np.testing.assert_allclose(_centre_of_darkness(image, target), target.project(ray), atol=0.02)


@properties
@given(st.floats(-0.15, 0.15), st.floats(-0.15, 0.15), st.floats(-3.1, 3.1))
def test_points_land_where_a_turned_target_projects_them(x: float, y: float, roll: float) -> None:
    target, ray = model_camera(), np.array([x, y, 1.0])
    source_from_target = Rotation.from_rotvec([y, -x, 0.0]) * Rotation.from_rotvec([0.0, 0.0, roll])
    image = resample(_blob(DISTORTED, ray), DISTORTED, target, source_from_target=source_from_target).image
    expected = target.project(source_from_target.inv().apply(ray))
    np.testing.assert_allclose(_centre_of_darkness(image, target), expected, atol=0.02)


def test_the_same_camera_returns_the_same_image() -> None:
    rng = np.random.default_rng(0)
    camera = PinholeCamera(40, 30, 50.0, 50.0, 19.5, 14.5)
    image = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    mask = rng.random((30, 40)) < 0.5
    same = resample(image, camera, camera)
    np.testing.assert_array_equal(same.image, image)
    assert same.mask.all() and same.coverage == 1.0
    masked = resample(image, camera, camera, mask)
    np.testing.assert_array_equal(masked.image, np.where(mask[..., None], image, 255))
    np.testing.assert_array_equal(masked.mask, mask)


def test_what_the_source_does_not_cover_is_exactly_white_and_counted() -> None:
    """At f = 607 px and 640x480 the model's square is 555 px high, the source covers 480 of them."""
    image = np.zeros((480, 640, 3), np.uint8)
    camera = PinholeCamera(640, 480, 607.0, 607.0, 319.5, 239.5)
    resampled = resample(image, camera, model_camera())
    edge = 240.0 / 607.0 * 280.0  # half height of the source in target pixels
    first = math.ceil(127.5 - edge)  # first row that lies wholly inside
    assert (resampled.image[: first - 1] == 255).all()
    assert (resampled.image[first + 1 : 256 - first - 1] == 0).all()
    np.testing.assert_array_equal(resampled.image, resampled.image[::-1])
    assert resampled.coverage == pytest.approx(480 / (607 * 256 / 280), abs=0.005)
    _assert_mask_and_shade_agree(resampled.mask, resampled.image[..., 0])


def test_white_sources_stay_white_and_colours_stay_flat() -> None:
    for value in (255, 0, 128):
        image = np.full((480, 640, 3), value, np.uint8)
        inner = resample(image, DISTORTED, model_camera()).image[40:216]
        assert (inner == value).all()


def test_background_does_not_bleed_into_the_object() -> None:
    """A red disc before a blue background: the edge blends red with white, no blue is left, the area stays."""
    grid = SOURCE.pixel_grid()
    mask = np.linalg.norm(grid - (320, 240), axis=-1) < 101.3
    image = np.where(mask[..., None], (255, 0, 0), (0, 0, 255)).astype(np.uint8)
    resampled = resample(image, SOURCE, model_camera(), mask)
    assert (resampled.image[..., 0] == 255).all()  # red and white both have full red
    np.testing.assert_array_equal(resampled.image[..., 1], resampled.image[..., 2])
    _assert_mask_and_shade_agree(resampled.mask, resampled.image[..., 1])
    scale = (280.0 / 607.0) ** 2
    assert resampled.mask.sum() == pytest.approx(mask.sum() * scale, rel=0.01)


@properties
@given(st.floats(200.0, 440.0), st.floats(150.0, 330.0), st.floats(5.0, 120.0))
def test_mask_and_image_agree(x: float, y: float, radius: float) -> None:
    mask = np.linalg.norm(SOURCE.pixel_grid() - (x, y), axis=-1) < radius
    resampled = resample(np.zeros((480, 640, 3), np.uint8), SOURCE, model_camera(), mask)
    _assert_mask_and_shade_agree(resampled.mask, resampled.image[..., 0])


def test_fine_stripes_turn_grey_instead_of_aliasing() -> None:
    """Stripes of one source pixel are too fine for the model's camera: their mean is left, and no moire."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[:, ::2] = 255
    inner = resample(image, SOURCE, model_camera()).image[60:196, :, 0].astype(float)
    assert inner.mean() == pytest.approx(127.5, abs=1.5)
    assert inner.std() < 15.0  # point sampling leaves above 70


def test_a_strongly_distorting_lens_does_not_fold_back_into_the_image() -> None:
    """Beyond its field of view this polynomial returns into the image: those rays must stay white."""
    camera = PinholeCamera(320, 240, 300.0, 300.0, 159.5, 119.5, (-0.6, 0.0, 0.0, 0.0))
    wide = PinholeCamera(400, 400, 100.0, 100.0, 199.5, 199.5)
    rays = wide.rays(wide.pixel_grid())
    far = np.hypot(rays[..., 0], rays[..., 1]) > 1.0
    assert camera.contains(camera.project(rays))[far].any()  # folding does happen
    resampled = resample(np.zeros((240, 320, 3), np.uint8), camera, wide)
    assert (resampled.image[far] == 255).all()
    assert (resampled.image[195:205, 195:205] == 0).all()


def test_an_empty_mask_gives_a_white_image() -> None:
    resampled = resample(np.zeros((480, 640, 3), np.uint8), SOURCE, model_camera(64), np.zeros((480, 640), bool))
    assert (resampled.image == 255).all() and not resampled.mask.any()
    assert resampled.image.shape == (64, 64, 3)


def test_looking_away_covers_nothing() -> None:
    away = Rotation.from_rotvec([0.0, math.pi, 0.0])
    resampled = resample(np.zeros((480, 640, 3), np.uint8), DISTORTED, model_camera(64), source_from_target=away)
    assert resampled.coverage == 0.0 and (resampled.image == 255).all()


@pytest.mark.parametrize(
    ("image", "mask", "target", "sentence"),
    [
        (np.zeros((480, 640), np.uint8), None, model_camera(), "must be uint8 RGB"),
        (np.zeros((480, 640, 3), np.float32), None, model_camera(), "must be uint8 RGB.*float32"),
        (
            np.zeros((720, 1280, 3), np.uint8),
            None,
            model_camera(),
            "image is 1280x720 but its camera is 640x480",
        ),
        (np.zeros((480, 640, 3), np.uint8), np.zeros((480, 640), np.uint8), model_camera(), "must be bool"),
        (np.zeros((480, 640, 3), np.uint8), np.zeros((48, 64), bool), model_camera(), r"shape \[480, 640\]"),
        (np.zeros((480, 640, 3), np.uint8), None, DISTORTED, "target camera must have no distortion"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    image: np.ndarray, mask: np.ndarray | None, target: PinholeCamera, sentence: str
) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        resample(image, SOURCE, target, mask)
