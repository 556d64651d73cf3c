# SPDX-License-Identifier: Apache-2.0
"""Lights of one corpus object: those of the simulated bench, varied about it. They stay fixed in the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TOWARDS = np.array([[0.35, 0.55, 0.75], [-0.55, -0.5, 0.65], [0.8, -0.2, 0.35]])
_DIFFUSE = np.array([[0.36, 0.35, 0.33], [0.24, 0.24, 0.26], [0.18, 0.18, 0.18]])


@dataclass(frozen=True, eq=False)
class Lighting:
    """Light on one object, all factors of its colour in 0..1.

    Attributes:
        ambient: light from everywhere.
        headlight: light from the camera.
        towards: [3, 3] unit vectors from the object to the lights, in the world.
        diffuse: [3, 3] RGB of each light.
        specular: strength of the first light's highlight.
        shininess: its exponent.
    """

    ambient: float
    headlight: float
    towards: NDArray[np.float64]
    diffuse: NDArray[np.float64]
    specular: float
    shininess: float


def bench_lighting() -> Lighting:
    """The lights of the simulated bench."""
    towards = _TOWARDS / np.linalg.norm(_TOWARDS, axis=1, keepdims=True)
    return Lighting(0.42, 0.22, towards, _DIFFUSE, 0.2 * 0.15, 0.3 * 128)


def random_lighting(seed: int) -> Lighting:
    """Lights for the object of this seed: other directions, strengths and a little colour; highlights at times."""
    rng = np.random.default_rng([9151, seed])
    azimuth = rng.uniform(0, 2 * np.pi)  # the rig turns as a whole, each light a little on its own
    spin = np.array(
        [[np.cos(azimuth), -np.sin(azimuth), 0.0], [np.sin(azimuth), np.cos(azimuth), 0.0], [0.0, 0.0, 1.0]]
    )
    towards = (_TOWARDS + rng.normal(0, 0.15, (3, 3))) @ spin.T
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    diffuse = _DIFFUSE * rng.uniform(0.6, 1.35, (3, 1)) * rng.uniform(0.96, 1.04, (3, 3))
    specular = rng.uniform(0.0, 0.06) if rng.random() < 0.7 else rng.uniform(0.06, 0.2)
    return Lighting(
        rng.uniform(0.36, 0.5), rng.uniform(0.14, 0.3), towards, diffuse, specular, float(rng.uniform(15, 60))
    )
