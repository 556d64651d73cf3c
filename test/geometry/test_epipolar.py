# SPDX-License-Identifier: Apache-2.0
"""Epipolar distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.geometry import SE3
from eschernet_ros.geometry.epipolar import (
    epipolar_line,
    essential_matrices,
    essential_matrix,
    sampson_residual,
    symmetric_distance,
)

numbers = st.floats(-0.5, 0.5)
motions = st.builds(
    lambda r, t: SE3.from_rotvec(r, np.add(t, (0.6, 0.0, 0.0))),
    st.tuples(numbers, numbers, numbers),
    st.tuples(numbers, numbers, numbers),
)


def points(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(-1, 1, (40, 2)), rng.uniform(3, 6, 40)])


@given(motions, st.integers(0, 10))
@settings(max_examples=50, deadline=None)
def test_true_matches_lie_on_their_lines(second_from_first, seed):
    first = points(seed)
    second = second_from_first @ first
    rays = first[:, :2] / first[:, 2:], second[:, :2] / second[:, 2:]
    essential = essential_matrix(second_from_first)
    assert symmetric_distance(essential, *rays).max() < 1e-12
    assert np.abs(sampson_residual(essential, *rays)).max() < 1e-12


def test_distance_across_the_line_is_counted_and_along_it_is_not():
    sideways = SE3.from_rotvec([0, 0, 0], [-0.1, 0, 0])  # epipolar lines are the rows
    first = np.array([[0.1, 0.2], [-0.3, 0.1]])
    essential = essential_matrix(sideways)
    moved = np.add(first, (0.05, 0.004))
    np.testing.assert_allclose(symmetric_distance(essential, first, moved), 0.004, rtol=1e-9)
    # the nearest pair that fits moves both points by half
    np.testing.assert_allclose(np.abs(sampson_residual(essential, first, moved)), 0.004 / np.sqrt(2), rtol=1e-9)
    a, b, c = epipolar_line(essential, first[0])
    assert abs(a) < 1e-12
    assert -c / b == pytest.approx(0.2)


def test_one_matrix_a_match_gives_the_same():
    motion = SE3.from_rotvec([0.1, 0.2, 0.0], [0.2, 0.0, 0.1])
    rng = np.random.default_rng(0)
    first, second = rng.uniform(-0.5, 0.5, (2, 7, 2))
    stacked = essential_matrices(np.repeat(motion.matrix[None], 7, axis=0))
    np.testing.assert_allclose(
        symmetric_distance(stacked, first, second), symmetric_distance(essential_matrix(motion), first, second)
    )


def test_pure_rotation_measures_nothing():
    essential = essential_matrix(SE3.from_rotvec([0.1, 0, 0], [0, 0, 0]))
    assert not essential.any()
    assert symmetric_distance(essential, np.zeros((3, 2)), np.ones((3, 2))).max() == 0.0
