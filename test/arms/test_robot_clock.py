# SPDX-License-Identifier: Apache-2.0
"""Offset, lateness and drift between two clocks, from late messages."""

from __future__ import annotations

import numpy as np
import pytest

from eschernet_ros.arms import RobotClock

EPOCH_NS = 1_800_000_000_000_000_000


def stamps(seconds: int, offset_ns: int, ppm: float, late_ns: int) -> RobotClock:
    """A clock that has seen 1000 states a second, each late by up to ``late_ns``, some not at all."""
    clock = RobotClock()
    rng = np.random.default_rng(3)
    late = rng.integers(0, late_ns + 1, seconds * 1000)
    late[::100] = 0
    late[50::100] = late_ns
    for ms in range(seconds * 1000):
        clock.add(offset_ns + ms * 1_000_000 + round(ms * ppm) + int(late[ms]), ms)
    return clock


@pytest.mark.parametrize("ppm", [-40.0, 0.0, 80.0])
def test_drift_and_lateness_are_found_behind_the_jitter(ppm: float) -> None:
    clock = stamps(20, EPOCH_NS, ppm, 3_000_000)
    assert clock.drift_ppm == pytest.approx(ppm, abs=0.5)
    assert clock.lateness_s == pytest.approx(3e-3, abs=1e-4)
    # the last full second begins at 18 s of robot time
    assert clock.offset_s == pytest.approx(EPOCH_NS / 1e9 + 18 * ppm * 1e-6, abs=2e-4)


def test_nothing_is_said_before_there_is_enough() -> None:
    clock = stamps(1, EPOCH_NS, 0.0, 0)
    assert (clock.offset_s, clock.lateness_s, clock.drift_ppm) == (None, None, None)
    clock = stamps(3, EPOCH_NS, 0.0, 0)
    assert clock.offset_s == EPOCH_NS / 1e9
    assert clock.drift_ppm is None


def test_a_clock_that_goes_back_starts_anew() -> None:
    clock = stamps(10, EPOCH_NS, 0.0, 0)
    for ms in range(2500):
        clock.add(EPOCH_NS + 60_000_000_000 + ms * 1_000_000, ms)
    assert clock.offset_s == EPOCH_NS / 1e9 + 60.0
    assert clock.drift_ppm is None
