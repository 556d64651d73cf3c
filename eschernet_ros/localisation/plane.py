# SPDX-License-Identifier: Apache-2.0
"""Planes that things can stand on, by RANSAC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

MAX_TILT_RAD = np.radians(12.0)
_SAMPLE = 12_000
_ROUNDS = 240
_NEIGHBOURHOOD_M = 0.06
_TOLERANCE_M = 0.007
_MOST_NOISE_M = 0.0035
_LEVEL_RAD = np.radians(3.0)
"""A noisier plane must be level: what slices aslant through walls has points all over the tolerance."""
_MOST_PLANES = 6
_LEAST_SHARE = 0.01
_LEAST_POINTS = 60


@dataclass(frozen=True, eq=False)
class Plane:
    """The points p with ``normal @ p == offset``; ``normal`` [3] is of unit length and points up.

    Attributes:
        normal: base frame.
        offset: metres.
        inliers: points that lie on it, of all that were given.
        noise: robust standard deviation of their heights, metres: of the depth, and of views that disagree.
    """

    normal: NDArray[np.float64]
    offset: float
    inliers: int
    noise: float = 0.0

    def height(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signed distance [N] of points [N, 3] above the plane, metres."""
        return np.asarray(points @ self.normal - self.offset)

    def at(self, x: float, y: float) -> float:
        """The z of the plane above (x, y) of the base frame, metres."""
        return float((self.offset - self.normal[0] * x - self.normal[1] * y) / self.normal[2])

    @property
    def tilt(self) -> float:
        """Angle between the normal and the base frame's z axis, radians."""
        return float(np.arccos(np.clip(self.normal[2], -1.0, 1.0)))


def find_planes(points: NDArray[np.float64], seed: int = 0) -> list[Plane]:
    """Nearly horizontal planes among points, the one with the most points first.

    Three points of one neighbourhood make a hypothesis, so that a small surface is found beside a large one; what a
    plane explains is taken out before the next is looked for. The same points give the same planes.

    Args:
        points: [N, 3] base frame, metres.
        seed: of the random draws.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(points), min(_SAMPLE, len(points)), replace=False)
    rest = points[chosen]
    least = max(_LEAST_POINTS, round(_LEAST_SHARE * len(rest)))
    planes: list[Plane] = []
    for _ in range(_MOST_PLANES):
        if len(rest) < least:
            break
        best = _best_hypothesis(rest, rng)
        if best is None:
            break
        normal, offset = best
        on_it = np.abs(rest @ normal - offset) <= _TOLERANCE_M
        if int(on_it.sum()) < least:
            break
        plane = fit_plane(points[np.abs(points @ normal - offset) <= _TOLERANCE_M])
        if plane.tilt <= (MAX_TILT_RAD if plane.noise <= _MOST_NOISE_M else _LEVEL_RAD):
            planes.append(plane)
        rest = rest[np.abs(plane.height(rest)) > 2.0 * _TOLERANCE_M]
    return sorted(planes, key=lambda plane: -plane.inliers)


def fit_plane(points: NDArray[np.float64]) -> Plane:
    """The least-squares plane of points [N, 3], N >= 3, without the farthest of them, and facing up."""
    kept = points
    for _ in range(3):
        centre = kept.mean(axis=0)
        _, _, axes = np.linalg.svd(kept - centre, full_matrices=False)
        normal = axes[2] * np.sign(axes[2][2] or 1.0)
        residual = np.abs((points - centre) @ normal)
        limit = max(2.5 * 1.4826 * float(np.median(residual)), 1e-6)
        kept = points[residual <= limit] if int((residual <= limit).sum()) >= 3 else points
    return Plane(normal, float(centre @ normal), len(points), 1.4826 * float(np.median(residual)))


def _best_hypothesis(points: NDArray[np.float64], rng: np.random.Generator) -> tuple[NDArray[np.float64], float] | None:
    tree = cKDTree(points)
    first = rng.choice(len(points), _ROUNDS)
    normals, offsets = [], []
    for index, near in zip(first, tree.query_ball_point(points[first], _NEIGHBOURHOOD_M), strict=True):
        second, third = points[rng.choice(near, 2)]
        normal = np.cross(second - points[index], third - points[index])
        length = float(np.linalg.norm(normal))
        if length < 1e-4 * _NEIGHBOURHOOD_M:  # on one line
            continue
        normal *= np.sign(normal[2]) / length
        if normal[2] >= np.cos(MAX_TILT_RAD):
            normals.append(normal)
            offsets.append(float(normal @ points[index]))
    if not normals:
        return None
    heights = np.array(normals) @ points.T - np.array(offsets)[:, None]
    best = int((np.abs(heights) <= _TOLERANCE_M).sum(axis=1).argmax())
    return normals[best], offsets[best]
