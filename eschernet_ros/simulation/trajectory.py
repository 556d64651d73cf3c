# SPDX-License-Identifier: Apache-2.0
"""Joint motion over time: straight joint-space segments, each with a minimum-jerk profile."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.kinematics import JointLimits, joint_vector

PEAK_VELOCITY = 1.875
"""Peak of the minimum-jerk profile's velocity, in distance / duration (Flash and Hogan 1985)."""
PEAK_ACCELERATION = 10.0 / np.sqrt(3.0)
"""Peak of its acceleration, in distance / duration^2."""


class JointTrajectory:
    """A path through way-points, at rest at each of them; velocity and acceleration are continuous.

    Immutable, so it may be read from any thread.

    Args:
        waypoints: [N >= 1, 7] joint angles, radians.
        durations: [N - 1] seconds per segment, positive.

    Raises:
        EscherNetError: when the numbers do not fit together.
    """

    def __init__(self, waypoints: ArrayLike, durations: ArrayLike = ()) -> None:
        points = np.array(waypoints, dtype=np.float64)
        seconds = np.array(durations, dtype=np.float64).reshape(-1)
        if points.ndim != 2 or len(points) != len(seconds) + 1 or (seconds <= 0).any():
            raise EscherNetError(
                f"a trajectory of {points.shape} way-points needs one positive duration per segment, got "
                f"{seconds.tolist()}"
            )
        for point in points:
            joint_vector(point)
        points.setflags(write=False)
        self._points = points
        self._ends: list[float] = np.cumsum(seconds).tolist()
        self._seconds: list[float] = seconds.tolist()

    @classmethod
    def rest(cls, q: ArrayLike) -> JointTrajectory:
        """No motion at all: stay at ``q`` [7]; its duration is 0."""
        return cls(joint_vector(q)[None])

    @classmethod
    def through(cls, waypoints: ArrayLike, limits: JointLimits, max_speed: float) -> JointTrajectory:
        """Time the path so that no joint exceeds ``max_speed`` (rad/s) or its own published limits.

        Raises:
            EscherNetError: when ``max_speed`` is not positive.
        """
        if not max_speed > 0:
            raise EscherNetError(f"max_speed must be positive (rad/s), got {max_speed}")
        points = np.array(waypoints, dtype=np.float64)
        moves = np.abs(np.diff(points, axis=0))
        keep = np.concatenate([[True], moves.max(axis=1) > 1e-9]) if len(moves) else np.array([True])
        moves = moves[keep[1:]]
        speed = np.minimum(np.array(limits.velocity), max_speed)
        by_speed = PEAK_VELOCITY * (moves / speed).max(axis=1, initial=0.0)
        by_acceleration = np.sqrt(PEAK_ACCELERATION * (moves / np.array(limits.acceleration)).max(axis=1, initial=0.0))
        return cls(points[keep], np.maximum(by_speed, by_acceleration))

    @property
    def waypoints(self) -> NDArray[np.float64]:
        """[N, 7] joint angles, radians, read-only."""
        return self._points

    @property
    def duration_s(self) -> float:
        """Seconds from the first way-point to the last."""
        return self._ends[-1] if self._ends else 0.0

    def _segment(self, t: float) -> tuple[int, float]:
        """The segment at time ``t`` and the elapsed fraction of it."""
        index = min(bisect_right(self._ends, t), len(self._ends) - 1)
        start = self._ends[index] - self._seconds[index]
        return index, min(max((t - start) / self._seconds[index], 0.0), 1.0)

    def position(self, t: float) -> NDArray[np.float64]:
        """Joint angles [7] (radians) ``t`` seconds after the start; the ends hold before and after."""
        if not self._ends:
            return self._points[0].copy()
        index, s = self._segment(t)
        if s == 1.0:
            return self._points[index + 1].copy()
        blend = s * s * s * (10.0 + s * (6.0 * s - 15.0))
        return self._points[index] + blend * (self._points[index + 1] - self._points[index])

    def velocity(self, t: float) -> NDArray[np.float64]:
        """Joint velocities [7] (rad/s) ``t`` seconds after the start; zero before and after."""
        if not self._ends:
            return np.zeros(self._points.shape[1])
        index, s = self._segment(t)
        rate = 30.0 * (s * (1.0 - s)) ** 2 / self._seconds[index]
        return rate * (self._points[index + 1] - self._points[index])
