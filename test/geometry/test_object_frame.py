# SPDX-License-Identifier: Apache-2.0
"""The object's box becomes the model's world, and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame, look_at, look_at_origin, spherical_from_pose

poses = st.from_type(SE3)
sizes = st.tuples(*[st.floats(0.01, 2.0)] * 3)
properties = settings(deadline=None, max_examples=50)


@properties
@given(poses, sizes, poses)
def test_normalising_round_trips(base_from_object: SE3, size: tuple[float, float, float], camera: SE3) -> None:
    frame = ObjectFrame(base_from_object, size)
    assert frame.denormalise(frame.normalise(camera)).is_close(camera, atol=1e-9)


@properties
@given(poses, sizes, poses)
def test_the_longest_side_has_length_one(base_from_object: SE3, size: tuple[float, float, float], camera: SE3) -> None:
    frame = ObjectFrame(base_from_object, size)
    assert frame.scale * max(size) == pytest.approx(1.0)
    centre = frame.normalise(camera).inverse().translation  # the camera in model units, in the object frame
    np.testing.assert_allclose(centre, (base_from_object.inverse() @ camera).translation / max(size), atol=1e-9)
    assert frame.standoff(camera) == pytest.approx(float(np.linalg.norm(centre)))


@properties
@given(poses, sizes, poses, poses)
def test_moving_the_robots_base_changes_nothing(
    base_from_object: SE3, size: tuple[float, float, float], camera: SE3, new_from_base: SE3
) -> None:
    before = ObjectFrame(base_from_object, size).normalise(camera)
    after = ObjectFrame(new_from_base @ base_from_object, size).normalise(new_from_base @ camera)
    assert after.is_close(before, atol=1e-8)


@properties
@given(poses, sizes, poses)
def test_pixels_do_not_see_the_scale(base_from_object: SE3, size: tuple[float, float, float], camera: SE3) -> None:
    """A point of the object has the same direction from the camera in metres and in model units."""
    frame = ObjectFrame(base_from_object, size)
    corner = np.array(size) / 2.0
    metric = camera.inverse() @ (base_from_object @ corner)
    model = frame.normalise(camera) @ (corner * frame.scale)
    np.testing.assert_allclose(model / frame.scale, metric * [1, -1, -1], atol=1e-9)


def test_a_camera_above_a_table() -> None:
    """A mug of 10 cm at (0.5, 0.1, 0.05), camera 18 cm from it towards +x and 30 degrees up."""
    frame = ObjectFrame(SE3.from_rotvec([0, 0, 0], [0.5, 0.1, 0.05]), (0.08, 0.06, 0.1))
    elevation = math.radians(30.0)
    eye = np.array([0.5, 0.1, 0.05]) + 0.18 * np.array([math.cos(elevation), 0.0, math.sin(elevation)])
    pose = frame.normalise(look_at(eye, [0.5, 0.1, 0.05]))
    assert pose.is_close(look_at_origin(0.0, math.radians(60.0), 1.8), atol=1e-12)
    assert spherical_from_pose(pose).radius == pytest.approx(frame.standoff(look_at(eye, [0.5, 0.1, 0.05])))


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        ((80.0, 60.0, 100.0), "longest side is 100 m.*in millimetres"),
        ((0.1, 0.0, 0.1), "three positive lengths in metres"),
        ((0.1, -0.1, 0.1), "three positive lengths in metres"),
        ((0.1, float("nan"), 0.1), "three positive lengths in metres"),
        ((0.1, 0.1), "three positive lengths in metres"),
    ],
)
def test_boxes_that_are_none_are_refused(size: tuple[float, ...], sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        ObjectFrame(SE3.identity(), size)  # type: ignore[arg-type]
