# SPDX-License-Identifier: Apache-2.0
"""The Gaussian fit on the CPU, with a rasteriser in plain torch instead of gsplat's."""

from __future__ import annotations

import numpy as np
import pytest
from ball_pictures import ball_views
from torch_gaussians import torch_rasteriser

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.baselines import nearest_reference
from eschernet_ros.evaluation.gaussian_fit import GaussianSettings, gaussian_fit
from eschernet_ros.evaluation.metrics import psnr

QUICK = GaussianSettings(
    gaussians=300, grid=10, steps=120, views=1, move=0.1, grow=0.03, fade=0.2, tint=0.1, device="cpu"
)
SMALLEST = GaussianSettings(gaussians=40, grid=8, steps=3, views=1, device="cpu")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def ball():
    """Images, masks and poses of 12 views of a coloured ball; the last 3 to be predicted."""
    return ball_views(12, 24)


def scores(found, images, masks):
    return np.mean([psnr(a, b, mask) for a, b, mask in zip(found, images, masks, strict=True)])


def fitted(ball, count, settings, seed=0, masked=True):
    images, masks, poses = ball
    known = masks[:count] if masked else None
    return gaussian_fit(images[:count], known, poses[:count], poses[9:], torch_rasteriser, settings, seed)


def test_it_beats_the_nearest_view_and_its_own_start_from_nine_references(ball):
    images, masks, poses = ball
    found = fitted(ball, 9, QUICK)
    assert found.shape == (3, 24, 24, 3)
    assert found.dtype == np.uint8
    nearest = nearest_reference(images[:9], poses[:9], poses[9:])
    reached = scores(found, images[9:], masks[9:])
    assert reached > scores(nearest, images[9:], masks[9:]) + 1.5
    assert reached > scores(fitted(ball, 9, SMALLEST), images[9:], masks[9:]) + 2.0
    assert (found[~masks[9:]] > 200).mean() > 0.95


def test_same_seed_same_pictures_and_masks_from_white(ball):
    one = fitted(ball, 3, SMALLEST, seed=3)
    np.testing.assert_array_equal(one, fitted(ball, 3, SMALLEST, seed=3))
    np.testing.assert_array_equal(one, fitted(ball, 3, SMALLEST, seed=3, masked=False))
    assert not np.array_equal(one, fitted(ball, 3, SMALLEST, seed=4))


def test_what_it_cannot_fit(ball):
    images, masks, poses = ball
    apart = np.zeros_like(masks[:2])
    apart[0, :, :6], apart[1, :, -6:] = True, True
    with pytest.raises(EscherNetError, match="share no volume"):
        gaussian_fit(images[[0, 0]], apart, poses[[0, 0]], poses[9:], torch_rasteriser, SMALLEST)
    with pytest.raises(EscherNetError, match="as many poses"):
        gaussian_fit(images[:2], None, poses[:3], poses[9:], torch_rasteriser, SMALLEST)
    with pytest.raises(EscherNetError, match="Gaussian fit's views is 0; it must be at least 1"):
        GaussianSettings(views=0)
