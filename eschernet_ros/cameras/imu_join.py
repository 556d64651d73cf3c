# SPDX-License-Identifier: Apache-2.0
"""One inertial sample from two sensors that are sampled at different times."""

from __future__ import annotations

import threading
from collections import deque
from itertools import pairwise

from eschernet_ros.cameras.camera import MotionSample

Vector = tuple[float, float, float]


class ImuJoin:
    """Pairs every gyroscope sample with the acceleration interpolated at its stamp, as realsense-ros can. Thread safe.

    The two may arrive in threads of their own, and one a little ahead of the other.

    Args:
        gyro_capacity: gyroscope samples that wait for an acceleration after them; beyond it the oldest is dropped.
        acceleration_capacity: accelerations kept for gyroscope samples that come later.
    """

    def __init__(self, gyro_capacity: int = 100, acceleration_capacity: int = 20) -> None:
        self.dropped = 0
        self._gyro_capacity = gyro_capacity
        self._gyro: deque[tuple[int, Vector]] = deque()
        self._acceleration: deque[tuple[int, Vector]] = deque(maxlen=acceleration_capacity)
        self._lock = threading.Lock()

    def add_gyro(self, stamp_ns: int, angular_velocity: Vector) -> list[MotionSample]:
        """Take a gyroscope sample, rad/s; returns the samples that are complete now, in order of time."""
        with self._lock:
            if self._gyro and stamp_ns <= self._gyro[-1][0]:  # the clock went back
                self.dropped += len(self._gyro)
                self._gyro.clear()
                self._acceleration.clear()
            self._gyro.append((stamp_ns, angular_velocity))
            if len(self._gyro) > self._gyro_capacity:
                self._gyro.popleft()
                self.dropped += 1
            return self._complete()

    def add_acceleration(self, stamp_ns: int, acceleration: Vector) -> list[MotionSample]:
        """Take an acceleration, m/s^2; returns the samples that are complete now, in order of time."""
        with self._lock:
            if self._acceleration and stamp_ns <= self._acceleration[-1][0]:
                self._acceleration.clear()
            self._acceleration.append((stamp_ns, acceleration))
            return self._complete()

    def _complete(self) -> list[MotionSample]:
        samples: list[MotionSample] = []
        known = self._acceleration
        while self._gyro and known and self._gyro[0][0] <= known[-1][0]:
            at_ns, velocity = self._gyro.popleft()
            if at_ns < known[0][0]:
                self.dropped += 1  # from before the accelerations that are kept
                continue
            samples.append(MotionSample(at_ns, velocity, _interpolated(known, at_ns)))
        return samples


def _interpolated(known: deque[tuple[int, Vector]], at_ns: int) -> Vector:
    """Return the acceleration at a stamp that is not outside those known."""
    for (before_ns, before), (after_ns, after) in pairwise(known):
        if at_ns <= after_ns:
            share = (at_ns - before_ns) / (after_ns - before_ns)
            x, y, z = (a + share * (b - a) for a, b in zip(before, after, strict=True))
            return x, y, z
    return known[-1][1]
