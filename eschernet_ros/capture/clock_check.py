# SPDX-License-Identifier: Apache-2.0
"""Whether the stamps of a stream belong to the clock of whoever receives them."""

from __future__ import annotations

from collections import deque

import numpy as np

from eschernet_ros.capture.pose_buffer import NS_PER_S

WINDOW = 60
"""Messages over which the smallest age is taken: the one that waited least."""

MAX_AGE_S = 0.25
"""Frames of a camera on the host's clock are younger than this when they arrive (robot and camera on one network)."""

MAX_AHEAD_S = 0.005
MAX_DRIFT_S = 0.010
MAX_JUMP_NS = NS_PER_S

_REMEDY = "set rgb_camera.global_time_enabled and depth_module.global_time_enabled to true (realsense-ros)"


class StampClock:
    """Compares a stream's stamps with the receiver's clock when they arrive.

    The age of a message is the receiver's time less its stamp; the smallest of a window leaves out what waited.

    Args:
        name: of the stream, for sentences ("image", "pose").
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._ages: deque[int] = deque(maxlen=WINDOW)
        self._first: int | None = None
        self._now_ns = -1

    def observe(self, stamp_ns: int, now_ns: int) -> None:
        """Take note of a message with this stamp that arrived now, by the receiver's clock.

        When that clock starts, or jumps back (a bag played again), what was seen before counts no more.
        """
        if self._now_ns == 0 < now_ns or now_ns < self._now_ns - MAX_JUMP_NS:
            self._ages.clear()
            self._first = None
        self._now_ns = now_ns
        self._ages.append(now_ns - stamp_ns)
        if self._first is None and len(self._ages) == WINDOW:
            self._first = min(self._ages)

    @property
    def age_s(self) -> float:
        """Smallest age of the last messages, seconds; NaN before the first."""
        return float(np.min(self._ages)) / NS_PER_S if self._ages else float("nan")

    @property
    def drift_s(self) -> float:
        """Change of the smallest age since the first full window, seconds; 0 before there is one."""
        return 0.0 if self._first is None else self.age_s - self._first / NS_PER_S

    def problem(self, max_offset_s: float, clock_domain: str = "") -> str | None:
        """Name what is wrong with the stamps, and the remedy; None when nothing is.

        Args:
            max_offset_s: an age, or a lead, beyond this is named whatever the clock.
            clock_domain: of the camera's stamps where it is known: ``hardware_clock`` and ``system_time`` are held to
                more.
        """
        if not self._ages:
            return None
        if self._now_ns == 0:
            return (
                "this node's clock stands at 0: use_sim_time is true, but nothing publishes /clock; "
                "play the bag with --clock, or set use_sim_time to false"
            )
        age = self.age_s
        lead = f"{self.name} stamps are {abs(age):.3f} s {'behind' if age >= 0.0 else 'ahead of'} this node's clock"
        if clock_domain == "hardware_clock":
            if not -MAX_AHEAD_S <= age <= min(MAX_AGE_S, max_offset_s):
                return f"{lead} and come from the camera's own clock: {_REMEDY}"
            if abs(self.drift_s) > MAX_DRIFT_S:
                return (
                    f"{self.name} stamps come from the camera's own clock and have drifted by "
                    f"{self.drift_s * 1e3:+.1f} ms against this node's: {_REMEDY}"
                )
        if abs(age) > max_offset_s:
            return (
                f"{lead}, more than {max_offset_s:g} s: synchronise the computers' clocks (chrony or PTP); "
                "for a bag or a simulation set use_sim_time to true and have /clock published"
            )
        if clock_domain == "system_time":
            return (
                f"{self.name} stamps are times of arrival at the camera's computer, later than the exposure by an "
                f"unknown transfer time: {_REMEDY}, or calibrate time_offset_s"
            )
        return None
