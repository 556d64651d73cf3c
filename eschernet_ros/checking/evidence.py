# SPDX-License-Identifier: Apache-2.0
"""All that the pictures say about the poses, as one vector of residuals in pixels.

Three kinds: the distance of matched features from their epipolar lines; where a feature with depth should appear in
the other picture and where it does; and how far surfaces seen by two frames' depth lie apart (point to plane). The
last needs no texture. Metres become pixels by focal length / depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.depth_surface import DepthSurface
from eschernet_ros.checking.matching import MatchedPair
from eschernet_ros.geometry import SE3, stack_matrices
from eschernet_ros.geometry.epipolar import essential_matrices, sampson_residual

FloatArray = NDArray[np.float64]

MATCHES_PER_PAIR = 60
LARGEST_PX = 80.0
"""Residuals are cut off here: what is farther away is a wrong match, an occlusion, or a pose far beyond repair."""


@dataclass(frozen=True, eq=False)
class SurfacePair:
    """Points of one frame's depth, to be met by another frame's."""

    source: int
    target: int


class Evidence:
    """Residuals of any poses of the same frames.

    Args:
        pairs: matched features.
        surfaces: one a frame, None where it has no depth.
        surface_pairs: which frames' depths are compared.
        seed: of the choice among a pair's matches.

    Attributes:
        groups: [M] the group (a pair of features, or of surfaces) each residual belongs to.
        group_count: how many groups there are.
        group_frames: [G, 2] the two frames of each group.
    """

    def __init__(
        self,
        pairs: Sequence[MatchedPair],
        surfaces: Sequence[DepthSurface | None],
        surface_pairs: Sequence[SurfacePair],
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        self._surfaces = surfaces
        usable = [p for p in surface_pairs if surfaces[p.source] and surfaces[p.target]]
        self._surface_pairs = sorted(usable, key=lambda pair: pair.target)
        self._first = np.array([pair.first for pair in pairs], dtype=int)
        self._second = np.array([pair.second for pair in pairs], dtype=int)
        pair_of, a, b, focal, source, target, points, seen, focal_points, group = ([] for _ in range(10))
        for number, pair in enumerate(pairs):
            chosen = rng.permutation(len(pair))[:MATCHES_PER_PAIR]
            pair_of.append(np.full(len(chosen), number))
            a.append(pair.rays_first[chosen])
            b.append(pair.rays_second[chosen])
            focal.append(np.full(len(chosen), pair.focal))
            for one, other, rays, rays_other, depths in (
                (pair.first, pair.second, pair.rays_first, pair.rays_second, pair.depths_first),
                (pair.second, pair.first, pair.rays_second, pair.rays_first, pair.depths_second),
            ):
                known = chosen[np.isfinite(depths[chosen])]
                homogeneous = np.concatenate([rays[known], np.ones((len(known), 1))], axis=1)
                source.append(np.full(len(known), one))
                target.append(np.full(len(known), other))
                points.append(homogeneous * depths[known, None])
                seen.append(rays_other[known])
                focal_points.append(np.full(len(known), pair.focal))
                group.append(np.full(len(known), number))
        self._pair_of = _joined(pair_of, (0,), int)
        self._a, self._b, self._focal = _joined(a, (0, 2)), _joined(b, (0, 2)), _joined(focal, (0,))
        self._source, self._target = _joined(source, (0,), int), _joined(target, (0,), int)
        self._points, self._seen = _joined(points, (0, 3)), _joined(seen, (0, 2))
        self._focal_points = _joined(focal_points, (0,))
        counts = [self._surfaces[p.source].sample_count for p in self._surface_pairs]  # type: ignore[union-attr]
        self.groups = np.concatenate(
            [
                self._pair_of,
                np.repeat(_joined(group, (0,), int), 2),
                np.repeat(len(pairs) + np.arange(len(self._surface_pairs)), counts),
            ]
        )
        self.group_count = len(pairs) + len(self._surface_pairs)
        frames = [(pair.first, pair.second) for pair in pairs]
        frames += [(pair.source, pair.target) for pair in self._surface_pairs]
        self.group_frames = np.array(frames, dtype=int).reshape(-1, 2)

    def __len__(self) -> int:
        """Number of residuals."""
        return len(self.groups)

    @property
    def has_depth(self) -> bool:
        """Whether any residual measures lengths in metres."""
        return len(self._source) > 0 or bool(self._surface_pairs)

    @property
    def feature_count(self) -> int:
        """Number of residuals of features; they come first."""
        return len(self._a) + 2 * len(self._points)

    def residuals(self, world_from_camera: Sequence[SE3], surfaces: bool = True) -> FloatArray:
        """Signed residuals in px, cut off at +-`LARGEST_PX`; ``groups`` tells which pair each belongs to.

        What a pose leaves without answer (a point behind the camera or outside the depth picture) is 0 for surfaces
        and `LARGEST_PX` for features.
        """
        world = stack_matrices(world_from_camera)
        inverse = np.linalg.inv(world).astype(np.float64)
        parts = []
        second_from_first = inverse[self._second] @ world[self._first]
        essential = essential_matrices(second_from_first)
        if len(self._a):
            parts.append(sampson_residual(essential[self._pair_of], self._a, self._b) * self._focal)
        if len(self._points):
            target_from_source = inverse[self._target] @ world[self._source]
            moved = np.einsum("mij,mj->mi", target_from_source[:, :3, :3], self._points) + target_from_source[:, :3, 3]
            behind = moved[:, 2] <= 1e-6
            depth = np.where(behind, 1.0, moved[:, 2])
            offset = (moved[:, :2] / depth[:, None] - self._seen) * self._focal_points[:, None]
            offset[behind] = LARGEST_PX
            parts.append(offset.ravel())
        if surfaces:
            parts += self._surface_residuals(world, inverse)
        if not parts:
            return np.empty(0)
        return np.clip(np.nan_to_num(np.concatenate(parts), nan=0.0), -LARGEST_PX, LARGEST_PX)

    def _surface_residuals(self, world: FloatArray, inverse: FloatArray) -> list[FloatArray]:
        """Point-to-plane residuals of all surface pairs, one array a target frame."""
        parts = []
        for target, group in groupby(self._surface_pairs, key=lambda pair: pair.target):
            points = []
            for pair in group:
                source = self._surfaces[pair.source]
                assert source is not None
                target_from_source = inverse[target] @ world[pair.source]
                points.append(source.samples @ target_from_source[:3, :3].T + target_from_source[:3, 3])
            surface = self._surfaces[target]
            assert surface is not None
            parts.append(surface.plane_residuals(np.concatenate(points)))
        return parts

    def cost(self, world_from_camera: Sequence[SE3], surfaces: bool = True) -> float:
        """Robust mean of the residuals: mean of log(1 + r^2), r in px; inf without residuals."""
        residuals = self.residuals(world_from_camera, surfaces)
        return float(np.mean(np.log1p(residuals**2))) if len(residuals) else float("inf")


def _joined(parts: list[NDArray], empty: tuple[int, ...], dtype: type = float) -> NDArray:
    return np.concatenate(parts) if parts else np.empty(empty, dtype)
