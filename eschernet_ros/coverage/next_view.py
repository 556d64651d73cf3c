# SPDX-License-Identifier: Apache-2.0
"""The viewpoint that adds most to the views there are.

A greedy step of maximum coverage: of all candidates the one that newly covers the largest share of the wanted
directions. Where several cover nearly as much, and where all is covered, the one that shortens the mean angle to the
nearest view most. Both measures are submodular, so the greedy sequence stays within 1 - 1/e of the best one (Nemhauser,
Wolsey and Fisher 1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.coverage.view_coverage import FloatArray, ViewCoverage, angles_to_nearest, sphere_points
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame, look_at_origin

CANDIDATES = 800
"""Candidates on the whole sphere, 8 degrees apart."""
NEARLY = 0.98
"""Candidates that add this share of what the best one adds count as equal: the samples' noise is of that size."""


@dataclass(frozen=True)
class ArmReach:
    """Where an arm can be expected to hold a camera: a rough test, no inverse kinematics.

    Args:
        max_reach_m: largest distance of the camera from the origin of the base frame; 0: no limit. A Panda or FR3
            reaches 0.855 m (Franka's data sheets).
        min_height_m: least height of the camera above the base frame's origin.

    Raises:
        EscherNetError: a reach that is negative.
    """

    max_reach_m: float = 0.0
    min_height_m: float = -math.inf

    def __post_init__(self) -> None:
        if not self.max_reach_m >= 0.0:
            raise EscherNetError(f"the arm's reach must not be negative, it is {self.max_reach_m} m")

    def holds(self, positions: FloatArray) -> NDArray[np.bool_]:
        """Which camera positions [N, 3] (metres, base frame) lie within it."""
        near = np.linalg.norm(positions, axis=1) <= (self.max_reach_m or math.inf)
        return np.asarray(near & (positions[:, 2] >= self.min_height_m))


@dataclass(frozen=True, eq=False)
class Suggestion:
    """The next viewpoint.

    Attributes:
        direction: [3] unit vector from the object to the camera, in the object's frame.
        gain: share of the wanted directions that it would newly cover.
        angle_gain: by how much (radians) it would shorten the mean angle to the nearest view.
    """

    direction: FloatArray
    gain: float
    angle_gain: float

    @property
    def azimuth(self) -> float:
        """Radians, -pi..pi, from the object's x axis."""
        return math.atan2(self.direction[1], self.direction[0])

    @property
    def elevation(self) -> float:
        """Radians above the object's horizontal plane."""
        return math.asin(max(-1.0, min(1.0, float(self.direction[2]))))

    def camera_gl_from_object(self, standoff: float) -> SE3:
        """The upright camera there that looks at the object, ``standoff`` model units from its centre."""
        return look_at_origin(self.azimuth, math.pi / 2 - self.elevation, standoff)

    def base_from_camera_optical(self, object_frame: ObjectFrame, standoff: float) -> SE3:
        """The same camera in the robot's base frame, metres, optical axes (REP 103)."""
        return object_frame.denormalise(self.camera_gl_from_object(standoff))

    def sentence(self) -> str:
        """Where it is and what it adds."""
        where = f"azimuth {math.degrees(self.azimuth):.0f}, elevation {math.degrees(self.elevation):.0f} deg"
        if self.gain > 0.0:
            return f"{where} (adds {self.gain:.1%})"
        return f"{where} (all covered; brings views {math.degrees(self.angle_gain):.2f} deg nearer in the mean)"


def suggest_next(
    coverage: ViewCoverage,
    *,
    object_frame: ObjectFrame | None = None,
    standoff: float = 1.8,
    reach: ArmReach | None = None,
    avoid: FloatArray | None = None,
    avoid_angle: float = math.radians(12.0),
) -> Suggestion | None:
    """The viewpoint of the band that adds most; None where no candidate is left.

    Args:
        coverage: the views there are, and what is wanted.
        object_frame: where the object stands in the base frame; needed with ``reach``.
        standoff: distance of the suggested camera from the object's centre, model units.
        reach: candidates outside it are left out.
        avoid: [K, 3] directions that turned out not to be reachable.
        avoid_angle: nothing so near them (radians) is suggested.

    Raises:
        EscherNetError: a reach without the object's place.
    """
    candidates = sphere_points(CANDIDATES)
    candidates = candidates[coverage.band.contains(candidates)]
    if not len(candidates):  # a narrow band
        candidates = coverage.wanted
    if reach is not None:
        if object_frame is None:
            raise EscherNetError("the arm's reach can only be judged with the object's place in the base frame")
        positions = object_frame.base_from_object @ (candidates * (standoff / object_frame.scale))
        candidates = candidates[reach.holds(positions)]
    if avoid is not None and len(avoid):
        candidates = candidates[angles_to_nearest(candidates, avoid) > avoid_angle]
    if not len(candidates):
        return None
    angles = np.arccos(np.clip(coverage.wanted @ candidates.T, -1.0, 1.0))  # [wanted, candidates]
    open_before = coverage.nearest > coverage.cover_angle
    gains = (open_before[:, None] & (angles <= coverage.cover_angle)).mean(axis=0)
    closer = np.maximum(coverage.nearest[:, None] - angles, 0.0).mean(axis=0)
    equal = gains >= NEARLY * gains.max()
    best = int(np.argmax(np.where(equal, closer, -1.0)))
    return Suggestion(candidates[best], float(gains[best]), float(closer[best]))
