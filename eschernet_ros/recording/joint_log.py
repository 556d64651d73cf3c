# SPDX-License-Identifier: Apache-2.0
"""The newest joint positions, looked up at the time of a frame."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections.abc import Sequence

HORIZON_NS = 10_000_000_000
MAX_GAP_NS = 200_000_000
"""Positions are interpolated between messages at most so far apart: six of the usual 30 a second."""

JUMP_BACK_NS = 1_000_000_000


class JointLog:
    """Keeps the messages of the last ten seconds. Thread safe.

    Several publishers may share the topic (arm and gripper): messages with the same names belong together.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: dict[tuple[str, ...], list[tuple[int, tuple[float, ...]]]] = {}

    def add(self, stamp_ns: int, names: Sequence[str], positions: Sequence[float]) -> None:
        """Take a message; one without a position for every name is left out."""
        if len(names) != len(positions):
            return
        with self._lock:
            samples = self._samples.setdefault(tuple(names), [])
            if samples and samples[-1][0] - stamp_ns > JUMP_BACK_NS:
                samples.clear()  # time was reset
            insort(samples, (stamp_ns, tuple(float(value) for value in positions)))
            if samples[-1][0] - samples[0][0] > 2 * HORIZON_NS:
                del samples[: bisect_left(samples, (samples[-1][0] - HORIZON_NS,))]

    def clear(self) -> None:
        """Forget all: time has jumped."""
        with self._lock:
            self._samples.clear()

    def at(self, stamp_ns: int) -> dict[str, float]:
        """Positions by joint, interpolated linearly; without the joints that are not known at that time."""
        found: dict[str, float] = {}
        with self._lock:
            for names, samples in self._samples.items():
                after = bisect_left(samples, (stamp_ns,))
                if after == len(samples):
                    continue
                later, end = samples[after]
                if later == stamp_ns:
                    found |= dict(zip(names, end, strict=True))
                elif after > 0 and later - samples[after - 1][0] <= MAX_GAP_NS:
                    earlier, start = samples[after - 1]
                    share = (stamp_ns - earlier) / (later - earlier)
                    values = (a + share * (b - a) for a, b in zip(start, end, strict=True))
                    found |= dict(zip(names, values, strict=True))
        return found
