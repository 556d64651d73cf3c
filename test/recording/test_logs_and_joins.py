# SPDX-License-Identifier: Apache-2.0
"""Joint positions at a frame's time; views and their pictures, in any order."""

from __future__ import annotations

import pytest

from eschernet_ros.recording import JointLog
from eschernet_ros.recording.view_join import ViewJoin

MS = 1_000_000


def test_joints_are_interpolated_and_never_guessed() -> None:
    log = JointLog()
    for stamp, value in ((1000 * MS, 0.0), (1030 * MS, 0.3), (1400 * MS, 1.0)):
        log.add(stamp, ["a", "b"], [value, -value])
    assert log.at(1010 * MS) == pytest.approx({"a": 0.1, "b": -0.1})
    assert log.at(1030 * MS) == {"a": 0.3, "b": -0.3}
    assert log.at(1200 * MS) == {}  # a gap of 370 ms
    assert log.at(999 * MS) == {}
    assert log.at(1401 * MS) == {}


def test_publishers_of_other_joints_do_not_disturb_each_other() -> None:
    log = JointLog()
    for stamp in (1000 * MS, 1020 * MS):
        log.add(stamp, ["arm"], [stamp / 1e9])
        log.add(stamp + 5 * MS, ["finger"], [0.04])
        log.add(stamp + 7 * MS, ["arm", "odd"], [1.0])  # a position is missing
    assert log.at(1010 * MS) == pytest.approx({"arm": 1.01, "finger": 0.04})
    log.add(10 * MS, ["arm"], [7.0])  # time was reset
    assert log.at(10 * MS) == {"arm": 7.0}
    log.clear()
    assert log.at(10 * MS) == {}


def test_old_joint_states_are_forgotten() -> None:
    log = JointLog()
    for second in range(60):
        log.add(second * 1000 * MS, ["a"], [0.0])
    assert log.at(0) == {}
    assert log.at(59_000 * MS) == {"a": 0.0}
    assert sum(len(samples) for samples in log._samples.values()) <= 22


def test_a_view_waits_for_its_pictures_in_any_order() -> None:
    join = ViewJoin(2.0)
    assert join.add_picture("colour", 1, "c1", 0.0) == []
    assert join.add_view(1, "view 1", ("colour", "depth"), 0.1) == []
    assert join.add_view(2, "view 2", (), 0.2) == []  # ready, but behind the other
    waiting = join.settled()
    join.announce()
    assert not waiting.done() and join.waiting == 2
    first, second = join.add_picture("depth", 1, "d1", 0.3)
    assert (first.view, first.parts, first.missing) == ("view 1", {"colour": "c1", "depth": "d1"}, ())
    assert (second.view, second.parts) == ("view 2", {})
    join.announce()
    assert waiting.done() and join.waiting == 0


def test_a_view_does_not_wait_for_ever() -> None:
    join = ViewJoin(2.0)
    join.add_view(1, "view", ("colour", "depth"), 10.0)
    join.add_picture("colour", 1, "c", 10.1)
    assert join.ready(11.9) == []
    (late,) = join.ready(12.0)
    assert (late.parts, late.missing) == ({"colour": "c"}, ("depth",))


def test_pictures_without_a_view_are_forgotten() -> None:
    join = ViewJoin(2.0)
    join.add_view(0, "view", ("colour", "depth"), 0.0)
    join.add_picture("colour", 0, "kept", 0.0)
    for stamp in range(1, 40):
        join.add_picture("colour", stamp, "x", 0.0)
    assert len(join._pictures) <= 8
    (found,) = join.add_picture("depth", 0, "d", 0.1)
    assert found.parts == {"colour": "kept", "depth": "d"}
