# SPDX-License-Identifier: Apache-2.0
"""Stage timings."""

from __future__ import annotations

import threading

import pytest

from eschernet_ros.evaluation import StageTime, StageTimer


def test_times_of_a_stage_add_up():
    timer = StageTimer()
    for seconds in (1.0, 4.0, 1.0):
        timer.add("encode", seconds)
    timer.add("decode", 0.5)
    assert timer.times() == {"encode": StageTime(3, 6.0, 4.0), "decode": StageTime(1, 0.5, 0.5)}
    assert timer.as_dict()["encode"] == {"count": 3, "total": 6.0, "mean": 2.0, "longest": 4.0}


def test_stage_is_timed_also_when_it_raises():
    timer = StageTimer()
    with pytest.raises(RuntimeError), timer.stage("bad"):
        raise RuntimeError
    with timer.stage("good"):
        pass
    assert {name: each.count for name, each in timer.times().items()} == {"bad": 1, "good": 1}
    assert all(each.total >= 0.0 for each in timer.times().values())


def test_threads_may_share_a_timer():
    timer = StageTimer()

    def work() -> None:
        for _ in range(500):
            timer.add("step", 1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert timer.times()["step"] == StageTime(2000, 2000.0, 1.0)


def test_another_timer_can_be_included():
    timer = StageTimer()
    timer.add("a: step", 1.0)
    timer.include({"step": StageTime(2, 3.0, 2.5)}, prefix="a: ")
    assert timer.times() == {"a: step": StageTime(3, 4.0, 2.5)}


def test_table_names_every_stage():
    timer = StageTimer()
    assert timer.table() == ""
    timer.add("a long stage name", 1.25)
    timer.add("b", 2.0)
    head, *lines = timer.table().splitlines()
    assert head.split() == ["stage", "count", "total", "s", "mean", "s", "longest", "s"]
    assert [line.split()[-4:] for line in lines] == [["1", "1.250", "1.250", "1.250"], ["1", "2.000", "2.000", "2.000"]]
    assert len({len(line) for line in [head, *lines]}) == 1
