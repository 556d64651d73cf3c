# SPDX-License-Identifier: Apache-2.0
"""Coverage of the view sphere: known shares, and what must hold for any views."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sphere_views import directions

from eschernet_ros.coverage import ElevationBand, ViewCoverage, angles_to_nearest, map_picture, sphere_points
from eschernet_ros.coverage.map_picture import MAP_HEIGHT, MAP_WIDTH
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

ABOVE = np.array([[0.0, 0.0, 1.0]])


def test_points_are_spread_evenly() -> None:
    """Every cap of 20 degrees holds its share of solid angle, (1 - cos 20) / 2, of the points."""
    points = sphere_points(4000)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0, atol=1e-12)
    centres = sphere_points(50)
    shares = (points @ centres.T > math.cos(math.radians(20.0))).mean(axis=0)
    np.testing.assert_allclose(shares, (1.0 - math.cos(math.radians(20.0))) / 2.0, rtol=0.05)


@pytest.mark.parametrize("degrees", [10.0, 30.0, 90.0])
def test_one_view_covers_its_cap(degrees: float) -> None:
    """Of the whole sphere: the solid angle of a cap."""
    coverage = ViewCoverage(ABOVE, cover_angle=math.radians(degrees))
    assert coverage.share == pytest.approx((1.0 - math.cos(math.radians(degrees))) / 2.0, abs=0.002)
    assert coverage.largest_gap == pytest.approx(math.pi, abs=0.05)
    assert coverage.mean_angle == pytest.approx(math.pi / 2, abs=0.01)  # the mean polar angle


def test_only_the_wanted_elevations_count() -> None:
    """A view from above covers all of the upper cap, and nothing of a band around the equator."""
    upper = ElevationBand(math.radians(70.0), math.radians(90.0))
    equator = ElevationBand(math.radians(-10.0), math.radians(10.0))
    assert ViewCoverage(ABOVE, upper, math.radians(20.5)).share == 1.0
    assert ViewCoverage(ABOVE, equator, math.radians(20.5)).share == 0.0
    assert len(ViewCoverage(ABOVE, equator).wanted) / 4000 == pytest.approx(math.sin(math.radians(10.0)), abs=0.01)


@settings(max_examples=25, deadline=None)
@given(views=directions(), turn=st.floats(-3.0, 3.0))
def test_turning_object_and_views_together_changes_little(views: np.ndarray, turn: float) -> None:
    """The measure knows no preferred azimuth, up to the spacing of its samples."""
    turned = SE3.from_rotvec([0.0, 0.0, turn], [0.0, 0.0, 0.0]) @ views
    before, after = ViewCoverage(views), ViewCoverage(turned)
    assert after.share == pytest.approx(before.share, abs=0.01)
    assert after.mean_angle == pytest.approx(before.mean_angle, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(views=directions(least=2))
def test_more_views_never_cover_less(views: np.ndarray) -> None:
    """Nor does their order matter."""
    fewer, all_of_them = ViewCoverage(views[:-1]), ViewCoverage(views)
    assert all_of_them.share >= fewer.share
    assert all_of_them.mean_angle <= fewer.mean_angle
    assert ViewCoverage(views[::-1]).share == all_of_them.share


def test_without_views_nothing_is_covered() -> None:
    """And the sentence says so."""
    coverage = ViewCoverage(np.empty((0, 3)))
    assert (coverage.share, coverage.largest_gap) == (0.0, math.pi)
    assert coverage.sentence() == "0 views yet"
    assert (angles_to_nearest(ABOVE, np.empty((0, 3))) == math.pi).all()


def test_the_map_shows_what_is_covered() -> None:
    """Green around a view, warm where views are missing, pale outside the band; views and next viewpoint are drawn."""
    east = np.array([[1.0, 0.0, 0.0]])
    coverage = ViewCoverage(east, ElevationBand(math.radians(-30.0), math.radians(30.0)), math.radians(20.0))
    picture = map_picture(coverage, None, ["7"], "mug").astype(int)
    left, top = picture.shape[1] - MAP_WIDTH - 18, picture.shape[0] - MAP_HEIGHT - 92

    def at(azimuth: float, elevation: float) -> np.ndarray:
        return picture[
            round(top + (90 - elevation) / 180 * MAP_HEIGHT), round(left + (azimuth + 180) / 360 * MAP_WIDTH)
        ]

    near, far, outside = at(13.0, 0.0), at(-150.0, 1.0), at(-150.0, -80.0)
    assert near[1] > near[0] + 30
    assert far[0] > far[2] + 80
    assert np.ptp(outside) < 40
    assert (at(6.0, 0.0) != at(13.0, 0.0)).any()  # the view's disc
    assert map_picture(coverage).shape == picture.shape


def test_wrong_input_is_named() -> None:
    """Each error says what is wrong."""
    with pytest.raises(EscherNetError, match="30 to 10 deg are no range"):
        ElevationBand(math.radians(30.0), math.radians(10.0))
    with pytest.raises(EscherNetError, match="unit vectors"):
        ViewCoverage(np.array([[0.0, 0.0, 2.0]]))
    with pytest.raises(EscherNetError, match="cover angle"):
        ViewCoverage(ABOVE, cover_angle=0.0)
    with pytest.raises(EscherNetError, match="too narrow"):
        _ = ViewCoverage(ABOVE, ElevationBand(0.0, 1e-6)).wanted
    with pytest.raises(EscherNetError, match="at least one point"):
        sphere_points(0)
