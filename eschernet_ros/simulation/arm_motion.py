# SPDX-License-Identifier: Apache-2.0
"""Where the simulated arm's joints are at any recent time: rests and trajectories, one after another."""

from __future__ import annotations

import threading
from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.simulation.trajectory import JointTrajectory

NANOSECONDS = 1_000_000_000
_KEPT = 8  # trajectories; frames are rendered at most a few tenths of a second late


class ArmMotion:
    """Joint positions over time, for a pose stream and a camera that ask for different instants. Thread safe.

    Args:
        position: [7] rad, where the arm rests until the first trajectory.
    """

    def __init__(self, position: NDArray[np.float64]) -> None:
        self._lock = threading.Lock()
        self._first = np.array(position, dtype=np.float64)
        self._starts: list[int] = []
        self._trajectories: list[JointTrajectory] = []

    def follow(self, trajectory: JointTrajectory, start_ns: int) -> int:
        """Begin ``trajectory`` at ``start_ns`` and return the stamp at which it ends.

        Raises:
            EscherNetError: when it does not begin where the arm is then, or before the last one began.
        """
        here = self.position(start_ns)
        jump = float(np.abs(trajectory.position(0.0) - here).max())
        with self._lock:
            if jump > 1e-3:
                raise EscherNetError(f"the trajectory begins {jump:.4f} rad away from where the arm is")
            if self._starts and start_ns < self._starts[-1]:
                raise EscherNetError("a trajectory cannot begin before the one before it")
            self._starts.append(start_ns)
            self._trajectories.append(trajectory)
            if len(self._starts) > _KEPT:
                self._first = self._trajectories[0].position(self._trajectories[0].duration_s)
                del self._starts[0], self._trajectories[0]
        return start_ns + round(trajectory.duration_s * NANOSECONDS)

    def stop(self, stamp_ns: int) -> None:
        """Rest from ``stamp_ns`` on, wherever the arm is then."""
        position, stamp_ns = self.position(stamp_ns), max(stamp_ns, *self._starts, 0)
        with self._lock:
            self._starts.append(stamp_ns)
            self._trajectories.append(JointTrajectory.rest(position))

    def position(self, stamp_ns: int) -> NDArray[np.float64]:
        """Return the joint positions [7], rad."""
        with self._lock:
            index = bisect_right(self._starts, stamp_ns) - 1
            if index < 0:
                return self._first.copy()
            trajectory = self._trajectories[index]
            start_ns = self._starts[index]
        return trajectory.position(min((stamp_ns - start_ns) / NANOSECONDS, trajectory.duration_s))

    def velocity(self, stamp_ns: int) -> NDArray[np.float64]:
        """Return the joint velocities [7], rad/s; zero at rest."""
        with self._lock:
            index = bisect_right(self._starts, stamp_ns) - 1
            if index < 0:
                return np.zeros_like(self._first)
            trajectory = self._trajectories[index]
            start_ns = self._starts[index]
        t = (stamp_ns - start_ns) / NANOSECONDS
        return trajectory.velocity(t) if t < trajectory.duration_s else np.zeros_like(self._first)
