# SPDX-License-Identifier: Apache-2.0
"""Published joint limits.

Source: "Robot and interface specifications" of the Franka Control Interface documentation, tables
"Limits for Panda" and "Limits for Franka Research 3" (joint space).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.kinematics.dh import joint_vector


@dataclass(frozen=True)
class JointLimits:
    """Limits of one robot type, per joint.

    Attributes:
        robot: joint names are ``<robot>_joint1`` to ``<robot>_joint7``.
        lower, upper: position, radians.
        velocity: radians per second.
        acceleration: radians per second squared.
    """

    robot: str
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    velocity: tuple[float, ...]
    acceleration: tuple[float, ...]

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Joint names as the robot's driver publishes them."""
        return tuple(f"{self.robot}_joint{i + 1}" for i in range(len(self.lower)))

    def violations(self, q: ArrayLike, tolerance: float = 0.0) -> tuple[str, ...]:
        """One phrase per joint of ``q`` [7] (radians) that is beyond its limits by more than ``tolerance``."""
        vector = joint_vector(q)
        return tuple(
            f"{name} at {value:.4f} rad is outside [{low}, {high}]"
            for name, value, low, high in zip(self.joint_names, vector, self.lower, self.upper, strict=True)
            if value < low - tolerance or value > high + tolerance
        )

    def arrays(self, margin: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper position limits [7], drawn in by ``margin`` radians."""
        return np.array(self.lower) + margin, np.array(self.upper) - margin

    def unlimited(self) -> JointLimits:
        """The same robot with joints that turn twice around: to tell joint limits from lack of reach."""
        return replace(self, lower=(-2 * np.pi,) * len(self.lower), upper=(2 * np.pi,) * len(self.upper))


PANDA_LIMITS = JointLimits(
    robot="panda",
    lower=(-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973),
    upper=(2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973),
    velocity=(2.1750, 2.1750, 2.1750, 2.1750, 2.6100, 2.6100, 2.6100),
    acceleration=(15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0),
)
"""Franka Emika Panda."""

FR3_LIMITS = JointLimits(
    robot="fr3",
    lower=(-2.7437, -1.7837, -2.9007, -3.0421, -2.8065, 0.5445, -3.0159),
    upper=(2.7437, 1.7837, 2.9007, -0.1518, 2.8065, 4.5169, 3.0159),
    velocity=(2.62, 2.62, 2.62, 2.62, 5.26, 4.18, 5.26),
    acceleration=(10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0),
)
"""Franka Research 3 (its velocity limits also depend on position; these are the largest)."""
