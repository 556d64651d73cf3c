# SPDX-License-Identifier: Apache-2.0
"""The share of the directions around the object that have a view near them.

Directions are unit vectors from the object's centre to the camera, in the object's frame (z up). They are sampled
evenly over the sphere, so that shares are shares of solid angle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError

FloatArray = NDArray[np.float64]

SAMPLES = 4000
"""Directions on the whole sphere: each stands for a cap of 1.8 degrees radius."""


def sphere_points(count: int) -> FloatArray:
    """Unit vectors [count, 3] spread evenly over the sphere, from the top down.

    The Fibonacci lattice (Swinbank and Purser, "Fibonacci grids: a novel approach to global modelling", 2006).

    Raises:
        EscherNetError: count is not positive.
    """
    if count < 1:
        raise EscherNetError(f"a sphere needs at least one point, {count} were asked for")
    steps = np.arange(count)
    z = 1.0 - (2.0 * steps + 1.0) / count
    azimuth = steps * (math.pi * (3.0 - math.sqrt(5.0)))
    radius = np.sqrt(1.0 - z**2)
    return np.column_stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z])


def angles_to_nearest(points: FloatArray, views: FloatArray) -> FloatArray:
    """Angle [N] (radians) from each unit vector [N, 3] to the nearest of the views [V, 3]; pi where there is none."""
    if not len(views):
        return np.full(len(points), math.pi)
    return np.asarray(np.arccos(np.clip((points @ views.T).max(axis=1), -1.0, 1.0)))


@dataclass(frozen=True)
class ElevationBand:
    """The elevations above the object's horizontal plane from which views are wanted.

    Args:
        low: radians, -pi/2 (from below) to pi/2 (from above).
        high: radians, above ``low``.

    Raises:
        EscherNetError: outside that range, or in the wrong order.
    """

    low: float = -math.pi / 2
    high: float = math.pi / 2

    def __post_init__(self) -> None:
        limit = math.pi / 2 + 1e-9
        if not -limit <= self.low < self.high <= limit:
            raise EscherNetError(
                f"the elevations {math.degrees(self.low):g} to {math.degrees(self.high):g} deg are no range: give two "
                "ascending angles within -90 to 90"
            )

    def contains(self, directions: FloatArray) -> NDArray[np.bool_]:
        """Which unit vectors [N, 3] lie in it."""
        elevation = np.arcsin(np.clip(directions[:, 2], -1.0, 1.0))
        return np.asarray((elevation >= self.low - 1e-9) & (elevation <= self.high + 1e-9))

    def __str__(self) -> str:
        """As ``10 to 70 deg``."""
        return f"{math.degrees(self.low):g} to {math.degrees(self.high):g} deg"


@dataclass(frozen=True, eq=False)
class ViewCoverage:
    """How well some views cover the directions of a band.

    Args:
        views: unit vectors [V, 3] from the object to the cameras; V may be 0 (`geometry.view_directions` makes them).
        band: the wanted elevations.
        cover_angle: a direction counts as covered up to this angle (radians) from a view.

    Raises:
        EscherNetError: views of another shape or not of length 1, or an angle that is not positive.
    """

    views: FloatArray
    band: ElevationBand = field(default_factory=ElevationBand)
    cover_angle: float = math.radians(20.0)

    def __post_init__(self) -> None:
        views = np.asarray(self.views, dtype=np.float64)
        if views.ndim != 2 or views.shape[1] != 3 or not np.allclose(np.linalg.norm(views, axis=1), 1.0, atol=1e-6):
            raise EscherNetError(f"views must be unit vectors [V, 3], these have the shape {list(views.shape)}")
        if not 0.0 < self.cover_angle <= math.pi:
            raise EscherNetError(f"the cover angle must lie in 0..180 deg, it is {math.degrees(self.cover_angle):g}")
        object.__setattr__(self, "views", views)

    def __len__(self) -> int:
        """Number of views."""
        return len(self.views)

    @cached_property
    def wanted(self) -> FloatArray:
        """Evenly spread directions [N, 3] of the band."""
        points = sphere_points(SAMPLES)
        inside = self.band.contains(points)
        if not inside.any():  # a band thinner than the samples' spacing
            raise EscherNetError(f"the band of elevations {self.band} is too narrow: make it a degree wide")
        return points[inside]

    @cached_property
    def nearest(self) -> FloatArray:
        """Angle [N] (radians) from each wanted direction to its nearest view; pi without views."""
        return angles_to_nearest(self.wanted, self.views)

    @property
    def share(self) -> float:
        """Share of the wanted directions that are covered, 0..1."""
        return float((self.nearest <= self.cover_angle).mean())

    @property
    def mean_angle(self) -> float:
        """Mean angle (radians) from a wanted direction to its nearest view; pi without views."""
        return float(self.nearest.mean())

    @property
    def largest_gap(self) -> float:
        """Largest angle (radians) from a wanted direction to its nearest view; pi without views."""
        return float(self.nearest.max())

    def sentence(self) -> str:
        """The numbers in words."""
        count = f"{len(self)} view{'' if len(self) == 1 else 's'}"
        if not len(self):
            return f"{count} yet"
        return (
            f"{count} cover {self.share:.0%} of the elevations {self.band} (within {math.degrees(self.cover_angle):g} "
            f"deg of a view); the largest gap is {math.degrees(self.largest_gap):.0f} deg"
        )
