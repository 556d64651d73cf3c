# SPDX-License-Identifier: Apache-2.0
"""Gyroscope and accelerometer become one sample, at the gyroscope's stamps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.cameras.imu_join import ImuJoin

MS = 1_000_000


@settings(deadline=None, max_examples=50)
@given(st.lists(st.booleans(), min_size=30, max_size=80), st.integers(1, 9), st.integers(1, 9))
def test_a_linear_acceleration_is_met_exactly(order: list[bool], gyro_ms: int, acceleration_ms: int) -> None:
    """Whatever the rates and the order of arrival, while neither is far ahead of the other."""
    join = ImuJoin(acceleration_capacity=1000)
    gyro_ns = acceleration_ns = 0
    samples = []
    for is_gyro in order:
        if is_gyro:
            samples += join.add_gyro(gyro_ns, (gyro_ns / 1e9, 0.0, 1.0))
            gyro_ns += gyro_ms * MS
        else:
            samples += join.add_acceleration(acceleration_ns, (0.0, 2.0 - 3.0 * acceleration_ns / 1e9, 9.8))
            acceleration_ns += acceleration_ms * MS
    stamps = [sample.stamp_ns for sample in samples]
    assert stamps == sorted(set(stamps))
    expected = min(gyro_ns, max(0, acceleration_ns - acceleration_ms * MS) + 1)
    assert len(samples) == (0 if acceleration_ns == 0 else -(-expected // (gyro_ms * MS)))
    for sample in samples:
        assert sample.angular_velocity == (sample.stamp_ns / 1e9, 0.0, 1.0)
        assert sample.linear_acceleration == pytest.approx((0.0, 2.0 - 3.0 * sample.stamp_ns / 1e9, 9.8))


def test_what_cannot_be_paired_is_counted() -> None:
    """Gyroscope samples before every acceleration, too many waiting ones, and those before a jump of the clock."""
    join = ImuJoin(gyro_capacity=3)
    join.add_gyro(1 * MS, (0.0, 0.0, 0.0))
    assert join.add_acceleration(5 * MS, (0.0, 0.0, 0.0)) == []
    assert join.dropped == 1
    for stamp in range(6, 11):
        join.add_gyro(stamp * MS, (0.0, 0.0, 0.0))
    assert join.dropped == 3
    join.add_gyro(2 * MS, (0.0, 0.0, 0.0))
    assert join.dropped == 6
    assert [
        s.stamp_ns for s in join.add_acceleration(1 * MS, (0.0,) * 3) + join.add_acceleration(3 * MS, (0.0,) * 3)
    ] == [2 * MS]
