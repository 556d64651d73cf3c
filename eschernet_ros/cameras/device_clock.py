# SPDX-License-Identifier: Apache-2.0
"""The host's time of an event that a device stamped with a clock of its own."""

from __future__ import annotations

import threading
from collections import deque


class DeviceClock:
    """Estimates host clock minus device clock from arrival times. Thread safe.

    A message never arrives before its event, and the quickest arrival is delayed least: the offset is the smallest
    difference between arrival and device stamp within the last ``window_s`` (a minimum filter, as NTP's clock filter in
    RFC 5905). What remains is the shortest delay (exposure to arrival), by which stamps are late; and the drift of the
    two clocks within the window: 0.5 ms at 50 ppm and 10 s.

    Args:
        window_s: how long an arrival counts; crystals drift by tens of ppm, so do not make it long.
        back_s: a device stamp that goes back by more than this (a counter that wrapped, a device that restarted, a
            recording that starts over) starts the estimate anew; less is messages that overtook each other.
    """

    def __init__(self, window_s: float = 10.0, back_s: float = 0.3) -> None:
        self.restarts = 0
        self._window_ns = round(window_s * 1e9)
        self._back_ns = round(back_s * 1e9)
        self._newest_ns: int | None = None
        self._newest_difference_ns = 0
        self._lock = threading.Lock()
        # (arrival, arrival - device), differences growing from left to right: the left one is the minimum
        self._candidates: deque[tuple[int, int]] = deque()

    def host_ns(self, device_ns: int, arrival_ns: int) -> int:
        """Return the host's time of a device stamp, and learn from its arrival (both nanoseconds)."""
        difference = arrival_ns - device_ns
        with self._lock:
            if self._newest_ns is not None and device_ns < self._newest_ns - self._back_ns:
                self._candidates.clear()
                self.restarts += 1
                self._newest_ns = None
            self._newest_ns = device_ns if self._newest_ns is None else max(device_ns, self._newest_ns)
            self._newest_difference_ns = difference
            while self._candidates and self._candidates[-1][1] >= difference:
                self._candidates.pop()
            self._candidates.append((arrival_ns, difference))
            while self._candidates[0][0] < arrival_ns - self._window_ns:
                self._candidates.popleft()
            return device_ns + self._candidates[0][1]

    @property
    def excess_delay_ms(self) -> float:
        """How much longer than the quickest the newest message took, milliseconds."""
        with self._lock:
            return (self._newest_difference_ns - self._candidates[0][1]) / 1e6 if self._candidates else 0.0
