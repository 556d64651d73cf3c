# SPDX-License-Identifier: Apache-2.0
"""Cameras that are wrong on purpose: whoever follows the pose scores worse with them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, look_at_origin, spherical_from_pose, stack_matrices

KINDS = ("azimuth", "elevation", "roll", "distance")


@dataclass(frozen=True)
class WrongPose:
    """A change of every target's camera.

    Attributes:
        kind: of ``KINDS``: the camera moved about the object's vertical axis, or up (over the pole it comes down on
            the other side); turned about its optical axis; or moved away along its ray.
        amount: degrees; for ``"distance"`` the factor less one.
    """

    kind: str
    amount: float

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            EscherNetError: an unknown kind, no change, or a distance that is not positive.
        """
        if self.kind not in KINDS:
            raise EscherNetError(f"There is no wrong pose '{self.kind}'; the kinds are {', '.join(KINDS)}.")
        if not math.isfinite(self.amount) or self.amount == 0.0:
            raise EscherNetError(f"The wrong pose '{self.kind}' is off by {self.amount:g}; give a number other than 0.")
        if self.kind == "distance" and self.amount <= -1.0:
            raise EscherNetError(
                f"A distance that is off by the factor {1 + self.amount:g} is none; give more than -1."
            )

    def __str__(self) -> str:
        return f"{self.kind} {self.amount:g}"

    def of(self, poses: NDArray[np.float64]) -> NDArray[np.float64]:
        """The wrong cameras of ``camera_gl_from_world`` [M, 4, 4], the object at the origin."""
        return stack_matrices(self._one(SE3.from_matrix(pose)) for pose in poses)

    def _one(self, pose: SE3) -> SE3:
        if self.kind == "roll":
            return SE3.from_rotvec([0.0, 0.0, math.radians(self.amount)], [0.0, 0.0, 0.0]) @ pose
        if self.kind == "azimuth":
            return pose @ SE3.from_rotvec([0.0, 0.0, -math.radians(self.amount)], [0.0, 0.0, 0.0])
        azimuth, polar, radius = spherical_from_pose(pose)
        upright = look_at_origin(azimuth, polar, radius)
        if self.kind == "distance":
            return pose @ upright.inverse() @ look_at_origin(azimuth, polar, radius * (1.0 + self.amount))
        # about the horizontal axis that the upright camera has for its x axis: no jump at the poles
        return pose @ SE3.from_rotvec(upright.matrix[0, :3] * math.radians(self.amount), [0.0, 0.0, 0.0])


def parse_wrong_pose(text: str) -> WrongPose:
    """``"azimuth -30"`` as a wrong pose.

    Raises:
        EscherNetError: no kind and number.
    """
    kind, _, amount = text.strip().partition(" ")
    try:
        return WrongPose(kind, float(amount))
    except ValueError as error:
        if isinstance(error, EscherNetError):
            raise
        raise EscherNetError(f"'{text}' is no wrong pose such as 'azimuth -30' or 'distance 0.2'.") from error
