# SPDX-License-Identifier: Apache-2.0
"""How far the published Franka16 rule is from a frame's true pose."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from eschernet_ros.geometry import (
    PUBLISHED_RADIUS,
    SE3,
    aim_deviation,
    franka16_angles,
    franka16_poses,
    spherical_from_pose,
)


@dataclass(frozen=True)
class PublishedLoss:
    """The two angles that the published rule keeps of a pose, and what it drops.

    Attributes:
        azimuth: stored azimuth, radians.
        elevation: stored elevation, radians.
        direction_deg: angle at the origin between the true camera and the published one, degrees.
        radius_ratio: true distance from the origin over the published 1.5.
        aim_deg: angle between the true optical axis and the line to the origin, degrees.
        roll_deg: turn about the optical axis that is left after aiming, degrees in -180..180.
    """

    azimuth: float
    elevation: float
    direction_deg: float
    radius_ratio: float
    aim_deg: float
    roll_deg: float

    def as_dict(self) -> dict[str, float]:
        """The numbers by name."""
        return asdict(self)

    def sentence(self) -> str:
        """The loss in words."""
        return (
            f"The published Franka16 rule puts this camera at distance {PUBLISHED_RADIUS} instead of "
            f"{PUBLISHED_RADIUS * self.radius_ratio:.3f} and turns it by {self.aim_deg:.1f} deg in aim, "
            f"{abs(self.roll_deg):.1f} deg in roll and {self.direction_deg:.1f} deg in direction; "
            "the record keeps the true pose."
        )


def published_loss(camera_gl_from_object: SE3) -> PublishedLoss:
    """What the published Franka16 rule (facts: section 3) keeps and drops of a pose.

    Args:
        camera_gl_from_object: pose in model units, OpenGL camera axes.

    Raises:
        EscherNetError: when the camera stands at the object's origin, where it has no direction.
    """
    angles = franka16_angles(camera_gl_from_object)
    published = franka16_poses(angles)[0].inverse().translation
    true = camera_gl_from_object.inverse().translation
    aim, roll = aim_deviation(camera_gl_from_object)
    return PublishedLoss(
        azimuth=float(angles[0, 0]),
        elevation=float(angles[0, 1]),
        direction_deg=math.degrees(
            math.atan2(float(np.linalg.norm(np.cross(true, published))), float(true @ published))
        ),
        radius_ratio=spherical_from_pose(camera_gl_from_object).radius / PUBLISHED_RADIUS,
        aim_deg=math.degrees(aim),
        roll_deg=math.degrees(roll),
    )
