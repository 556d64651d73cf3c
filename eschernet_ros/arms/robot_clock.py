# SPDX-License-Identifier: Apache-2.0
"""The robot's clock against the host's, from the stamps of the states that arrive."""

from __future__ import annotations

from collections import deque

import numpy as np

BIN_MS = 1000
"""Offsets are gathered over this long, robot time."""
BINS = 120
"""So many of these are kept."""
_BINS_FOR_DRIFT = 5


class RobotClock:
    """Offset and drift between two clocks when every message arrives late by an unknown amount.

    A message is never early, so the smallest offset of a second is the one closest to the truth; the largest says how
    late a stamp can be. Drift is the slope of the smallest offsets (least squares over at most two minutes).
    """

    def __init__(self) -> None:
        self._bin: int | None = None
        self._low_ns = self._high_ns = 0
        self._bins: deque[tuple[int, int, int]] = deque(maxlen=BINS)

    def add(self, host_ns: int, robot_ms: int) -> None:
        """Take the stamps of one state. A robot clock that goes back starts anew."""
        offset_ns = host_ns - robot_ms * 1_000_000
        number = robot_ms // BIN_MS
        if self._bin is not None and number < self._bin:
            self._bin = None
            self._bins.clear()
        if self._bin == number:
            self._low_ns = min(self._low_ns, offset_ns)
            self._high_ns = max(self._high_ns, offset_ns)
            return
        if self._bin is not None:
            self._bins.append((self._bin, self._low_ns, self._high_ns))
        self._bin, self._low_ns, self._high_ns = number, offset_ns, offset_ns

    @property
    def offset_s(self) -> float | None:
        """Host clock minus robot clock over the last full second, s; None before there is one."""
        return self._bins[-1][1] / 1e9 if self._bins else None

    @property
    def lateness_s(self) -> float | None:
        """How much later than the quickest the latest state of the last full second came, s; None before."""
        return (self._bins[-1][2] - self._bins[-1][1]) / 1e9 if self._bins else None

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the host's clock runs, parts per million; None before five seconds are known."""
        if len(self._bins) < _BINS_FOR_DRIFT:
            return None
        numbers, lows, _ = (np.array(column, dtype=np.int64) for column in zip(*self._bins, strict=True))
        seconds = (numbers - numbers[0]) * (BIN_MS / 1e3)
        return float(np.polyfit(seconds, (lows - lows[0]).astype(float), 1)[0] / 1e3)
