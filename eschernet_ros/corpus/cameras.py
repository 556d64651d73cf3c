# SPDX-License-Identifier: Apache-2.0
"""Random upright cameras around an object, as the published models were trained on."""

from __future__ import annotations

import math

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry.se3 import SE3
from eschernet_ros.geometry.spherical import STANDOFF_RANGE, look_at_origin

FULL_SPHERE = (-90.0, 90.0)
"""Elevations of Objaverse-style renders, degrees."""


def check_elevation(elevation: tuple[float, float]) -> None:
    """Raise EscherNetError unless (low, high) degrees lie in -90..90 in that order."""
    low, high = elevation
    if not -90.0 <= low <= high <= 90.0:
        raise EscherNetError(f"the elevation range is {low:g}..{high:g} degrees; it must lie in -90..90, low first")


def random_camera(rng: np.random.Generator, elevation: tuple[float, float] = FULL_SPHERE) -> SE3:
    """``camera_gl_from_world`` of one camera that looks at the origin, without roll.

    Args:
        rng: random numbers.
        elevation: (low, high) in degrees; uniform over that part of the sphere. At the poles the azimuth
            decides the roll.

    Raises:
        EscherNetError: an elevation range outside -90..90.
    """
    check_elevation(elevation)
    low, high = (math.sin(math.radians(value)) for value in elevation)
    polar = math.acos(min(1.0, max(-1.0, rng.uniform(low, high) if high > low else low)))
    return look_at_origin(rng.uniform(0.0, 2.0 * math.pi), polar, rng.uniform(*STANDOFF_RANGE))
