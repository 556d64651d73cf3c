# SPDX-License-Identifier: Apache-2.0
"""The estimate of a device's clock: late by the shortest delay, never by a longer one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.cameras import DeviceClock

PERIOD_NS = 33_333_333
delays = st.lists(st.integers(0, 200_000_000), min_size=1, max_size=200)


@settings(deadline=None)
@given(st.integers(-(10**18), 10**18), delays)
def test_stamps_are_late_by_the_shortest_delay_so_far(offset_ns: int, delays_ns: list[int]) -> None:
    """With clocks that run equally fast, whatever the delays are."""
    clock = DeviceClock()
    for index, delay_ns in enumerate(delays_ns):
        device_ns = index * PERIOD_NS
        host_ns = clock.host_ns(device_ns, device_ns + offset_ns + delay_ns)
        assert host_ns - (device_ns + offset_ns) == min(delays_ns[: index + 1])


def test_drift_is_followed_within_the_window() -> None:
    """Clocks 50 ppm apart, for ten minutes: the error stays at what they drift within the window."""
    clock = DeviceClock(window_s=10.0)
    for index in range(18_000):
        device_ns = index * PERIOD_NS
        true_ns = device_ns + device_ns * 50 // 1_000_000
        error_ns = clock.host_ns(device_ns, true_ns + 5_000_000) - (true_ns + 5_000_000)
        assert -510_000 <= error_ns <= 0


def test_a_clock_that_wraps_starts_anew() -> None:
    """A 32-bit counter of microseconds wraps after 72 minutes; the stamps go on."""
    clock = DeviceClock()
    wrap_ns = 2**32 * 1000
    for index in range(10):
        device_ns = (wrap_ns - 5 * PERIOD_NS + index * PERIOD_NS) % wrap_ns
        true_ns = 10**18 + index * PERIOD_NS
        assert clock.host_ns(device_ns, true_ns + 3_000_000) == true_ns + 3_000_000
    assert clock.restarts == 1


def test_messages_out_of_order_do_not_restart_it() -> None:
    """Inertial samples and frames share a clock and overtake each other."""
    clock = DeviceClock()
    for device_ns in (0, 100_000_000, 50_000_000, 150_000_000):
        clock.host_ns(device_ns, device_ns + 7)
    assert clock.restarts == 0


def test_excess_delay() -> None:
    """What the newest message took beyond the quickest."""
    clock = DeviceClock()
    assert clock.excess_delay_ms == 0.0
    clock.host_ns(0, 2_000_000)
    clock.host_ns(PERIOD_NS, PERIOD_NS + 5_500_000)
    assert clock.excess_delay_ms == pytest.approx(3.5)
