# SPDX-License-Identifier: Apache-2.0
"""SE3 is a group that acts on points, and interpolation moves along it at constant speed."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from eschernet_ros.geometry import SE3, PoseError, stack_matrices

poses = st.from_type(SE3)
properties = settings(deadline=None, max_examples=60)
fractions = st.floats(0.0, 1.0, allow_subnormal=False)
points = st.lists(st.floats(-10, 10, allow_subnormal=False), min_size=3, max_size=3).map(np.array)


@properties
@given(poses, poses, poses)
def test_composition_is_associative(a: SE3, b: SE3, c: SE3) -> None:
    assert ((a @ b) @ c).is_close(a @ (b @ c), atol=1e-12)


@properties
@given(poses)
def test_identity_is_neutral_on_both_sides(a: SE3) -> None:
    assert (a @ SE3.identity()).is_close(a, atol=0.0)
    assert (SE3.identity() @ a).is_close(a, atol=0.0)


@properties
@given(poses)
def test_inverse_cancels_on_both_sides(a: SE3) -> None:
    assert (a @ a.inverse()).is_close(SE3.identity(), atol=1e-13)
    assert (a.inverse() @ a).is_close(SE3.identity(), atol=1e-13)
    assert a.inverse().inverse().is_close(a, atol=1e-13)


@properties
@given(poses, poses, points)
def test_acting_on_points_agrees_with_composition_and_the_matrix(a: SE3, b: SE3, p: np.ndarray) -> None:
    np.testing.assert_allclose((a @ b) @ p, a @ (b @ p), atol=1e-11)
    np.testing.assert_allclose(a @ p, (a.matrix @ [*p, 1.0])[:3], atol=1e-12)


@properties
@given(poses)
def test_points_of_any_leading_shape_are_transformed_alike(a: SE3) -> None:
    grid = np.arange(24.0).reshape(2, 4, 3)
    np.testing.assert_allclose((a @ grid)[1, 2], a @ grid[1, 2], atol=1e-13)
    assert (a @ np.empty((0, 3))).shape == (0, 3)


@properties
@given(poses)
def test_every_constructor_undoes_its_reader(a: SE3) -> None:
    assert SE3.from_matrix(a.matrix).is_close(a, atol=1e-14)
    assert SE3.from_matrix(a.matrix[:3]).is_close(a, atol=1e-14)
    assert SE3.from_rotation_translation(a.rotation, a.translation).is_close(a, atol=1e-14)
    assert SE3.from_rotation_translation(a.matrix[:3, :3], a.translation).is_close(a, atol=1e-14)
    assert SE3.from_quaternion_xyzw(a.quaternion_xyzw, a.translation).is_close(a, atol=1e-14)
    assert SE3.from_rotvec(a.rotvec, a.translation).is_close(a, atol=1e-12)
    assert pickle.loads(pickle.dumps(a)).is_close(a, atol=0.0)


@properties
@given(poses)
def test_quaternions_are_unit_with_positive_w_and_their_negatives_mean_the_same(a: SE3) -> None:
    quaternion = a.quaternion_xyzw
    assert np.linalg.norm(quaternion) == pytest.approx(1.0)
    assert quaternion[3] >= 0.0
    assert SE3.from_quaternion_xyzw(-quaternion, a.translation).is_close(a, atol=1e-14)


@properties
@given(poses, poses, poses)
def test_distance_is_symmetric_and_does_not_depend_on_the_world_frame(a: SE3, b: SE3, world: SE3) -> None:
    metres, radians = a.distance_to(b)
    assert b.distance_to(a) == pytest.approx((metres, radians), abs=1e-7)
    assert (world @ a).distance_to(world @ b) == pytest.approx((metres, radians), abs=1e-7)
    assert metres == pytest.approx(float(np.linalg.norm(a.translation - b.translation)))
    assert 0.0 <= radians <= math.pi + 1e-12


@properties
@given(poses, poses)
def test_interpolation_ends_at_its_ends(a: SE3, b: SE3) -> None:
    assert a.interpolate(b, 0.0).is_close(a, atol=0.0)
    assert a.interpolate(b, 1.0).is_close(b, atol=0.0)
    assert a.interpolate(b, 1e-12).is_close(a, atol=1e-10)
    assert a.interpolate(b, 1.0 - 1e-12).is_close(b, atol=1e-10)


@properties
@given(poses, poses, fractions)
def test_interpolation_has_constant_speed(a: SE3, b: SE3, fraction: float) -> None:
    metres, radians = a.distance_to(b)
    part_metres, part_radians = a.distance_to(a.interpolate(b, fraction))
    assert part_metres == pytest.approx(fraction * metres, abs=1e-10)
    assert part_radians == pytest.approx(fraction * radians, abs=2e-7)


@properties
@given(poses, poses, fractions)
def test_interpolation_is_the_same_from_the_other_end(a: SE3, b: SE3, fraction: float) -> None:
    if a.distance_to(b)[1] > math.pi - 1e-5:
        return  # a half-turn has two shortest ways
    assert a.interpolate(b, fraction).is_close(b.interpolate(a, 1.0 - fraction), atol=1e-9)


@properties
@given(poses, poses, poses, fractions)
def test_interpolation_of_relative_poses_does_not_depend_on_the_world_frame(
    a: SE3, b: SE3, world: SE3, fraction: float
) -> None:
    if a.distance_to(b)[1] > math.pi - 1e-5:
        return
    expected = world @ a.interpolate(b, fraction)
    assert (world @ a).interpolate(world @ b, fraction).is_close(expected, atol=1e-9)


@pytest.mark.parametrize("angle", [1e-12, 1e-9, 1e-5, math.pi - 1e-5, math.pi])
def test_half_way_of_a_tiny_and_of_a_half_turn_is_half_the_angle(angle: float) -> None:
    start = SE3.identity()
    middle = start.interpolate(SE3.from_rotvec([0.0, angle, 0.0], [2.0, 0.0, 0.0]), 0.5)
    assert np.abs(middle.rotvec) == pytest.approx([0.0, angle / 2, 0.0], abs=1e-15 + 1e-12 * angle)
    assert middle.translation == pytest.approx([1.0, 0.0, 0.0])


def test_nothing_is_extrapolated() -> None:
    with pytest.raises(PoseError, match=r"must lie in 0..1, it is 1.5"):
        SE3.identity().interpolate(SE3.identity(), 1.5)
    with pytest.raises(PoseError, match="nan"):
        SE3.identity().interpolate(SE3.identity(), float("nan"))


def test_a_long_chain_stays_rigid() -> None:
    step = SE3.from_rotvec([0.01, -0.02, 0.03], [1e-3, 0.0, 0.0])
    pose = SE3.identity()
    for _ in range(10_000):
        pose = pose @ step
    assert SE3(pose.matrix).is_close(pose, atol=1e-12)


def test_a_transform_shares_no_memory_with_its_source_and_cannot_be_changed() -> None:
    source = np.eye(4)
    pose = SE3(source)
    source[0, 3] = 7.0
    assert pose.translation[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        pose.matrix[0, 3] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        pose.translation[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        copy.deepcopy(pose).matrix[0, 3] = 1.0


def test_a_matrix_with_rounding_becomes_the_nearest_rotation() -> None:
    exact = Rotation.from_rotvec([0.3, -0.7, 1.1]).as_matrix()
    pose = SE3.from_rotation_translation(np.round(exact, 4), [0.1, 0.2, 0.3])
    rotation = pose.matrix[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(rotation, exact, atol=1e-4)


def test_an_exact_rotation_keeps_every_bit() -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec([0.3, -0.7, 1.1]).as_matrix()
    assert np.array_equal(SE3(matrix).matrix, matrix)


def test_stacking_keeps_order_and_shape() -> None:
    a, b = SE3.from_rotvec([0, 0, 1.0], [1, 2, 3]), SE3.identity()
    assert np.array_equal(stack_matrices([a, b]), [a.matrix, b.matrix])
    assert stack_matrices([]).shape == (0, 4, 4)


def test_repr_reads_in_metres_and_degrees() -> None:
    assert repr(SE3.from_rotvec([0, 0, math.pi / 2], [0.1, 0.2, -0.3])) == (
        "SE3(translation=(0.1000, 0.2000, -0.3000), rotvec_deg=(0.00, 0.00, 90.00))"
    )
