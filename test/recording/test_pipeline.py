# SPDX-License-Identifier: Apache-2.0
"""Frames are recorded in their order by several threads; what is lost is counted; nothing recorded is lost."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from streamed_frames import AROUND, offered, pictures, ready_frame, record

from eschernet_ros.datasets import Franka16Writer, read_frames_file
from eschernet_ros.datasets import franka16_writer as writer_module
from eschernet_ros.datasets.frame_files import read_source
from eschernet_ros.errors import EscherNetError
from eschernet_ros.recording import RecordingPipeline
from eschernet_ros.recording.pipeline import QUEUE_FULL, STOPPED, ReadyFrame

PROGRAM = Path(__file__).parents[1] / "support" / "streamed_frames.py"


@pytest.fixture
def writer(tmp_path):
    """A writer of a folder, closed at the end."""
    with Franka16Writer(tmp_path / "thing") as made:
        yield made


def check(folder: Path, count: int | None = None) -> int:
    """Every recorded frame's files are what was recorded, and in order; returns how many there are."""
    frames = read_frames_file(folder)
    for index, files in enumerate(frames.files):
        source, expected = read_source(folder, files), pictures(index % len(AROUND))
        np.testing.assert_array_equal(source.colour, expected.colour)
        np.testing.assert_array_equal(source.depth, expected.depth)
    if count is not None:
        assert len(frames.records) == count
    return len(frames.records)


def test_frames_keep_their_order_and_all_their_numbers(tmp_path) -> None:
    folder = tmp_path / "thing"
    record(folder, range(9))
    check(folder, 9)
    frames = read_frames_file(folder)
    stamps = [r.image_stamp_ns for r in frames.records]
    assert stamps == sorted(stamps)
    for number, stored in enumerate(frames.records):
        made = ready_frame(number).record
        np.testing.assert_array_equal(stored.base_from_source_optical.matrix, made.base_from_source_optical.matrix)
        np.testing.assert_array_equal(stored.arm.base_from_arm.matrix, made.arm.base_from_arm.matrix)
        np.testing.assert_array_equal(
            stored.arm.arm_from_camera_optical.matrix, made.arm.arm_from_camera_optical.matrix
        )
        assert (stored.arm.base_frame, stored.arm.joints) == ("base", {"j1": 0.1})
        assert stored.source_camera == made.source_camera
        assert stored.quality["exposure_s"] == 0.008
    assert (frames.state, frames.finished) == ("unfinished", 0)
    assert frames.sessions[0]["mode"] == "continuous"
    entry = json.loads((folder / "frames.jsonl").read_text().splitlines()[1])
    base_from_object = np.array(entry["object_frame"]["base_from_object"])
    np.testing.assert_allclose(
        base_from_object @ np.array(entry["object_from_source_optical"]), entry["base_from_source_optical"], atol=1e-12
    )


def test_what_does_not_fit_is_dropped_and_counted(writer) -> None:
    go = threading.Event()

    def slow() -> ReadyFrame:
        go.wait(10.0)
        return ready_frame(0)

    pipeline = RecordingPipeline(writer, queue_size=3, workers=1)
    assert pipeline.offer(slow)
    while pipeline.waiting:  # until the worker holds it
        time.sleep(0.001)
    assert [pipeline.offer(offered(number)) for number in range(1, 6)] == [True] * 3 + [False] * 2
    go.set()
    pipeline.flush().result(10.0)
    pipeline.close()
    assert dict(pipeline.counts) == {"recorded": 4, QUEUE_FULL: 2, "stored uncompressed": 3}
    assert pipeline.most_waiting == 3
    check(writer.folder, 4)
    assert pipeline.bytes_written == sum(
        f.bytes for files in read_frames_file(writer.folder).files for f in files.values()
    )


def test_refused_frames_leave_no_gap(writer) -> None:
    reasons: list[str] = []

    def refused() -> ReadyFrame:
        raise EscherNetError("no pose")

    pipeline = RecordingPipeline(writer, on_refused=reasons.append)
    for prepare in (offered(0), refused, offered(1)):
        pipeline.offer(prepare)
    pipeline.flush().result(10.0)
    assert len(writer) == 2
    pipeline.close()
    assert pipeline.counts["refused: EscherNetError"] == 1
    assert reasons == ["no pose"]
    check(writer.folder, 2)


def test_a_bug_stops_recording_and_says_so(writer, caplog) -> None:
    pipeline = RecordingPipeline(writer)
    pipeline.offer(offered(0))
    pipeline.flush().result(10.0)
    pipeline.offer(lambda: 1 / 0)
    pipeline.flush().result(10.0)
    assert pipeline.stopped == "ZeroDivisionError: division by zero"
    assert not pipeline.offer(offered(1))
    pipeline.close()
    assert "Traceback" in caplog.text
    assert dict(pipeline.counts) == {"recorded": 1, STOPPED: 2}


def test_frames_are_compressed_while_there_is_time(writer) -> None:
    """The choice shows in the size of the files; unknown choices are refused."""
    sizes = []
    for index, compression in enumerate(("fast", "none", "auto")):
        pipeline = RecordingPipeline(writer, compression=compression)
        pipeline.offer(offered(index))
        pipeline.close()
        sizes.append(pipeline.bytes_written)
    assert sizes[0] < 0.8 * sizes[1]
    assert sizes[2] < 0.8 * sizes[1]
    check(writer.folder, 3)
    with pytest.raises(EscherNetError, match="compression is 'zip'; it must be one of: auto, fast, none"):
        RecordingPipeline(writer, compression="zip")


class FullDisk:
    """A disk with room for so many files; a fake, since a test cannot mount one everywhere."""

    def __init__(self, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = room
        self._write = writer_module.write_frame_file
        monkeypatch.setattr(writer_module, "write_frame_file", self.write)

    def write(self, folder: Path, path: str, content: bytes):
        """Write while there is room."""
        self.room -= 1
        if self.room < 0:
            error = OSError(errno.ENOSPC, "No space left on device")
            raise writer_module.write_error(folder / path, error) from error
        return self._write(folder, path, content)


def test_full_disk_stops_recording_and_everything_before_it_is_readable(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "thing"
    said: list[str] = []
    with Franka16Writer(folder) as writer:
        pipeline = RecordingPipeline(writer, commit_every_s=0.01, on_stopped=said.append)
        for number in range(3):
            pipeline.offer(offered(number))
        pipeline.flush().result(10.0)
        with monkeypatch.context() as patched:
            FullDisk(3, patched)  # one frame more, and half of another
            for number in range(3, 8):
                pipeline.offer(offered(number))
            pipeline.flush().result(10.0)
        assert "disk is full" in pipeline.stopped
        assert said == [pipeline.stopped]
        assert not pipeline.offer(offered(8))  # there is room again: a new recorder goes on, this one does not
        pipeline.close()
        recorded = len(writer)
    assert 3 <= recorded <= 4
    assert pipeline.counts["recorded"] + pipeline.counts[STOPPED] == 9
    check(folder, recorded)
    head = json.loads((folder / "recording.json").read_text())
    assert (head["state"], head["frames"]) == ("unfinished", recorded)
    assert "disk is full" in head["stopped"]
    assert len(list((folder / "colour").iterdir())) == recorded  # what was not recorded made room
    record(folder, range(recorded, 6))
    check(folder, 6)
    assert json.loads((folder / "recording.json").read_text())["stopped"] == ""


_RECORD_WITH_LIMIT = """
import resource, sys
from pathlib import Path
from streamed_frames import offered
from eschernet_ros.datasets import Franka16Writer
from eschernet_ros.recording import RecordingPipeline
with Franka16Writer(sys.argv[1]) as writer:
    pipeline = RecordingPipeline(writer)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    for number in range(20):
        pipeline.offer(offered(number))
    pipeline.flush().result(30.0)
    pipeline.close()
    print(len(writer), pipeline.stopped)
"""


def run(*arguments: str, code: str | None = None) -> subprocess.Popen[str]:
    """Start Python with the tests' support modules; on a program, or on code."""
    path = os.pathsep.join(p for p in (str(PROGRAM.parent), os.environ.get("PYTHONPATH", "")) if p)
    what = ["-c", code] if code else [str(PROGRAM)]
    return subprocess.Popen(
        [sys.executable, *what, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
    )


def test_a_file_system_that_refuses_in_the_middle_of_a_write_stops_recording(tmp_path) -> None:
    """The kernel's limit on a file's size cuts the journal off in the middle of a line, as a full disk does."""
    folder = tmp_path / "thing"
    limit = 5 * 3200
    with run(str(folder), str(limit), code=_RECORD_WITH_LIMIT) as process:
        said = process.stdout.read()
    assert process.returncode == 0
    count, _, reason = said.partition(" ")
    assert 0 < int(count) < 20
    assert "frames.jsonl cannot be written: File too large" in reason
    assert check(folder) == int(count)
    assert (folder / "frames.jsonl").read_bytes().endswith(b"\n")


def test_kill_at_any_moment_loses_no_acknowledged_frame(tmp_path) -> None:
    """Kill -9 at random moments, three times in the same folder."""
    folder = tmp_path / "thing"
    rng = np.random.default_rng(3)
    acknowledged = 0
    for _ in range(3):
        with run(str(folder)) as process:
            for _ in range(int(rng.integers(1, 6))):
                acknowledged = int(process.stdout.readline())
            time.sleep(rng.uniform(0.0, 0.02))
            process.kill()
            for line in process.stdout:
                acknowledged = int(line) if line.endswith("\n") else acknowledged
        assert check(folder) >= acknowledged  # also before anybody repaired it
        with Franka16Writer(folder) as writer:
            assert len(writer) >= acknowledged
        assert check(folder) == len(writer)
        named = {f.path for files in read_frames_file(folder).files for f in files.values()}
        present = {f"{p.parent.name}/{p.name}" for name in ("colour", "depth") for p in (folder / name).iterdir()}
        assert present == named


def test_frames_that_are_not_committed_are_few(writer, monkeypatch) -> None:
    """A disk that flushes slowly does not let frames gather that a kill would lose: the queue fills instead."""
    go = threading.Event()
    batches: list[int] = []
    commit = writer.commit

    def slow(frames) -> None:
        go.wait(10.0)
        batches.append(len(frames))
        commit(frames)

    monkeypatch.setattr(writer, "commit", slow)
    pipeline = RecordingPipeline(writer, queue_size=4, workers=2)
    ready = ready_frame(0)
    deadline = time.monotonic() + 20.0
    while not pipeline.counts[QUEUE_FULL] and time.monotonic() < deadline:
        pipeline.offer(lambda: ready)
        time.sleep(0.002)
    offered_frames = pipeline._offered
    assert offered_frames <= 2 * 4
    go.set()
    pipeline.close()
    assert sum(batches) == len(writer) == offered_frames
