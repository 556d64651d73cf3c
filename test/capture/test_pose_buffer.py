# SPDX-License-Identifier: Apache-2.0
"""The pose buffer answers for every time in between, and refuses all others with numbers."""

from __future__ import annotations

import logging
import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.capture import (
    NS_PER_S,
    PoseBuffer,
    PoseBufferEmpty,
    PoseGap,
    PoseTooNew,
    PoseTooOld,
    PoseUnavailable,
    wait_for_pose,
)
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

MS = 1_000_000
properties = settings(deadline=None, max_examples=25)


def _at(x: float) -> SE3:
    return SE3.from_rotvec([0.0, 0.0, 0.0], [x, 0.0, 0.0])


def _moving(seconds: float, velocity: np.ndarray, spin: np.ndarray) -> SE3:
    """Straight motion with constant rotation rate: what interpolation reproduces exactly."""
    return SE3.from_rotvec(spin * seconds, velocity * seconds)


def _twisting(seconds: float, velocity: np.ndarray, spin: np.ndarray) -> SE3:
    """Constant body twist (a screw motion): positions lie on a helix, interpolation cuts its corners."""
    angle = float(np.linalg.norm(spin)) * seconds
    axis = spin / np.linalg.norm(spin)
    along = axis * (axis @ velocity)
    across = velocity - along
    rate = float(np.linalg.norm(spin))
    position = along * seconds + (across * math.sin(angle) + np.cross(axis, across) * (1.0 - math.cos(angle))) / rate
    return SE3.from_rotvec(spin * seconds, position)


small = st.floats(-0.5, 0.5, allow_subnormal=False)
vectors = st.tuples(small, small, small).map(np.array)
spins = vectors.filter(lambda v: np.linalg.norm(v) > 0.05)


@properties
@given(vectors, spins, st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_constant_velocity_sampled_with_jitter_is_interpolated_exactly(
    velocity: np.ndarray, spin: np.ndarray, seed: int, when: float
) -> None:
    buffer, rng, start = PoseBuffer(), np.random.default_rng(seed), 1_700_000_000 * NS_PER_S
    stamps = start + np.arange(200) * 5 * MS + rng.integers(-2 * MS, 2 * MS, 200)
    for stamp in stamps.tolist():
        buffer.add(stamp, _moving((stamp - start) / NS_PER_S, velocity, spin))
    wanted = int(stamps[0]) + round(when * int(stamps[-1] - stamps[0]))
    sample = buffer.lookup(wanted, max_gap_s=0.01)
    assert sample.pose.is_close(_moving((wanted - start) / NS_PER_S, velocity, spin), atol=1e-9)
    assert sample.stamp_ns == wanted
    assert sample.linear_speed == pytest.approx(float(np.linalg.norm(velocity)), abs=1e-6)
    assert sample.angular_speed == pytest.approx(float(np.linalg.norm(spin)), rel=1e-4)
    assert 0 <= sample.offset_ns <= max(sample.gap_ns // 2, 0)


@properties
@given(vectors, spins, st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_a_constant_twist_sampled_at_200_hz_is_met_within_its_arc_height(
    velocity: np.ndarray, spin: np.ndarray, seed: int, when: float
) -> None:
    buffer, rng = PoseBuffer(), np.random.default_rng(seed)
    stamps = 10 * MS + np.arange(200) * 5 * MS + rng.integers(-2 * MS, 2 * MS, 200)
    for stamp in stamps.tolist():
        buffer.add(stamp, _twisting(stamp / NS_PER_S, velocity, spin))
    wanted = int(stamps[0]) + round(when * int(stamps[-1] - stamps[0]))
    sample = buffer.lookup(wanted, max_gap_s=0.01)
    metres, radians = sample.pose.distance_to(_twisting(wanted / NS_PER_S, velocity, spin))
    chord = 0.009  # widest gap: 5 ms and 2 ms of jitter at both ends
    arc_height = float(np.linalg.norm(velocity) * np.linalg.norm(spin)) * chord**2 / 8.0
    assert metres <= 1.01 * arc_height + 1e-12  # at most 8 micrometres here
    assert radians < 1e-7


@properties
@given(st.permutations(list(range(12))))
def test_the_order_of_arrival_does_not_matter(order: list[int]) -> None:
    buffer = PoseBuffer()
    for i in order:
        buffer.add(i * MS, _at(float(i)))
    for wanted in range(0, 11 * MS + 1, MS // 2):
        assert buffer.lookup(wanted, 0.0015).pose.translation[0] == pytest.approx(wanted / MS)
    late = sum(1 for i, number in enumerate(order) if number < max(order[: i + 1]))
    assert buffer.statistics().out_of_order == late


def test_on_a_sample_the_gap_is_zero_and_the_pose_exact() -> None:
    buffer = PoseBuffer()
    poses = [SE3.from_rotvec([0.1 * i, 0.2, 0.3], [i, 0, 0]) for i in range(3)]
    for i, pose in enumerate(poses):
        buffer.add(i * 10 * MS, pose)
    for i, pose in enumerate(poses):
        sample = buffer.lookup(i * 10 * MS, max_gap_s=0.001)  # a gap beside a sample does no harm
        assert sample.pose is pose
        assert (sample.gap_ns, sample.offset_ns) == (0, 0)
        assert sample.linear_speed == pytest.approx(100.0)


def test_gap_offset_and_speed_describe_the_bracket() -> None:
    buffer = PoseBuffer()
    buffer.add(0, SE3.identity())
    buffer.add(40 * MS, SE3.from_rotvec([0, 0, 0.1], [0.02, 0, 0]))
    sample = buffer.lookup(30 * MS, max_gap_s=0.05)
    assert (sample.gap_ns, sample.offset_ns) == (40 * MS, 10 * MS)
    assert sample.linear_speed == pytest.approx(0.5)
    assert sample.angular_speed == pytest.approx(2.5)


def test_the_speed_at_a_lone_sample_is_unknown() -> None:
    buffer = PoseBuffer()
    buffer.add(5, _at(1.0))
    sample = buffer.lookup(5, 0.01)
    assert sample.pose.translation[0] == 1.0
    assert math.isnan(sample.linear_speed) and math.isnan(sample.angular_speed)


def test_an_empty_buffer_says_that_nothing_has_arrived() -> None:
    with pytest.raises(PoseBufferEmpty, match=r"no pose has arrived yet.*QoS") as caught:
        PoseBuffer().lookup(5, 0.01)
    assert isinstance(caught.value, PoseTooNew)
    assert caught.value.missing_ns is None


def test_times_outside_are_refused_with_how_far() -> None:
    buffer = PoseBuffer()
    for i in range(11):
        buffer.add((100 + i) * MS, _at(i))
    with pytest.raises(PoseTooNew, match=r"12.5 ms after the newest pose: wait") as too_new:
        buffer.lookup(122_500_000, 0.01)
    assert (too_new.value.missing_ns, too_new.value.stamp_ns) == (12_500_000, 122_500_000)
    with pytest.raises(PoseTooOld, match=r"60.0 ms before the oldest of 11 poses .*span 10.0 ms") as too_old:
        buffer.lookup(40 * MS, 0.01)
    assert too_old.value.missing_ns == 60 * MS
    assert not isinstance(too_old.value, PoseTooNew)
    assert isinstance(too_old.value, EscherNetError)


def test_a_gap_is_refused_with_its_width() -> None:
    buffer = PoseBuffer()
    buffer.add(0, _at(0))
    buffer.add(200 * MS, _at(1))
    with pytest.raises(PoseGap, match=r"200.0 ms apart, more than the 50.0 ms allowed") as caught:
        buffer.lookup(100 * MS, 0.05)
    assert caught.value.missing_ns == 200 * MS
    assert isinstance(caught.value, PoseUnavailable)


def test_duplicates_are_counted_and_the_first_is_kept() -> None:
    buffer = PoseBuffer()
    buffer.add(10, _at(1.0))
    buffer.add(20, _at(2.0))
    buffer.add(10, _at(9.0))
    buffer.add(20, _at(9.0))
    assert [buffer.lookup(stamp, 1.0).pose.translation[0] for stamp in (10, 20)] == [1.0, 2.0]
    assert buffer.statistics()[:5] == (2, 10, 20, 2, 2)


def test_time_jumping_back_clears_the_buffer_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    buffer = PoseBuffer(jump_back_s=1.0)
    for i in range(100):
        buffer.add(50 * NS_PER_S + i * MS, _at(1.0))
    with caplog.at_level(logging.WARNING, logger="eschernet_ros"):
        buffer.add(10 * NS_PER_S, _at(5.0))
    assert "jumped back by 40.099 s: the pose buffer forgets 100 samples" in caplog.text
    buffer.add(10 * NS_PER_S + MS, _at(7.0))
    assert buffer.lookup(10 * NS_PER_S + MS // 2, 0.01).pose.translation[0] == pytest.approx(6.0)
    assert len(buffer) == 2
    assert buffer.statistics().time_jumps == 1
    with pytest.raises(PoseTooNew):
        buffer.lookup(50 * NS_PER_S, 0.01)


def test_a_sample_late_by_less_than_a_jump_is_put_in_its_place() -> None:
    buffer = PoseBuffer(jump_back_s=1.0)
    buffer.add(0, _at(0.0))
    buffer.add(NS_PER_S, _at(1.0))
    buffer.add(NS_PER_S // 2, _at(3.0))
    assert buffer.lookup(NS_PER_S // 4, 1.0).pose.translation[0] == pytest.approx(1.5)
    assert buffer.statistics()[-2:] == (1, 0)


def test_memory_is_bounded_by_the_horizon() -> None:
    buffer = PoseBuffer(horizon_s=1.0)
    pose = SE3.identity()
    largest = 0
    for i in range(5000):
        buffer.add(i * MS, pose)
        largest = max(largest, len(buffer))
    assert largest <= 1001 + 512
    buffer.lookup(4999 * MS - NS_PER_S, 0.01)  # the whole horizon is there
    with pytest.raises(PoseTooOld):
        buffer.lookup(3000 * MS, 0.01)
    assert buffer.statistics().added == 5000


def test_between_returns_the_samples_of_an_interval() -> None:
    buffer = PoseBuffer()
    for i in range(10):
        buffer.add(i * 10, _at(i))
    stamps, matrices = buffer.between(25, 50)
    assert stamps.tolist() == [30, 40, 50]
    assert matrices[:, 0, 3].tolist() == [3.0, 4.0, 5.0]
    with pytest.raises(PoseTooNew):
        buffer.between(25, 91)


def test_a_pose_to_come_is_waited_for_and_no_other() -> None:
    buffer = PoseBuffer()
    asked = []

    def find(stamp_ns: int) -> float:
        asked.append(stamp_ns)
        if len(asked) == 3:
            buffer.add(20 * MS, _at(2.0))
        return float(buffer.lookup(stamp_ns, 0.1).pose.translation[0])

    buffer.add(10 * MS, _at(1.0))
    assert wait_for_pose(lambda: find(15 * MS), 60.0) == pytest.approx(1.5)
    assert asked == [15 * MS] * 3
    with pytest.raises(PoseTooNew, match=r"1\.0 ms after the newest"):
        wait_for_pose(lambda: find(21 * MS), 0.01)
    assert len(asked) > 4
    asked.clear()
    with pytest.raises(PoseTooOld):
        wait_for_pose(lambda: find(9 * MS), 60.0)
    assert asked == [9 * MS]


def test_readers_and_writers_do_not_disturb_each_other() -> None:
    buffer = PoseBuffer(horizon_s=0.2)
    buffer.add(0, _at(0.0))
    failures: list[BaseException] = []

    def write() -> None:
        for i in range(1, 4000):
            buffer.add(i * MS, _at(float(i)))

    def read() -> None:
        try:
            while writer.is_alive():
                newest = buffer.statistics().newest_ns
                assert newest is not None
                wanted = max(newest - MS // 2, 0)
                try:
                    sample = buffer.lookup(wanted, 0.01)
                except PoseTooOld:
                    continue  # this thread slept while the horizon passed
                assert sample.pose.translation[0] == pytest.approx(wanted / MS)
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    readers = [threading.Thread(target=read) for _ in range(2)]
    writer.start()
    for thread in readers:
        thread.start()
    for thread in (writer, *readers):
        thread.join()
    assert failures == []
    assert buffer.statistics().added == 4000


@pytest.mark.parametrize("stamp", [-1, 0.5])
def test_stamps_are_whole_nanoseconds(stamp: float) -> None:
    with pytest.raises(EscherNetError, match="whole number of nanoseconds"):
        PoseBuffer().add(stamp, SE3.identity())  # type: ignore[arg-type]


def test_a_horizon_must_be_positive() -> None:
    with pytest.raises(EscherNetError, match=r"positive seconds, they are 0.0 and"):
        PoseBuffer(horizon_s=0.0)


def test_samples_around_a_time() -> None:
    """Two on either side, fewer at the ends; a sample on the time counts as before it."""
    buffer = PoseBuffer()
    for stamp in range(0, 100, 10):
        buffer.add(stamp * MS, _at(stamp))

    def stamps(when_ms: float, spacing_s: float = 0.0) -> list[int]:
        found, poses = buffer.around(round(when_ms * MS), spacing_s)
        assert [round(pose.translation[0]) for pose in poses] == [int(ns) // MS for ns in found]
        return [int(ns) // MS for ns in found]

    assert stamps(45) == [30, 40, 50, 60]
    assert stamps(40) == [30, 40, 50, 60]
    assert stamps(5) == [0, 10, 20]
    assert stamps(90) == [80, 90]
    assert stamps(-1) == [0, 10]
    assert stamps(45, 0.010) == [30, 40, 50, 60]  # far enough apart as they are
    assert stamps(45, 0.025) == [0, 30, 60, 90]
    assert stamps(82, 0.025) == [30, 60, 90]
    assert stamps(12, 0.025) == [0, 30, 60]
    assert PoseBuffer().around(5)[1] == ()
