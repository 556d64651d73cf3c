# SPDX-License-Identifier: Apache-2.0
"""The reader and its process, with a library that plays an arm: failures, recovery, counts, and no motion."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eschernet_ros.arms import FrankaReader, FrankaState
from eschernet_ros.optional import MissingDependencyError

FAKE = Path(__file__).parents[1] / "support" / "fake_libfranka"
FAST = {"connect_timeout_s": 20.0, "retry_max_s": 0.6}


class Reading:
    """A reader at work in a thread, with what it gave."""

    def __init__(self, reader: FrankaReader, states: list[FrankaState], calls: Path) -> None:
        self.reader, self.states, self._calls = reader, states, calls
        self._thread = threading.Thread(target=reader.run)
        self._thread.start()

    @property
    def calls(self) -> set[str]:
        """What was called of the library's ``Robot``."""
        return set(self._calls.read_text().splitlines())

    def wait(self, condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until ``condition()``."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (self.reader.problem, self.reader.counts, len(self.states))
            time.sleep(0.01)

    def close(self) -> None:
        """End the reader; its thread must follow at once."""
        self.reader.close()
        self._thread.join(5.0)
        assert not self._thread.is_alive()


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Reading]]:
    """Return a function that reads an arm which plays ``script``."""
    made: list[Reading] = []
    file = tmp_path / "robot.json"
    monkeypatch.setenv("FAKE_ROBOT", str(file))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FAKE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.delitem(sys.modules, "pylibfranka", raising=False)

    def start(script: list[dict[str, Any]], rate_hz: int = 1000, **options: float) -> Reading:
        file.write_text(json.dumps(script))
        states: list[FrankaState] = []
        reader = FrankaReader("127.0.0.7", rate_hz, states.append, **{**FAST, **options})
        made.append(Reading(reader, states, Path(f"{file}.calls")))
        return made[-1]

    yield start
    for reading in made:
        reading.close()
    sys.modules.pop("pylibfranka", None)


def test_states_arrive_and_nothing_but_reading_is_called(read: Callable[..., Reading]) -> None:
    """The whole use of the library: connect without real-time demands, read. Nothing that moves the arm."""
    before_ns = time.time_ns()
    reading = read([{"times": list(range(100, 200))}])
    reading.wait(lambda: len(reading.states) == 100)
    assert [state.robot_time_ms for state in reading.states] == list(range(100, 200))
    stamps = [state.stamp_ns for state in reading.states]
    assert before_ns < stamps[0] <= stamps[-1] < time.time_ns()
    assert stamps == sorted(stamps)
    assert reading.reader.problem == ""
    assert +reading.reader.counts == {"connections": 1, "states": 100}
    assert reading.calls == {"Robot(127.0.0.7, kIgnore)", "read_once"}


@pytest.mark.parametrize(("rate_hz", "wanted"), [(1000, 100), (500, 50), (250, 25), (30, 4)])
def test_the_rate_is_kept_by_leaving_states_out(read: Callable[..., Reading], rate_hz: int, wanted: int) -> None:
    """By the robot's clock, so that gaps do not shift the rest; 1000/30 is 33 ms."""
    reading = read([{"times": list(range(100))}], rate_hz)
    reading.wait(lambda: len(reading.states) == wanted)
    period = round(1000 / rate_hz)
    assert [state.robot_time_ms for state in reading.states] == list(range(0, 100, period))


def test_gaps_and_a_restart_of_the_robots_clock_are_counted(read: Callable[..., Reading]) -> None:
    reading = read([{"times": [10, 11, 15, 16, 26, 3, 4]}])
    reading.wait(lambda: len(reading.states) == 7)
    assert reading.reader.counts["states missed"] == 3 + 9
    assert reading.reader.counts["robot clock restarts"] == 1


def test_gaps_are_counted_among_states_left_out(read: Callable[..., Reading]) -> None:
    reading = read([{"times": [0, 1, 2, 5, 6, 7, 8, 9, 10]}], 100)
    reading.wait(lambda: len(reading.states) == 2)
    assert +reading.reader.counts == {"connections": 1, "states": 9, "states missed": 2}


def test_a_changed_end_effector_is_said(read: Callable[..., Reading], caplog: pytest.LogCaptureFixture) -> None:
    """Also one that changed while the arm was away."""
    reading = read(
        [
            {"times": [1, 2, 3], "ee_z": [0.1034, 0.1034, 0.2034], "end": "libfranka: UDP receive: Timeout"},
            {"times": [1, 2], "ee_z": [0.3034, 0.3034]},
        ]
    )
    reading.wait(lambda: len(reading.states) == 5)
    assert reading.reader.counts["F_T_EE changes"] == 2
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 2
    for sentence in said:
        assert "F_T_EE changed by 100.0 mm" in sentence
        assert "hand-eye calibrations anchored to the EE are void; anchored to the flange hold" in sentence


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("libfranka: Connection to FCI refused. Please install FCI feature", "activate FCI in Desk"),
        ("libfranka: Connection error: Host not found", "there is no host named '127.0.0.7'"),
        ("libfranka: UDP receive: Timeout", "does a firewall drop UDP?"),
        ("libfranka: Incompatible library version (server version: 5)", "compatibility table of libfranka"),
        ("something new", "reading the arm at 127.0.0.7 failed: something new"),
    ],
)
def test_a_refusal_is_explained_and_tried_again(
    read: Callable[..., Reading], caplog: pytest.LogCaptureFixture, said: str, sentence: str
) -> None:
    """Once in the log, however many attempts it takes; then the states come."""
    caplog.set_level(logging.INFO)
    reading = read([{"refuse": said}, {"refuse": said}, {"times": [1, 2]}])
    reading.wait(lambda: len(reading.states) == 2)
    assert reading.reader.counts["connection failures"] == 2
    reading.wait(lambda: reading.reader.problem == "")
    reading.wait(lambda: len(caplog.records) == 2)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert sentence in errors[0]
    assert "states of 127.0.0.7 arrive (2 failures so far)" in caplog.text


def test_an_address_where_nothing_answers(read: Callable[..., Reading]) -> None:
    """Libfranka waits for a minute there, holding Python; the reading process is ended and tried anew."""
    reading = read([{"hang": True}, {"times": [1]}], connect_timeout_s=4.0)
    reading.wait(lambda: reading.reader.problem.startswith("no answer"))
    assert "no answer from 127.0.0.7 within 4 s: is the arm on" in reading.reader.problem
    reading.wait(lambda: len(reading.states) == 1)
    assert reading.reader.counts["connection failures"] == 1


def test_closing_does_not_wait_for_a_connection(read: Callable[..., Reading]) -> None:
    reading = read([{"hang": True}], connect_timeout_s=100.0)
    reading.wait(lambda: Path(f"{os.environ['FAKE_ROBOT']}.connections").exists())
    start = time.monotonic()
    reading.close()
    assert time.monotonic() - start < 3.0


def test_an_arm_that_falls_silent(read: Callable[..., Reading]) -> None:
    """Without an error of the library: noticed all the same."""
    reading = read([{"times": [1, 2]}])
    reading.wait(lambda: "no state of 127.0.0.7 for 3 s" in reading.reader.problem)
    assert reading.reader.counts["connection failures"] == 1


def test_unusable_states_are_refused_and_counted(read: Callable[..., Reading]) -> None:
    reading = read([{"times": [1, 2, 3], "nan": True}])
    reading.wait(lambda: reading.reader.counts["states refused"] == 3)
    assert "states of 127.0.0.7 are not usable" in reading.reader.problem
    assert reading.states == []


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylibfranka", None)
    with pytest.raises(MissingDependencyError, match=r"pip install -r requirements/hardware\.txt"):
        FrankaReader("127.0.0.7", 1000, lambda state: None)
