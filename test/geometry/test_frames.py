# SPDX-License-Identifier: Apache-2.0
"""Conversions between camera conventions are bijective and mean what they say."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.geometry import (
    GL_FROM_OPTICAL,
    SE3,
    camera_gl_from_world,
    gl_w2c_from_opencv_w2c,
    opencv_w2c_from_gl_w2c,
    world_from_camera_optical,
)

poses = st.from_type(SE3)
properties = settings(deadline=None, max_examples=40)


def test_axes_mean_what_they_say() -> None:
    right, down, forward = np.eye(3)
    assert np.array_equal(GL_FROM_OPTICAL @ right, [1, 0, 0])
    assert np.array_equal(GL_FROM_OPTICAL @ down, [0, -1, 0])
    assert np.array_equal(GL_FROM_OPTICAL @ forward, [0, 0, -1])


@properties
@given(poses)
def test_the_published_rule_is_reproduced(world_from_optical: SE3) -> None:
    expected = np.linalg.inv(world_from_optical.matrix @ np.diag([1.0, -1.0, -1.0, 1.0]))
    np.testing.assert_allclose(camera_gl_from_world(world_from_optical).matrix, expected, atol=1e-12)


@properties
@given(poses)
def test_conversions_round_trip(pose: SE3) -> None:
    assert world_from_camera_optical(camera_gl_from_world(pose)).is_close(pose, atol=1e-13)
    assert camera_gl_from_world(world_from_camera_optical(pose)).is_close(pose, atol=1e-13)
    assert opencv_w2c_from_gl_w2c(gl_w2c_from_opencv_w2c(pose)).is_close(pose, atol=0.0)


@properties
@given(poses)
def test_world_to_camera_and_camera_to_world_agree(world_from_optical: SE3) -> None:
    by_w2c = gl_w2c_from_opencv_w2c(world_from_optical.inverse())
    assert by_w2c.is_close(camera_gl_from_world(world_from_optical), atol=1e-13)
    signs = np.array([[1.0], [-1.0], [-1.0], [1.0]])
    np.testing.assert_array_equal(by_w2c.matrix, signs * world_from_optical.inverse().matrix)


@properties
@given(poses, poses)
def test_the_camera_centre_survives(world_from_optical: SE3, other: SE3) -> None:
    gl = camera_gl_from_world(world_from_optical)
    np.testing.assert_allclose(gl.inverse().translation, world_from_optical.translation, atol=1e-12)


@properties
@given(poses, poses, poses)
def test_a_change_of_world_leaves_relative_poses_unchanged(a: SE3, b: SE3, new_from_world: SE3) -> None:
    def relative(first: SE3, second: SE3) -> SE3:
        return camera_gl_from_world(first) @ camera_gl_from_world(second).inverse()

    assert relative(new_from_world @ a, new_from_world @ b).is_close(relative(a, b), atol=1e-11)
