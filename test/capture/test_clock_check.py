# SPDX-License-Identifier: Apache-2.0
"""Stamps of another clock are named with the offset and the remedy."""

from __future__ import annotations

import math

import pytest

from eschernet_ros.capture import NS_PER_S, StampClock

NOW = 1_700_000_000 * NS_PER_S
MS = 1_000_000


def clock(*ages_ms: float, now_ns: int = NOW) -> StampClock:
    """Return a clock that saw messages of these ages."""
    made = StampClock("image")
    for i, age in enumerate(ages_ms):
        arrived = now_ns + i * 33 * MS
        made.observe(arrived - round(age * MS), arrived)
    return made


def test_the_age_is_that_of_the_message_that_waited_least() -> None:
    assert clock(50.0, 20.0, 300.0).age_s == pytest.approx(0.020)
    assert math.isnan(StampClock("image").age_s)
    assert StampClock("image").problem(1.0) is None


@pytest.mark.parametrize("domain", ["", "global_time", "hardware_clock"])
def test_good_stamps_are_no_problem(domain: str) -> None:
    assert clock(*[30.0] * 100).problem(1.0, domain) is None


def test_far_stamps_are_named() -> None:
    sentence = clock(5300.0, 5310.0).problem(1.0) or ""
    assert sentence.startswith("image stamps are 5.300 s behind this node's clock, more than 1 s")
    assert "chrony" in sentence and "use_sim_time" in sentence
    assert "2.000 s ahead of this node's clock" in (clock(-2000.0).problem(1.0) or "")
    assert clock(-2000.0).problem(3.0) is None


def test_a_simulated_clock_that_stands_is_named() -> None:
    stopped = StampClock("pose")
    stopped.observe(NOW, 0)
    assert "clock stands at 0: use_sim_time is true, but nothing publishes /clock" in (stopped.problem(1.0) or "")


@pytest.mark.parametrize("age_ms", [400.0, -20.0])
def test_the_cameras_own_clock_must_agree(age_ms: float) -> None:
    """On the host's clock the same offset may be a slow network; the camera's own clock is held to more."""
    assert clock(age_ms).problem(1.0, "global_time") is None
    sentence = clock(age_ms).problem(1.0, "hardware_clock") or ""
    assert "come from the camera's own clock" in sentence
    assert "rgb_camera.global_time_enabled" in sentence


def test_drift_of_the_cameras_own_clock_is_named() -> None:
    drifting = clock(*[20.0] * 60, *[45.0] * 60)
    assert drifting.drift_s == pytest.approx(0.025)
    assert "have drifted by +25.0 ms" in (drifting.problem(1.0, "hardware_clock") or "")
    assert drifting.problem(1.0, "global_time") is None


def test_times_of_arrival_are_named() -> None:
    assert "times of arrival" in (clock(5.0).problem(1.0, "system_time") or "")


def test_a_clock_that_starts_or_jumps_back_begins_anew() -> None:
    """What was compared with the old time does not linger in the window."""
    started = StampClock("pose")
    for _ in range(5):
        started.observe(NOW, 0)
    started.observe(NOW, NOW + 2 * MS)
    assert started.age_s == pytest.approx(0.002)
    assert started.problem(1.0) is None
    started.observe(NOW, NOW - 60 * NS_PER_S)  # the clock went back, this message is from before
    started.observe(NOW - 60 * NS_PER_S, NOW - 60 * NS_PER_S + MS)
    assert "60.000 s ahead" in (started.problem(1.0) or "")
    for i in range(80):
        started.observe(NOW - 60 * NS_PER_S + i * MS, NOW - 60 * NS_PER_S + i * MS + MS)
    assert started.problem(1.0) is None
