# SPDX-License-Identifier: Apache-2.0
"""An arm is still when it was so during the whole window, and unknown when nothing was heard."""

from __future__ import annotations

import pytest

from eschernet_ros.capture import NS_PER_S, PoseBuffer, PoseTooNew, PoseTooOld, PoseUnavailable, StillnessDetector
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

MS = 1_000_000
DETECTOR = StillnessDetector(window_s=0.3, max_linear=5e-4, max_angular=2e-3)


def _buffer(stop_s: float, speed: float = 0.0, spin: float = 0.0, end_s: float = 2.0) -> PoseBuffer:
    """A frame that moves until ``stop_s`` and then stands."""
    buffer = PoseBuffer()
    for i in range(round(end_s * 200) + 1):
        moving = min(i / 200.0, stop_s)
        buffer.add(i * 5 * MS, SE3.from_rotvec([0, 0, spin * moving], [speed * moving, 0, 0]))
    return buffer


@pytest.mark.parametrize(("speed", "spin"), [(0.1, 0.0), (0.0, 0.5)])
def test_still_only_once_the_whole_window_stood(speed: float, spin: float) -> None:
    buffer = _buffer(stop_s=1.0, speed=speed, spin=spin)
    assert not DETECTOR.is_still(buffer, 900 * MS)
    assert not DETECTOR.is_still(buffer, 1200 * MS)  # stands, but moved within the window
    assert DETECTOR.is_still(buffer, 1301 * MS)


def test_slow_drift_below_the_limits_is_still() -> None:
    assert DETECTOR.is_still(_buffer(stop_s=2.0, speed=1e-3), 1500 * MS)
    assert not DETECTOR.is_still(_buffer(stop_s=2.0, speed=2e-3), 1500 * MS)


def test_motion_is_the_largest_excursion_not_the_net_one() -> None:
    """Out and back within the window: both ends agree, yet it moved."""
    buffer = PoseBuffer()
    for i in range(101):
        buffer.add(i * 5 * MS, SE3.from_rotvec([0, 0, 0], [0.01 if i == 60 else 0.0, 0, 0]))
    motion = DETECTOR.motion(buffer, 500 * MS)
    assert motion.linear == pytest.approx(0.01)
    assert motion.angular == 0.0
    assert motion.samples == 61


def test_a_window_between_two_samples_uses_the_interpolated_ends() -> None:
    buffer = PoseBuffer()
    buffer.add(0, SE3.identity())
    buffer.add(250 * MS, SE3.from_rotvec([0, 0, 0], [0.25, 0, 0]))
    short = StillnessDetector(window_s=0.26, max_linear=0.1)
    buffer.add(300 * MS, SE3.from_rotvec([0, 0, 0], [0.25, 0, 0]))
    assert short.motion(buffer, 280 * MS).linear == pytest.approx(0.23)


def test_a_window_that_is_not_covered_is_unknown() -> None:
    buffer = _buffer(stop_s=0.0)
    with pytest.raises(PoseTooOld, match="before the oldest"):
        DETECTOR.is_still(buffer, 100 * MS)
    with pytest.raises(PoseTooNew, match="after the newest"):
        DETECTOR.is_still(buffer, 3 * NS_PER_S)


def test_a_stream_that_paused_over_the_window_is_unknown() -> None:
    buffer = PoseBuffer()
    buffer.add(0, SE3.identity())
    buffer.add(NS_PER_S, SE3.identity())
    with pytest.raises(PoseUnavailable, match=r"1000.0 ms apart"):
        DETECTOR.is_still(buffer, 500 * MS)


@pytest.mark.parametrize("name", ["window_s", "max_linear", "max_angular"])
def test_limits_must_be_positive(name: str) -> None:
    with pytest.raises(EscherNetError, match=f"{name} must be positive, it is 0"):
        StillnessDetector(**{name: 0})
