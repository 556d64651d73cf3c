# SPDX-License-Identifier: Apache-2.0
"""How far matched points are from each other's epipolar lines (Hartley and Zisserman 2004, chapters 9 and 11)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.geometry.se3 import SE3

FloatArray = NDArray[np.float64]


def essential_matrix(second_from_first: SE3) -> FloatArray:
    """E [3, 3] with ``x_second^T E x_first = 0``; a pure rotation gives zeros."""
    return essential_matrices(second_from_first.matrix)


def essential_matrices(second_from_first: FloatArray) -> FloatArray:
    """E [..., 3, 3] of transforms [..., 4, 4]; each is scaled to norm 1 unless it is zero."""
    x, y, z = np.moveaxis(second_from_first[..., :3, 3], -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    matrices = cross @ second_from_first[..., :3, :3]
    norm = np.linalg.norm(matrices, axis=(-2, -1), keepdims=True)
    return matrices / np.where(norm > 0.0, norm, 1.0)


def _lines(essential: FloatArray, first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Algebraic error [M], and the squared normals [M] of the epipolar lines in the second and the first image."""
    a = np.concatenate([first, np.ones((len(first), 1))], axis=1)
    b = np.concatenate([second, np.ones((len(second), 1))], axis=1)
    if essential.ndim == 2:
        in_second, in_first = a @ essential.T, b @ essential
    else:
        in_second = np.einsum("mij,mj->mi", essential, a)
        in_first = np.einsum("mji,mj->mi", essential, b)
    error = np.einsum("mi,mi->m", b, in_second)
    return error, (in_second[:, :2] ** 2).sum(axis=1), (in_first[:, :2] ** 2).sum(axis=1)


def symmetric_distance(essential: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Mean distance [M] of the two points of a match from the epipolar line of the other one.

    Args:
        essential: [3, 3], or [M, 3, 3] one a match.
        first: [M, 2] normalised coordinates; times the focal length, the result is in pixels.
        second: [M, 2] likewise.
    """
    error, normal_second, normal_first = _lines(essential, first, second)
    tiny = np.finfo(float).tiny
    return (
        0.5
        * np.abs(error)
        * (1.0 / np.sqrt(np.maximum(normal_second, tiny)) + 1.0 / np.sqrt(np.maximum(normal_first, tiny)))
    )


def sampson_residual(essential: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Signed Sampson distance [M]: first-order distance to the nearest pair of points that fits; for solvers."""
    error, normal_second, normal_first = _lines(essential, first, second)
    return error / np.sqrt(np.maximum(normal_second + normal_first, np.finfo(float).tiny))


def epipolar_line(essential: FloatArray, point_first: FloatArray) -> FloatArray:
    """The line (a, b, c) with a x + b y + c = 0 in the second image of a point [2] of the first; normalised."""
    return np.asarray(essential @ np.array([point_first[0], point_first[1], 1.0]))
