# SPDX-License-Identifier: Apache-2.0
"""Viewpoint sets are where they should be, and orders of views spread them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import (
    dome,
    farthest_point_order,
    franka16_angles,
    franka16_poses,
    look_at_origin,
    ring,
    spherical_from_pose,
    spiral_100,
    stack_matrices,
    view_directions,
)

properties = settings(deadline=None, max_examples=50)


@properties
@given(st.lists(st.tuples(st.floats(0.0, 6.28), st.floats(-1.5, 1.5)), min_size=1, max_size=20))
def test_franka16_angles_round_trip(angles: list[tuple[float, float]]) -> None:
    found = franka16_angles(franka16_poses(angles))
    turns = (found[:, 0] - np.array(angles)[:, 0]) / (2 * math.pi)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)
    np.testing.assert_allclose(found[:, 1], np.array(angles)[:, 1], atol=1e-9)
    assert ((found[:, 0] >= 0.0) & (found[:, 0] < 2 * math.pi)).all()


def test_franka16_angles_of_one_pose_are_one_row() -> None:
    angles = franka16_angles(look_at_origin(math.radians(-150.0), math.radians(70.0), 1.9))
    np.testing.assert_allclose(angles, np.radians([[30.0, 20.0]]), atol=1e-12)


@pytest.mark.parametrize(
    ("angles", "sentence"),
    [
        ([[10.0, 45.0]], r"elevation of Franka16 view 0 is 45 rad.*degrees or swapped columns"),
        ([[0.0, 0.1], [float("nan"), 0.0]], "view 1 are not finite"),
        ([0.0, 0.1], r"must have shape \[N, 2\], they have \[2\]"),
        ([[0.0, 0.1, 1.5]], r"must have shape \[N, 2\], they have \[1, 3\]"),
    ],
)
def test_angles_that_are_not_franka16s_are_refused(angles: list, sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        franka16_poses(angles)


def test_the_spiral_winds_from_pole_to_pole_at_its_radius() -> None:
    places = [spherical_from_pose(pose) for pose in spiral_100(radius=1.8)]
    polars = np.array([place.polar for place in places])
    assert len(places) == 100
    assert (np.diff(polars) > 0.0).all()
    assert polars[0] < 0.001 and polars[-1] > 3.1
    assert [place.radius for place in places] == pytest.approx([1.8] * 100)


def test_a_ring_divides_the_circle() -> None:
    places = [spherical_from_pose(pose) for pose in ring(4, polar=1.2, radius=2.0, start=0.1)]
    azimuths = np.unwrap([place.azimuth for place in places])
    np.testing.assert_allclose(np.diff(azimuths), math.pi / 2)
    assert azimuths[0] == pytest.approx(0.1)
    assert {round(place.polar, 9) for place in places} == {1.2}
    assert {round(place.radius, 9) for place in places} == {2.0}
    with pytest.raises(EscherNetError, match="at least one camera, 0 were asked for"):
        ring(0, 1.2, 2.0)


def test_a_dome_stacks_rings_and_staggers_them() -> None:
    poses = dome([8, 4], polars=[1.3, 0.6], radius=1.8)
    places = [spherical_from_pose(pose) for pose in poses]
    assert [round(place.polar, 9) for place in places] == [1.3] * 8 + [0.6] * 4
    assert places[8].azimuth == pytest.approx(math.pi / 4)
    with pytest.raises(EscherNetError, match="there are 2 counts and 1 polar"):
        dome([8, 4], [1.0], 1.8)


def test_directions_point_at_the_cameras() -> None:
    poses = ring(6, polar=1.0, radius=3.0)
    centres = -np.einsum("nji,nj->ni", stack_matrices(poses)[:, :3, :3], stack_matrices(poses)[:, :3, 3])
    np.testing.assert_allclose(view_directions(poses) * 3.0, centres, atol=1e-12)


@properties
@given(st.integers(2, 12), st.integers(0, 5), st.integers(0, 1000))
def test_every_next_view_is_the_farthest_from_all_before(count: int, start: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = farthest_point_order(vectors, start % count)
    assert sorted(order) == list(range(count))
    assert order[0] == start % count
    cosines = vectors @ vectors.T
    for position in range(1, count):
        nearest = cosines[order[:position]].max(axis=0)
        rest = order[position:]
        assert nearest[order[position]] == pytest.approx(nearest[rest].min())


def test_repeated_views_come_last() -> None:
    order = farthest_point_order([[1, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0]])
    assert order == [0, 2, 3, 1]


@pytest.mark.parametrize(
    ("directions", "start", "sentence"),
    [
        ([[2.0, 0, 0]], 0, "unit vectors"),
        ([[1.0, 0, 0]], 1, r"start is 1, it must lie in 0..0"),
        (np.zeros((0, 3)), 0, r"shape \[N, 3\]"),
    ],
)
def test_orders_of_what_are_no_directions(directions: list, start: int, sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        farthest_point_order(directions, start)
