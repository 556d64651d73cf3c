# SPDX-License-Identifier: Apache-2.0
"""The data conventions reproduce the numbers measured on the published implementation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.datasets.published_images import published_image, white_composite
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import (
    SE3,
    PoseError,
    franka16_angles,
    franka16_poses,
    look_at_origin,
    nerf_synthetic_poses,
    pose_vector_4dof,
    spiral_100,
    stack_matrices,
)

Golden = dict[str, np.ndarray]
ELEPHANT = Path(__file__).parents[2].parent / "shared/data/gso_elephant/render_mvs_25/model"
needs_elephant = pytest.mark.skipif(not ELEPHANT.exists(), reason="the GSO elephant is not beside the checkout")


def _vectors(poses: list[SE3]) -> np.ndarray:
    return np.array([pose_vector_4dof(pose).vector for pose in poses])


def _assert_same_vectors(found: np.ndarray, golden: np.ndarray, atol: float) -> None:
    """Equal 4DoF vectors; the azimuth may differ by whole turns, which the model cannot tell apart."""
    turns = (found[:, 1] - golden[:, 1]) / (2.0 * math.pi)
    np.testing.assert_allclose(turns, np.round(turns), atol=atol)
    np.testing.assert_allclose(found[:, [0, 2, 3]], golden[:, [0, 2, 3]], atol=atol)


def test_spiral(data_golden: Golden) -> None:
    poses = spiral_100()
    np.testing.assert_allclose(stack_matrices(poses), data_golden["spiral100_pose_6dof"], atol=1e-12)
    _assert_same_vectors(_vectors(poses), data_golden["spiral100_pose_4dof"], atol=1e-9)
    assert not any(pose_vector_4dof(pose).clipped for pose in poses)


def test_spiral_angles(data_golden: Golden) -> None:
    azimuths, polars = np.radians(data_golden["spiral100_angles_deg"]).T
    by_angles = [look_at_origin(a, p, 1.5) for a, p in zip(azimuths, polars, strict=True)]
    np.testing.assert_allclose(stack_matrices(by_angles), stack_matrices(spiral_100()), atol=1e-12)


def test_franka16(data_golden: Golden) -> None:
    poses = franka16_poses(data_golden["franka_angles_rad"])
    np.testing.assert_allclose(stack_matrices(poses), data_golden["franka_pose_6dof"], atol=1e-12)
    _assert_same_vectors(_vectors(poses), data_golden["franka_pose_4dof"], atol=1e-9)


def test_franka16_angles_of_the_golden_poses(data_golden: Golden) -> None:
    poses = [SE3(matrix) for matrix in data_golden["franka_pose_6dof"]]
    golden = data_golden["franka_angles_rad"]
    turns = (franka16_angles(poses) - golden) / (2.0 * math.pi)
    np.testing.assert_allclose(turns[:, 0], np.round(turns[:, 0]), atol=1e-9)
    np.testing.assert_allclose(turns[:, 1], 0.0, atol=1e-9)


def test_nerf_synthetic(data_golden: Golden) -> None:
    world_from_camera = [SE3(matrix) for matrix in data_golden["nerf_transform_matrix"]]
    radius = max(float(np.linalg.norm(pose.translation)) for pose in world_from_camera)
    poses = nerf_synthetic_poses(world_from_camera, radius)
    np.testing.assert_allclose(stack_matrices(poses), data_golden["nerf_pose_6dof"], atol=1e-12)
    vectors = [pose_vector_4dof(pose.inverse()) for pose in world_from_camera]
    _assert_same_vectors(np.array([v.vector for v in vectors]), data_golden["nerf_pose_4dof"], atol=1e-9)
    assert all(vector.clipped for vector in vectors)  # the published rule does not scale: radius 4
    with pytest.raises(EscherNetError, match="largest training radius must be positive, it is 0"):
        nerf_synthetic_poses(world_from_camera, 0.0)


def test_elephant_6dof_poses_are_rigid_and_give_the_4dof_ones(data_golden: Golden) -> None:
    poses = [SE3(matrix) for matrix in data_golden["elephant_pose_6dof"]]
    # float32 files: a transform moves to the nearest rotation, by less than the files' own rounding
    np.testing.assert_allclose(stack_matrices(poses), data_golden["elephant_pose_6dof"], atol=1e-6)
    _assert_same_vectors(_vectors(poses), data_golden["elephant_pose_4dof"], atol=1e-5)


@needs_elephant
def test_elephant_files_hold_the_golden_poses(data_golden: Golden) -> None:
    poses = [SE3.from_matrix(np.load(ELEPHANT / f"{i:03d}.npy")) for i in range(25)]
    np.testing.assert_allclose(stack_matrices(poses), data_golden["elephant_pose_6dof"], atol=1e-6)


@needs_elephant
@pytest.mark.parametrize("view", ["000", "011"])
def test_elephant_images_are_loaded_to_the_last_bit(data_golden: Golden, view: str) -> None:
    with Image.open(ELEPHANT / f"{view}.png") as file:
        image = published_image(np.asarray(file))
    np.testing.assert_array_equal(image, data_golden[f"elephant_{view}_u8"])


@pytest.mark.parametrize("view", ["000", "011"])
def test_elephant_goldens_are_a_fixed_point_of_the_rule(data_golden: Golden, view: str) -> None:
    """Opaque, on white, of the right size: loading changes nothing, nor with the white made transparent."""
    image = data_golden[f"elephant_{view}_u8"]
    white = (image == 255).all(axis=-1)
    hidden = np.dstack([np.where(white[..., None], 0, image), np.where(white, 0, 255)]).astype(np.uint8)
    np.testing.assert_array_equal(published_image(np.dstack([image, np.full_like(image[..., 0], 255)])), image)
    np.testing.assert_array_equal(published_image(hidden), image)


def test_only_alpha_exactly_zero_becomes_white() -> None:
    rgba = np.array([[[10, 20, 30, 0], [10, 20, 30, 1], [10, 20, 30, 128], [10, 20, 30, 255]]], np.uint8)
    np.testing.assert_array_equal(white_composite(rgba), [[[255, 255, 255], [10, 20, 30], [10, 20, 30], [10, 20, 30]]])


def test_halving_averages_with_pillows_triangle_filter() -> None:
    rgba = np.full((8, 8, 4), 255, np.uint8)
    rgba[:, 4:, :3] = 0
    row = published_image(rgba, size=4)[1, :, 0]
    # the triangle reaches one output pixel to each side: weights 1/8, 3/8, 3/8, 1/8
    np.testing.assert_array_equal(row, [255, round(255 * 7 / 8), round(255 / 8), 0])


def test_golden_poses_in_the_wrong_convention_are_told_apart(data_golden: Golden) -> None:
    """A guard on the guards: a transposed golden pose is refused."""
    with pytest.raises(PoseError, match="transposed"):
        SE3(data_golden["elephant_pose_6dof"][0].T)
