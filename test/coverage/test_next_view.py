# SPDX-License-Identifier: Apache-2.0
"""The suggested viewpoint: it is the best one, an arm may get there, and following it covers the sphere."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sphere_views import directions

from eschernet_ros.coverage import ArmReach, ElevationBand, ViewCoverage, sphere_points, suggest_next
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame, aim_deviation, spherical_from_pose

BAND = ElevationBand(math.radians(5.0), math.radians(70.0))
OBJECT = ObjectFrame(SE3.from_rotvec([0.0, 0.0, 0.6], [0.5, 0.1, 0.1]), (0.1, 0.1, 0.2))


def with_view(coverage: ViewCoverage, direction: np.ndarray) -> ViewCoverage:
    """The coverage with one view more."""
    return ViewCoverage(np.vstack([coverage.views, direction]), coverage.band, coverage.cover_angle)


@settings(max_examples=20, deadline=None)
@given(views=directions(), other=st.integers(0, 299))
def test_no_other_viewpoint_adds_more(views: np.ndarray, other: int) -> None:
    """It adds what it says, and any other viewpoint of the band hardly more (candidates lie 8 degrees apart)."""
    coverage = ViewCoverage(views, BAND)
    suggestion = suggest_next(coverage)
    assert suggestion is not None
    after = with_view(coverage, suggestion.direction)
    assert after.share - coverage.share == pytest.approx(suggestion.gain, abs=1e-12)
    assert coverage.mean_angle - after.mean_angle == pytest.approx(suggestion.angle_gain, abs=1e-12)
    points = sphere_points(300)
    if BAND.contains(points)[other]:
        assert with_view(coverage, points[other]).share - coverage.share <= suggestion.gain + 0.012


@settings(max_examples=20, deadline=None)
@given(views=directions(least=0))
def test_it_is_an_upright_camera_that_looks_at_the_object(views: np.ndarray) -> None:
    """At the stand-off asked for, in the band, and in the base frame where the object stands."""
    suggestion = suggest_next(ViewCoverage(views, BAND))
    assert suggestion is not None
    assert BAND.contains(suggestion.direction[None]).all()
    pose = suggestion.camera_gl_from_object(1.9)
    assert max(map(abs, aim_deviation(pose))) < 1e-9
    assert spherical_from_pose(pose).radius == pytest.approx(1.9)
    camera = suggestion.base_from_camera_optical(OBJECT, 1.9)
    assert OBJECT.standoff(camera) == pytest.approx(1.9)
    centre_seen = camera.inverse() @ OBJECT.base_from_object.translation
    np.testing.assert_allclose(centre_seen, [0.0, 0.0, 1.9 * 0.2], atol=1e-9)
    assert camera.matrix[2, 1] < 0.0  # the image's down is the world's


def test_following_it_covers_everything() -> None:
    """With few more views than caps of 20 degrees need without overlap; each adds less than the one before."""
    coverage = ViewCoverage(np.array([[1.0, 0.0, 0.0]]), BAND)
    gains = []
    while coverage.share < 0.97:
        suggestion = suggest_next(coverage)
        assert suggestion is not None
        gains.append(suggestion.gain)
        coverage = with_view(coverage, suggestion.direction)
        assert len(coverage) <= 30
    assert all(later <= earlier + 0.012 for earlier, later in pairwise(gains))


def test_when_all_is_covered_it_still_brings_views_nearer() -> None:
    """There is always a best next view."""
    coverage = ViewCoverage(sphere_points(120), BAND)
    assert coverage.share == 1.0
    suggestion = suggest_next(coverage)
    assert suggestion is not None
    assert suggestion.gain == 0.0
    assert suggestion.angle_gain > 0.0
    assert "all covered" in suggestion.sentence()


@settings(max_examples=20, deadline=None)
@given(views=directions())
def test_it_stays_within_the_arms_reach(views: np.ndarray) -> None:
    """Neither too far from the base nor below the table."""
    reach = ArmReach(0.7, 0.2)
    suggestion = suggest_next(ViewCoverage(views, BAND), object_frame=OBJECT, standoff=1.5, reach=reach)
    assert suggestion is not None
    position = suggestion.base_from_camera_optical(OBJECT, 1.5).translation
    assert np.linalg.norm(position) <= 0.7
    assert position[2] >= 0.2


def test_what_the_arm_cannot_reach_is_not_suggested_again() -> None:
    """Nor anything near it; with everything skipped there is no suggestion."""
    coverage = ViewCoverage(np.array([[1.0, 0.0, 0.0]]), BAND)
    first = suggest_next(coverage)
    assert first is not None
    second = suggest_next(coverage, avoid=first.direction[None], avoid_angle=math.radians(12.0))
    assert second is not None
    assert math.acos(float(second.direction @ first.direction)) > math.radians(12.0)
    assert suggest_next(coverage, avoid=sphere_points(400)) is None
    assert suggest_next(coverage, object_frame=OBJECT, reach=ArmReach(0.1)) is None


def test_a_narrow_band_has_candidates_too() -> None:
    """A ring of one degree."""
    ring = ElevationBand(math.radians(30.0), math.radians(31.0))
    suggestion = suggest_next(ViewCoverage(np.array([[1.0, 0.0, 0.0]]), ring))
    assert suggestion is not None
    assert math.degrees(suggestion.elevation) == pytest.approx(30.5, abs=0.51)


def test_wrong_input_is_named() -> None:
    """Each error says what is wrong."""
    with pytest.raises(EscherNetError, match="must not be negative"):
        ArmReach(-1.0)
    with pytest.raises(EscherNetError, match="object's place"):
        suggest_next(ViewCoverage(np.array([[1.0, 0.0, 0.0]])), reach=ArmReach(0.8))
