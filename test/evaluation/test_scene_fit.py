# SPDX-License-Identifier: Apache-2.0
"""The per-scene fit."""

from __future__ import annotations

import numpy as np
import pytest
from ball_pictures import ball_views

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.baselines import nearest_reference
from eschernet_ros.evaluation.metrics import psnr
from eschernet_ros.evaluation.scene_fit import FitSettings, scene_fit

QUICK = FitSettings(grid=24, steps=60, rays=512, samples=32)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def ball():
    """Images, masks and poses of 12 views of a coloured ball; the last 3 to be predicted."""
    return ball_views(12)


def scores(found, images, masks):
    return np.mean([psnr(a, b, mask) for a, b, mask in zip(found, images, masks, strict=True)])


def test_it_beats_the_nearest_view_from_nine_references(ball):
    images, masks, poses = ball
    found = scene_fit(images[:9], masks[:9], poses[:9], poses[9:], QUICK)
    assert found.shape == (3, 32, 32, 3)
    assert found.dtype == np.uint8
    nearest = nearest_reference(images[:9], poses[:9], poses[9:])
    assert scores(found, images[9:], masks[9:]) > scores(nearest, images[9:], masks[9:]) + 2.0
    outside = ~masks[9:]
    assert (found[outside] > 200).mean() > 0.95


def test_same_seed_same_pictures_and_masks_from_white(ball):
    images, masks, poses = ball
    small = FitSettings(grid=8, steps=4, rays=64, samples=8)
    one = scene_fit(images[:3], masks[:3], poses[:3], poses[9:], small, seed=3)
    np.testing.assert_array_equal(one, scene_fit(images[:3], masks[:3], poses[:3], poses[9:], small, seed=3))
    np.testing.assert_array_equal(one, scene_fit(images[:3], None, poses[:3], poses[9:], small, seed=3))
    other = scene_fit(images[:3], masks[:3], poses[:3], poses[9:], small, seed=4)
    assert not np.array_equal(one, other)


def test_references_that_share_no_volume(ball):
    images, masks, poses = ball
    apart = np.zeros_like(masks[:2])
    apart[0, :, :8], apart[1, :, -8:] = True, True
    with pytest.raises(EscherNetError, match="share no volume"):
        scene_fit(images[[0, 0]], apart, poses[[0, 0]], poses[9:], QUICK)
    with pytest.raises(EscherNetError, match="as many poses"):
        scene_fit(images[:2], None, poses[:3], poses[9:], QUICK)
    with pytest.raises(EscherNetError, match="grid is 2; it must be at least 8"):
        FitSettings(grid=2)
