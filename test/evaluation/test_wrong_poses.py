# SPDX-License-Identifier: Apache-2.0
"""Cameras that are wrong on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.wrong_poses import WrongPose, parse_wrong_pose
from eschernet_ros.geometry import SE3, aim_deviation, look_at_origin, spherical_from_pose

cameras = st.builds(look_at_origin, st.floats(-3.0, 3.0), st.floats(0.6, 2.5), st.floats(1.5, 2.2))


def moved(text, pose):
    return SE3(parse_wrong_pose(text).of(pose.matrix[None])[0])


@settings(max_examples=30, deadline=None)
@given(cameras)
def test_each_kind_changes_one_thing(pose):
    azimuth, polar, radius = spherical_from_pose(pose)
    other = spherical_from_pose(moved("azimuth 30", pose))
    assert np.degrees(other.azimuth - azimuth) % 360.0 == pytest.approx(30.0)
    assert other[1:] == pytest.approx((polar, radius))
    other = spherical_from_pose(moved("elevation 15", pose))
    assert np.degrees(polar - other.polar) == pytest.approx(15.0)
    assert (other.azimuth, other.radius) == pytest.approx((azimuth, radius))
    other = spherical_from_pose(moved("distance 0.25", pose))
    assert (other.azimuth, other.polar, other.radius) == pytest.approx((azimuth, polar, 1.25 * radius))
    rolled = moved("roll 30", pose)
    assert spherical_from_pose(rolled) == pytest.approx((azimuth, polar, radius))
    assert abs(np.degrees(aim_deviation(rolled).roll)) == pytest.approx(30.0)
    for text in ("azimuth 30", "elevation 15", "distance 0.25"):
        assert aim_deviation(moved(text, pose)) == pytest.approx((0.0, 0.0), abs=1e-7)


def test_a_camera_goes_over_the_pole():
    other = spherical_from_pose(moved("elevation 15", look_at_origin(0.0, np.radians(5.0), 1.8)))
    assert np.degrees(other.polar) == pytest.approx(10.0)
    assert abs(np.degrees(other.azimuth)) == pytest.approx(180.0)


def test_a_camera_that_looks_aside_still_does():
    aside = SE3.from_rotvec([0.0, 0.1, 0.05], [0.0, 0.0, 0.0]) @ look_at_origin(0.3, 1.0, 1.8)
    for text in ("azimuth 20", "elevation 20", "distance 0.1"):
        assert aim_deviation(moved(text, aside)).aim == pytest.approx(aim_deviation(aside).aim)


def test_text_and_errors():
    assert str(parse_wrong_pose("azimuth -30")) == "azimuth -30"
    assert parse_wrong_pose("distance 0.2") == WrongPose("distance", 0.2)
    for text, words in (
        ("tilt 3", "no wrong pose 'tilt'; the kinds are azimuth"),
        ("azimuth", "is no wrong pose such as"),
        ("azimuth far", "is no wrong pose such as"),
        ("azimuth 0", "other than 0"),
        ("distance -1", "more than -1"),
    ):
        with pytest.raises(EscherNetError, match=words):
            parse_wrong_pose(text)
