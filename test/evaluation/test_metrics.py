# SPDX-License-Identifier: Apache-2.0
"""PSNR and SSIM."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import psnr, ssim, to_uint8


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (16, 12, 3), dtype=np.uint8)
    noisy = np.clip(truth + rng.normal(0, 20, truth.shape), 0, 255).astype(np.uint8)
    return noisy, truth


def test_psnr_of_a_known_difference():
    truth = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(np.full((8, 8, 3), 110, np.uint8), truth) == pytest.approx(10 * math.log10(255**2 / 100))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 255), st.integers(0, 255))
def test_psnr_is_symmetric_and_infinite_only_for_equals(a, b):
    first, second = np.full((4, 4, 3), a, np.uint8), np.full((4, 4, 3), b, np.uint8)
    assert psnr(first, second) == psnr(second, first)
    assert math.isinf(psnr(first, second)) == (a == b)


def test_background_inflates_the_full_frame_only():
    mask = np.zeros((16, 16), bool)
    mask[4:8, 4:8] = True
    truth = np.full((16, 16, 3), 255, np.uint8)
    truth[mask] = 60
    image = truth.copy()
    image[mask] = 80
    assert psnr(image, truth, mask) == pytest.approx(10 * math.log10(255**2 / 400))
    assert psnr(image, truth) == pytest.approx(psnr(image, truth, mask) + 10 * math.log10(256 / 16))


def test_noise_outside_the_mask_does_not_count(pair):
    noisy, truth = pair
    mask = np.zeros(truth.shape[:2], bool)
    mask[3:9, 2:7] = True
    outside = noisy.copy()
    outside[~mask] = 0
    assert psnr(outside, truth, mask) == psnr(noisy, truth, mask)


def test_floats_are_rounded_to_8_bits(pair):
    noisy, truth = pair
    assert psnr(noisy / 255 + 0.4 / 255, truth) == psnr(noisy, truth)
    np.testing.assert_array_equal(
        to_uint8(np.array([-1.0, 0.0, 0.49 / 255, 0.51 / 255, 1.0, 7.0])), [0, 0, 0, 1, 255, 255]
    )


def test_ssim_is_one_for_equals_and_falls_with_noise(pair):
    noisy, truth = pair
    noisier = np.clip(truth + 3.0 * (noisy.astype(float) - truth), 0, 255).astype(np.uint8)
    assert ssim(truth, truth) == pytest.approx(1.0)
    assert 1.0 > ssim(noisy, truth) > ssim(noisier, truth)


def test_ssim_is_the_mean_over_channels(pair):
    skimage = pytest.importorskip("skimage.metrics")
    noisy, truth = pair
    channels = [skimage.structural_similarity(noisy[..., c], truth[..., c]) for c in range(3)]
    assert ssim(noisy, truth) == pytest.approx(np.mean(channels))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)), "of one size"),
        ((np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)), r"must both be \[H,W,3\]"),
        ((np.zeros((4, 4, 3), np.int32), np.zeros((4, 4, 3), np.int32)), "not int32"),
        ((np.full((4, 4, 3), np.nan), np.zeros((4, 4, 3))), "not finite"),
        ((np.zeros((4, 4, 3)), np.zeros((4, 4, 3)), np.zeros((4, 4), bool)), "mask is empty"),
        ((np.zeros((4, 4, 3)), np.zeros((4, 4, 3)), np.ones((4, 4))), "mask must be bool"),
    ],
)
def test_bad_input_of_psnr_is_a_sentence(arguments, words):
    with pytest.raises(ValueError, match=words):
        psnr(*arguments)


def test_small_image_of_ssim_is_a_sentence():
    with pytest.raises(ValueError, match="at least 7x7"):
        ssim(np.zeros((6, 8, 3), np.uint8), np.zeros((6, 8, 3), np.uint8))


def test_masked_ssim_averages_the_windows_around_the_mask():
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(2)
    truth = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
    image = truth.copy()
    image[12:] = rng.integers(0, 256, (12, 20, 3), dtype=np.uint8)
    upper, lower = np.zeros((24, 20), bool), np.zeros((24, 20), bool)
    upper[:8], lower[14:] = True, True
    places = structural_similarity(image, truth, channel_axis=-1, full=True)[1]
    assert ssim(image, truth, upper) == pytest.approx(1.0)
    assert ssim(image, truth, lower) == pytest.approx(places[lower].mean())
    assert ssim(image, truth, lower) < 0.2
    with pytest.raises(EscherNetError, match="mask is empty; a foreground SSIM"):
        ssim(image, truth, np.zeros((24, 20), bool))


def test_psnr_is_that_of_scikit_image(pair):
    from skimage.metrics import peak_signal_noise_ratio

    noisy, truth = pair
    assert psnr(noisy, truth) == pytest.approx(peak_signal_noise_ratio(truth, noisy, data_range=255), rel=1e-12)
