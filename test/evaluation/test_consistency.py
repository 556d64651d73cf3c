# SPDX-License-Identifier: Apache-2.0
"""Do views fit each other?"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from eschernet_ros.evaluation.consistency import SIZE, consistency, epipolar_distances, neighbour_pairs
from eschernet_ros.geometry import (
    look_at_origin,
    model_camera,
    ring,
    stack_matrices,
    world_from_camera_optical,
)
from eschernet_ros.geometry.se3 import SE3


def painted_plane(poses, size=128):
    """A textured square in the plane x = 0.3, seen by the model's camera; white around it."""
    rng = np.random.default_rng(4)
    texture = cv2.resize(rng.integers(0, 230, (24, 24, 3), dtype=np.uint8), (256, 256), interpolation=cv2.INTER_CUBIC)
    camera, images = model_camera(size), []
    rays = camera.rays(camera.pixel_grid())
    for pose in poses:
        world = world_from_camera_optical(SE3(pose)).matrix
        directions = rays @ world[:3, :3].T
        depth = (0.3 - world[0, 3]) / directions[..., 0]
        points = world[:3, 3] + depth[..., None] * directions
        places = ((points[..., 1:] + 0.4) * (255 / 0.8)).astype(np.float32)
        images.append(cv2.remap(texture, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderValue=(255,) * 3))
    return np.stack(images)


@pytest.fixture(scope="module")
def poses():
    return stack_matrices(look_at_origin(azimuth, 1.3, 1.8) for azimuth in np.radians([-20.0, -5.0, 8.0, 20.0]))


def test_pairs_are_neighbours_within_the_angles():
    pairs = neighbour_pairs(stack_matrices(ring(12, np.pi / 2, 1.8)))
    assert {i for pair in pairs for i in pair} == set(range(12))
    assert all((b - a) in (1, 11) for a, b in pairs)
    assert neighbour_pairs(stack_matrices(ring(4, np.pi / 2, 1.8))) == []
    same = stack_matrices([*ring(2, np.pi / 2, 1.8)[:1], *ring(2, np.pi / 2, 1.8)[:1]])
    assert neighbour_pairs(same) == []
    assert neighbour_pairs(same[:1]) == []


def test_true_matches_lie_on_their_lines(poses):
    camera = model_camera(SIZE)
    points = np.random.default_rng(0).uniform(-0.3, 0.3, (50, 3))
    pixels = []
    for pose in poses[:2]:
        matrix = world_from_camera_optical(SE3(pose)).inverse().matrix
        pixels.append(camera.project(points @ matrix[:3, :3].T + matrix[:3, 3]))
    assert epipolar_distances(poses[0], poses[1], *pixels).max() < 1e-6
    raised = pixels[1] + [0.0, 3.0]  # the cameras stand at one height: their lines are nearly level
    assert np.median(epipolar_distances(poses[0], poses[1], pixels[0], raised)) == pytest.approx(3.0, abs=0.3)


def test_true_views_fit_and_shifted_ones_do_not(poses):
    images, pairs = painted_plane(poses), neighbour_pairs(poses)
    assert pairs == [(0, 1), (1, 2), (2, 3)]
    true = consistency("truth", images, poses, pairs)
    assert (true.method, true.pairs) == ("truth", 3)
    assert true.coverage > 0.6
    assert true.matches > 5000
    assert true.median_px < 0.5
    assert true.within_2px > 0.9
    shifted = images.copy()
    shifted[1::2] = np.roll(shifted[1::2], 4, axis=1)  # 8 pixels of 256, across the lines
    wrong = consistency("model", shifted, poses, pairs)
    assert wrong.median_px > 4.0
    assert wrong.within_2px < 0.1


def test_without_matches_there_is_no_distance(poses):
    white = np.full((4, 32, 32, 3), 255, np.uint8)
    found = consistency("model", white, poses, neighbour_pairs(poses))
    assert (found.matches, found.coverage, found.median_px, found.within_2px) == (0, 0.0, None, None)
    assert consistency("model", white, poses, []).pairs == 0
