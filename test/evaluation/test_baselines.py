# SPDX-License-Identifier: Apache-2.0
"""The views that need no model: nearest reference, mean, and the warp of the nearest two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import mean_of_references, nearest_reference, psnr, two_view_warp
from eschernet_ros.geometry import (
    SE3,
    look_at_origin,
    model_camera,
    ring,
    stack_matrices,
    view_directions,
    world_from_camera_optical,
)

SIZE = 32
METHODS = (nearest_reference, mean_of_references, two_view_warp)
seeds = st.integers(0, 2**32 - 1)


def random_views(seed: int, count: int) -> tuple[np.ndarray, list[SE3]]:
    """Noise images and cameras all over the sphere, aimed at the origin."""
    rng = np.random.default_rng(seed)
    poses = [
        look_at_origin(rng.uniform(0, 2 * np.pi), np.arccos(rng.uniform(-1, 1)), rng.uniform(1.5, 2.2))
        for _ in range(count)
    ]
    return rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8), poses


def card(pose: SE3, normal: np.ndarray, across: np.ndarray, size: int = 64) -> np.ndarray:
    """A smooth pattern painted on an endless plane through the origin, as a camera sees it."""
    camera = model_camera(size)
    world_from_camera = world_from_camera_optical(pose)
    directions = camera.rays(camera.pixel_grid()) @ world_from_camera.matrix[:3, :3].T
    depth = -(world_from_camera.translation @ normal) / (directions @ normal)
    points = world_from_camera.translation + depth[..., None] * directions
    along = np.cross(normal, across)
    u, v = points @ across, points @ along
    pattern = np.stack([np.sin(5 * u), np.cos(4 * v), np.sin(3 * u + 4 * v)], axis=-1)
    return np.rint(127.5 + 100.0 * pattern).astype(np.uint8)


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_a_single_reference_at_the_target_gives_itself_back(method, seed):
    images, poses = random_views(seed, 1)
    matrices = stack_matrices(poses)
    np.testing.assert_array_equal(method(images, matrices, matrices), images)


@pytest.mark.parametrize("method", [nearest_reference, two_view_warp])
@settings(deadline=None, max_examples=25)
@given(seed=seeds, count=st.integers(2, 6))
def test_targets_that_are_references_give_themselves_back(method, seed, count):
    images, poses = random_views(seed, count)
    matrices = stack_matrices(poses)
    np.testing.assert_array_equal(method(images, matrices, matrices), images)


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=25)
@given(seed=seeds, count=st.integers(1, 5))
def test_equal_images_of_one_colour_stay_that_colour(method, seed, count):
    _, poses = random_views(seed, count + 3)
    images = np.full((count, SIZE, SIZE, 3), (200, 30, 90), np.uint8)
    made = method(images, stack_matrices(poses[:count]), stack_matrices(poses[count:]))
    if method is two_view_warp:  # or white, where neither reference reaches
        reached = (made != 255).any(axis=-1)
        assert (made[~reached] == 255).all()
        made = made[reached]
    assert (made == np.array((200, 30, 90))).all()


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_the_order_of_references_and_the_world_do_not_matter(method, seed):
    images, poses = random_views(seed, 6)
    images, references, targets = images[:4], poses[:4], poses[4:]
    angles = np.arccos(np.clip(view_directions(targets) @ view_directions(references).T, -1, 1))
    assume(np.diff(np.sort(angles, axis=1), axis=1).min() > 1e-3)
    made = method(images, stack_matrices(references), stack_matrices(targets))
    order = np.random.default_rng(seed).permutation(4)
    shuffled = method(images[order], stack_matrices(references)[order], stack_matrices(targets))
    np.testing.assert_array_equal(made, shuffled)
    turn = SE3.from_rotvec(np.random.default_rng(seed).normal(size=3), [0, 0, 0])
    moved = method(
        images,
        stack_matrices(pose @ turn for pose in references),
        stack_matrices(pose @ turn for pose in targets),
    )
    # rounding may move a pixel over the border of what a reference sees, or a value to the next number
    assert (np.abs(made.astype(int) - moved) <= 1).mean() > 0.99


def test_nearest_goes_by_direction_not_by_place():
    references = [look_at_origin(0.0, 1.2, 1.5), look_at_origin(0.5, 1.2, 2.2)]
    target = look_at_origin(0.3, 1.2, 1.5)  # its camera is nearer to the first one, its direction to the second
    gaps = [np.linalg.norm(target.inverse().translation - pose.inverse().translation) for pose in references]
    assert gaps[0] < gaps[1]
    images = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (10, 20)])
    assert (nearest_reference(images, stack_matrices(references), stack_matrices([target])) == 20).all()


def test_a_tie_goes_to_the_first():
    images = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (10, 20)])
    pose = look_at_origin(0.0, 1.2, 1.5)
    assert (nearest_reference(images, stack_matrices([pose, pose]), stack_matrices([pose])) == 10).all()


def test_the_mean_is_rounded():
    images = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (0, 255, 255)])
    made = mean_of_references(images, stack_matrices(ring(3, 1.2, 1.8)), stack_matrices(ring(2, 1.0, 1.8)))
    assert made.shape == (2, 8, 8, 3)
    assert (made == 170).all()


@pytest.mark.parametrize("turn", [0.2, 0.5, -0.4])
@pytest.mark.parametrize("radius", [1.5, 2.0])
def test_what_lies_on_the_facing_plane_is_warped_exactly(turn, radius):
    target = look_at_origin(0.3, 1.1, 1.9)
    reference = look_at_origin(0.3 + turn, 1.2, radius)
    normal = view_directions([target])[0]
    across = np.array([-np.sin(0.3), np.cos(0.3), 0.0])
    truth, image = card(target, normal, across), card(reference, normal, across)
    made = two_view_warp(image[None], stack_matrices([reference]), stack_matrices([target]))[0]
    inside = np.zeros(truth.shape[:2], bool)
    inside[20:44, 20:44] = True  # seen by the reference whichever way it stands
    assert psnr(made, truth, inside) > max(40.0, psnr(image, truth, inside) + 8.0)


def test_two_references_are_blended_by_inverse_angle():
    references = [look_at_origin(azimuth, np.pi / 2, 1.8) for azimuth in (-0.1, 0.3, 2.0)]
    images = np.stack([np.full((SIZE, SIZE, 3), value, np.uint8) for value in (40, 200, 0)])
    made = two_view_warp(images, stack_matrices(references), stack_matrices([look_at_origin(0.0, np.pi / 2, 1.8)]))
    assert (made[0, SIZE // 2, SIZE // 2] == 80).all()  # (3 * 40 + 1 * 200) / 4


def test_white_where_no_reference_reaches():
    images = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    reference, target = look_at_origin(0.0, 1.2, 1.5), look_at_origin(0.0, 1.2, 3.0)
    made = two_view_warp(images, stack_matrices([reference]), stack_matrices([target]))[0]
    assert (made[SIZE // 2, SIZE // 2] == 0).all()
    assert (made[0] == 255).all() and (made[:, -1] == 255).all()


@pytest.mark.parametrize(
    ("images", "references", "targets", "words"),
    [
        (np.zeros((1, 8, 8, 3)), 1, 1, "uint8"),
        (np.zeros((1, 8, 9, 3), np.uint8), 1, 1, r"\[1, 8, 9, 3\]"),
        (np.zeros((2, 8, 8, 3), np.uint8), 1, 1, "2 reference images came with 1"),
        (np.zeros((1, 8, 8, 3), np.uint8), 1, 0, "Target poses"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_wrong_input_is_named(method, images, references, targets, words):
    pose = look_at_origin(0.0, 1.2, 1.8).matrix
    with pytest.raises(EscherNetError, match=words):
        method(images, np.repeat(pose[None], references, axis=0), np.repeat(pose[None], targets, axis=0))


@pytest.mark.parametrize("method", [nearest_reference, two_view_warp])
def test_a_camera_at_the_origin_has_no_direction(method):
    images = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(EscherNetError, match="origin"):
        method(images, np.eye(4)[None], look_at_origin(0.0, 1.2, 1.8).matrix[None])
