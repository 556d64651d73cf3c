# SPDX-License-Identifier: Apache-2.0
"""Cameras on the sphere are where they say, look at the origin and stand upright."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import (
    SE3,
    aim_deviation,
    camera_gl_from_world,
    look_at,
    look_at_origin,
    pose_vector_4dof,
    spherical_from_pose,
    world_from_camera_optical,
)

properties = settings(deadline=None, max_examples=60)
azimuths = st.floats(-7.0, 7.0)
polars = st.floats(0.0, math.pi)
radii = st.floats(0.1, 10.0)
OFF_POLE = st.floats(0.01, math.pi - 0.01)


@properties
@given(azimuths, polars, radii)
def test_the_centre_is_at_the_spherical_coordinates(azimuth: float, polar: float, radius: float) -> None:
    centre = look_at_origin(azimuth, polar, radius).inverse().translation
    expected = radius * np.array(
        [math.sin(polar) * math.cos(azimuth), math.sin(polar) * math.sin(azimuth), math.cos(polar)]
    )
    np.testing.assert_allclose(centre, expected, atol=1e-12)


@properties
@given(azimuths, polars, radii)
def test_the_optical_axis_hits_the_origin(azimuth: float, polar: float, radius: float) -> None:
    in_camera = look_at_origin(azimuth, polar, radius) @ np.zeros(3)
    np.testing.assert_allclose(in_camera, [0.0, 0.0, -radius], atol=1e-12)  # gl cameras look along -z


@properties
@given(azimuths, OFF_POLE, radii)
def test_there_is_no_roll(azimuth: float, polar: float, radius: float) -> None:
    up_in_camera = look_at_origin(azimuth, polar, radius).matrix[:3, 2]
    assert up_in_camera[0] == 0.0
    assert up_in_camera[1] > 0.0


@properties
@given(azimuths, OFF_POLE, radii)
def test_spherical_coordinates_round_trip(azimuth: float, polar: float, radius: float) -> None:
    found = spherical_from_pose(look_at_origin(azimuth, polar, radius))
    assert math.remainder(found.azimuth - azimuth, 2 * math.pi) == pytest.approx(0.0, abs=1e-9)
    assert found.polar == pytest.approx(polar, abs=1e-9)
    assert found.radius == pytest.approx(radius)


@pytest.mark.parametrize("polar", [0.0, math.pi])
def test_the_poles_are_cameras_too(polar: float) -> None:
    found = spherical_from_pose(look_at_origin(0.3, polar, 2.0))
    assert (found.polar, found.radius) == pytest.approx((polar, 2.0))


@properties
@given(azimuths, OFF_POLE, radii)
def test_look_at_agrees_with_look_at_origin(azimuth: float, polar: float, radius: float) -> None:
    gl = look_at_origin(azimuth, polar, radius)
    optical = look_at(gl.inverse().translation, [0.0, 0.0, 0.0])
    assert optical.is_close(world_from_camera_optical(gl), atol=1e-9)
    assert camera_gl_from_world(optical).is_close(gl, atol=1e-9)


@properties
@given(st.tuples(*[st.floats(-3, 3)] * 3), st.tuples(*[st.floats(4, 6)] * 3))
def test_look_at_sees_its_target_straight_ahead(eye: tuple[float, ...], target: tuple[float, ...]) -> None:
    pose = look_at(eye, target, up=(0.2, 0.1, 3.0))
    seen = pose.inverse() @ np.array(target)
    np.testing.assert_allclose(seen, [0, 0, math.dist(eye, target)], atol=1e-9)
    assert (pose.matrix[:3, :3].T @ [0.2, 0.1, 3.0])[0] == pytest.approx(0.0, abs=1e-9)
    assert (pose.matrix[:3, :3].T @ [0.2, 0.1, 3.0])[1] < 0.0  # up is -y in an optical frame


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([0, 0, 1], [0, 0, 1]), "eye and target are the same point"),
        (
            ([0, 0, 1], [0, 0, 0]),
            r"up \[0.0, 0.0, 1.0\] is parallel to the viewing direction .* give another up",
        ),
        (([0, 0, 1], [0, 0, 0], [0, 0, 0]), "up is the zero vector"),
        (([0, 0, float("nan")], [0, 0, 0]), "eye must be three finite numbers"),
        (([0, 0, 1], [0, 0]), "target must be three finite numbers"),
    ],
)
def test_look_at_refuses_what_has_no_answer(arguments: tuple[list[float], ...], sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        look_at(*arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0.0, 1.0, 0.0), "the radius is 0"),
        ((0.0, 1.0, -1.0), "the radius is -1"),
        ((0.0, 90.0, 1.5), "polar angle is 90 rad.*in radians"),
        ((0.0, -0.5, 1.5), "polar angle is -0.5 rad"),
        ((float("nan"), 1.0, 1.5), "must be finite"),
    ],
)
def test_look_at_origin_refuses_what_has_no_answer(arguments: tuple[float, ...], sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        look_at_origin(*arguments)


def test_a_camera_at_the_origin_has_no_angles() -> None:
    with pytest.raises(EscherNetError, match="camera centre is the world's origin"):
        spherical_from_pose(SE3.from_rotvec([0.1, 0.2, 0.3], [0, 0, 0]))


@properties
@given(azimuths, OFF_POLE, st.floats(0.5, 4.0))
def test_the_4dof_vector_holds_the_angles_and_flags_clipping(azimuth: float, polar: float, radius: float) -> None:
    vector, clipped, true_radius = pose_vector_4dof(look_at_origin(azimuth, polar, radius))
    assert vector[0] == pytest.approx(polar, abs=1e-9)
    assert math.remainder(vector[1] - azimuth, 2 * math.pi) == pytest.approx(0.0, abs=1e-9)
    assert 0.0 <= vector[2] <= math.pi
    assert vector[3] == 0.0
    assert true_radius == pytest.approx(radius)
    if not math.isclose(radius, 1.5, rel_tol=1e-5) and not math.isclose(radius, 2.2, rel_tol=1e-5):
        assert clipped == (not 1.5 < radius < 2.2)
    if not clipped:
        assert 1.5 * (2.2 / 1.5) ** (vector[2] / math.pi) == pytest.approx(radius, rel=1e-5)


@pytest.mark.parametrize(("radius", "expected"), [(1.5, 0.0), (2.2, math.pi), (math.sqrt(1.5 * 2.2), math.pi / 2)])
def test_the_4dof_radius_runs_from_0_to_pi_in_logarithms(radius: float, expected: float) -> None:
    for azimuth in np.linspace(-3.0, 3.0, 25):  # rounding must not count as clipping at the ends
        vector, clipped, _ = pose_vector_4dof(look_at_origin(azimuth, 1.0, radius))
        assert vector[2] == pytest.approx(expected, abs=1e-9)
        assert not clipped


@properties
@given(azimuths, OFF_POLE, radii, st.floats(-3.0, 3.0))
def test_roll_is_measured_clockwise_seen_from_behind(azimuth: float, polar: float, radius: float, roll: float) -> None:
    upright = world_from_camera_optical(look_at_origin(azimuth, polar, radius))
    rolled = upright @ SE3.from_rotvec([0.0, 0.0, roll], [0.0, 0.0, 0.0])
    found = aim_deviation(camera_gl_from_world(rolled))
    assert found.aim == pytest.approx(0.0, abs=1e-6)
    assert found.roll == pytest.approx(roll, abs=1e-9)


@properties
@given(azimuths, OFF_POLE, radii, st.floats(0.0, 3.0), st.floats(-3.0, 3.0))
def test_looking_aside_is_aim_and_not_roll(
    azimuth: float, polar: float, radius: float, angle: float, direction: float
) -> None:
    upright = world_from_camera_optical(look_at_origin(azimuth, polar, radius))
    axis = np.array([math.cos(direction), math.sin(direction), 0.0])
    found = aim_deviation(camera_gl_from_world(upright @ SE3.from_rotvec(angle * axis, np.zeros(3))))
    assert found.aim == pytest.approx(angle, abs=1e-6)
    assert found.roll == pytest.approx(0.0, abs=1e-6)


@properties
@given(azimuths, st.sampled_from([0.0, math.pi]), radii, st.floats(0.0, 6.3))
def test_at_the_poles_the_azimuth_is_that_of_the_camera_not_of_rounding(
    azimuth: float, polar: float, radius: float, direction: float
) -> None:
    """A camera that looks along the axis is upright, whichever way rounding moves its centre."""
    upright = world_from_camera_optical(look_at_origin(azimuth, polar, radius))
    moved = 1e-16 * radius * np.array([math.cos(direction), math.sin(direction), 0.0])
    pose = camera_gl_from_world(SE3.from_rotation_translation(upright.rotation, upright.translation + moved))
    assert aim_deviation(pose) == pytest.approx((0.0, 0.0), abs=1e-6)
    found = spherical_from_pose(pose)
    assert math.remainder(found.azimuth - azimuth, 2.0 * math.pi) == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(look_at_origin(*found).matrix, pose.matrix, atol=1e-9)
