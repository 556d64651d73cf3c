# SPDX-License-Identifier: Apache-2.0
"""The recorder loses nothing: repair, resume, locking, and failing disks."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from eschernet_ros.datasets import DatasetError, DatasetWriteError, Franka16Writer, open_dataset, read_frames_file
from eschernet_ros.geometry import SE3


@pytest.fixture
def record(record_of, image_of, upright):
    """Function: (writer, first, count) -> records frames that differ from each other."""

    def add(writer: Franka16Writer, first: int, count: int) -> None:
        for number in range(first, first + count):
            image, mask = image_of(number)
            written = writer.add(image, record_of(upright(0.3 * number, 1.1, 1.7), number), mask)
            assert written.index == number

    return add


@pytest.fixture
def check(image_of, published_loader):
    """Function: (folder, count) -> asserts that the first ``count`` frames are there, in full."""

    def read(folder: Path, count: int) -> None:
        views = open_dataset(folder).read(image_size=None)
        assert len(views) >= count
        for number in range(count):
            np.testing.assert_array_equal(views.images[number], image_of(number)[0])
        images, poses = published_loader(folder)
        assert len(images) == len(poses) == len(views)

    return read


def test_new_folder_opens_without_anything_to_report(tmp_path):
    with Franka16Writer(tmp_path / "a" / "mug") as writer:
        assert len(writer) == 0
        assert writer.report.sentences() == []
    with pytest.raises(DatasetError, match="no frame yet"):
        open_dataset(tmp_path / "a" / "mug").read()


def test_recording_resumes_where_it_ended(record, check, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 3)
    with Franka16Writer(tmp_path) as writer:
        assert writer.report.sentences() == ["Resumed after 3 recorded frames."]
        record(writer, 3, 2)
    check(tmp_path, 5)


def test_what_an_interruption_left_is_repaired_and_reported(record, check, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 2)
    images = tmp_path / "images_rgba"
    orphan = (images / "frame000001.png").read_bytes()
    (images / "frame000002.png").write_bytes(orphan)
    (tmp_path / ".recording.json.eschernet-tmp").write_bytes(b"half")
    with (tmp_path / "frames.jsonl").open("ab") as journal:
        torn = journal.write(b'{"kind": "frame", "index": 2, "im')
    np.save(tmp_path / "angles.npy", np.zeros((1, 2)))
    (tmp_path / "notes.txt").write_text("mine")
    with Franka16Writer(tmp_path) as writer:
        report = writer.report
        assert report.frames == 2
        assert report.temporary_files == 1
        assert report.recovered == (tmp_path / "recovered" / "images_rgba" / "frame000002.png",)
        assert report.angles_rebuilt
        assert report.torn_bytes == torn
        assert len(report.sentences()) == 5
        record(writer, 2, 1)
    assert report.recovered[0].read_bytes() == orphan
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not [path for path in tmp_path.rglob("*") if "tmp" in path.name]
    check(tmp_path, 3)


def test_recovered_images_never_replace_each_other(record, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 1)
    for content in (b"first", b"second", b"third"):
        (tmp_path / "images_rgba" / "frame000001.png").write_bytes(content)
        Franka16Writer(tmp_path).close()
    kept = sorted(path.read_bytes() for path in (tmp_path / "recovered" / "images_rgba").iterdir())
    assert kept == [b"first", b"second", b"third"]


def test_unrepaired_leftovers_do_not_disturb_the_own_reader(record, image_of, tmp_path, caplog):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 2)
    (tmp_path / "images_rgba" / "frame000002.png").write_bytes(b"orphan")
    views = open_dataset(tmp_path).read(image_size=None)
    assert len(views) == 2
    assert "left out frame000002.png" in caplog.text
    with pytest.raises(DatasetError, match="open it with the recorder once"):
        open_dataset(tmp_path).read(published_poses=True)


def test_the_folder_says_what_wrote_it_and_in_which_state_it_is(record, tmp_path):
    with Franka16Writer(tmp_path, session={"mode": "still"}) as writer:
        assert json.loads((tmp_path / "recording.json").read_text())["state"] == "recording"
        record(writer, 0, 1)
    content = json.loads((tmp_path / "recording.json").read_text())
    assert content["schema"] == "eschernet_ros/recording"
    assert content["schema_version"] == 2
    assert (content["state"], content["frames"], content["finished"]) == ("complete", 1, 1)
    assert open_dataset(tmp_path).read().metadata["package_version"] == content["package_version"]
    (session,) = read_frames_file(tmp_path).sessions
    assert (session["mode"], session["package_version"]) == ("still", content["package_version"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content.update(schema_version=3, package_version="9.9"), "schema version 3.*9.9"),
        (lambda content: content.update(schema="other"), "not of the schema"),
        (lambda content: content.update(state="asleep"), "'asleep' is no state"),
        (lambda content: content.pop("frames"), "damaged.*'frames'"),
    ],
)
def test_unreadable_head_is_refused_and_left_alone(record, edit_json, tmp_path, change, words):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 2)
    edit_json(tmp_path / "recording.json", change)
    before = (tmp_path / "recording.json").read_bytes()
    with pytest.raises(DatasetError, match=words):
        open_dataset(tmp_path).read()
    with pytest.raises(DatasetError, match=words):
        Franka16Writer(tmp_path)
    assert (tmp_path / "recording.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda entries: entries[1].pop("stamp_ns"), "line 2: no 'stamp_ns'"),
        (lambda entries: entries.pop(1), "line 2: frame 1 stands where frame 0 belongs"),
        (lambda entries: entries[2].update(camera_gl_from_object=[[1.0]]), "damaged in line 3"),
        (lambda entries: entries[1]["files"]["image"].update(path="x.png"), "image of frame 0 is x.png instead of"),
        (lambda entries: entries[2].update(kind="finished", index=5, files={}), "frame 5 was finished before"),
        (lambda entries: entries[0].update(kind="joke"), "'joke' is no kind of line"),
    ],
)
def test_unreadable_journal_is_refused_and_left_alone(record, edit_journal, tmp_path, change, words):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 2)
    edit_journal(tmp_path, change)
    before = (tmp_path / "frames.jsonl").read_bytes()
    with pytest.raises(DatasetError, match=words):
        open_dataset(tmp_path).read()
    with pytest.raises(DatasetError, match=words):
        Franka16Writer(tmp_path)
    assert (tmp_path / "frames.jsonl").read_bytes() == before


def test_damage_inside_the_journal_is_refused(record, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 1)
    path = tmp_path / "frames.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:40] + b"\x00\xff" + content[42:])
    with pytest.raises(DatasetError, match="damaged in line 1"):
        Franka16Writer(tmp_path)
    path.unlink()
    with pytest.raises(DatasetError, match=r"frames\.jsonl is missing, although"):
        Franka16Writer(tmp_path)


def test_missing_image_is_named(record, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 4)
    (tmp_path / "images_rgba" / "frame000001.png").unlink()
    (tmp_path / "images_rgba" / "frame000002.png").unlink()
    for action in (lambda: open_dataset(tmp_path).read(), lambda: Franka16Writer(tmp_path)):
        with pytest.raises(DatasetError, match=r"lists the frames 1\.\.2"):
            action()


def test_data_set_of_others_is_not_recorded_into(record, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 1)
    (tmp_path / "recording.json").unlink()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DatasetError, match="not recorded by this writer"):
        Franka16Writer(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_second_writer_is_refused_with_the_holder_named(tmp_path):
    with (
        Franka16Writer(tmp_path),
        pytest.raises(DatasetWriteError, match=f"written by process {os.getpid()};"),
    ):
        Franka16Writer(tmp_path)
    Franka16Writer(tmp_path).close()


def test_refused_open_leaves_no_lock(record, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        record(writer, 0, 1)
    image = tmp_path / "images_rgba" / "frame000000.png"
    image.rename(tmp_path / "kept.png")
    with pytest.raises(DatasetError):
        Franka16Writer(tmp_path)
    (tmp_path / "kept.png").rename(image)
    Franka16Writer(tmp_path).close()


def test_closed_writer_says_so(record, tmp_path):
    writer = Franka16Writer(tmp_path)
    writer.close()
    writer.close()
    with pytest.raises(DatasetWriteError, match="is closed"):
        record(writer, 0, 1)


@pytest.mark.parametrize(
    ("failing", "recorded", "words"),
    [
        (1, 2, r"frame000002.*disk is full"),
        (2, 2, r"disk is full"),
        (3, 2, r"frames\.jsonl.*disk is full"),
        (4, 3, r"Frame 2 is recorded, but.*angles\.npy.*disk is full"),
    ],
    ids=["image", "folder", "journal", "angles.npy"],
)
def test_full_disk_costs_no_recorded_frame(record, check, tmp_path, monkeypatch, failing, recorded, words):
    fsync = os.fsync
    writer = Franka16Writer(tmp_path)
    record(writer, 0, 2)
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(DatasetWriteError, match=words):
            record(writer, 2, 1)
    assert len(writer) == recorded
    record(writer, recorded, 1)
    writer.close()
    assert not [path for path in tmp_path.rglob("*") if "tmp" in path.name]
    check(tmp_path, recorded + 1)
    assert not (tmp_path / "recovered").exists()  # what was not recorded made room


def test_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetWriteError, match=r"mug cannot be written: .* not a folder"):
        Franka16Writer(tmp_path / "file" / "mug")
    with pytest.raises(DatasetWriteError, match="a file of that name is in the way"):
        Franka16Writer(tmp_path / "file")


def test_missing_permission_is_a_sentence(tmp_path, monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DatasetWriteError, match="permission denied; check who owns the folder"):
        Franka16Writer(tmp_path / "mug")


_RECORD_UNTIL_KILLED = """
import sys
import numpy as np
from eschernet_ros.datasets import Franka16Writer, FrameRecord
from eschernet_ros.geometry import SE3, ObjectFrame, look_at_origin, model_camera
frame = ObjectFrame(SE3.identity(), (0.1, 0.1, 0.1))
writer = Franka16Writer(sys.argv[1])
while True:
    number = len(writer)
    base = frame.denormalise(look_at_origin(0.1 * number, 1.1, 1.7))
    record = FrameRecord(frame.normalise(base), base, frame, model_camera(32), None, number, number)
    image = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    print(writer.add(image, record).index, flush=True)
"""


def test_killed_recorder_loses_no_acknowledged_frame(published_loader, tmp_path):
    """Kill -9 at random moments, five times in the same folder; the lock goes with the process."""
    rng = np.random.default_rng(7)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    acknowledged = 0
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", _RECORD_UNTIL_KILLED, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            for _ in range(int(rng.integers(1, 6))):
                acknowledged = int(process.stdout.readline()) + 1
            time.sleep(rng.uniform(0.0, 0.02))
            process.kill()
            for line in process.stdout:
                acknowledged = int(line) + 1
        with Franka16Writer(tmp_path) as writer:
            assert len(writer) >= acknowledged
        views = open_dataset(tmp_path).read(image_size=None)
        assert len(views) >= acknowledged
        for number in range(acknowledged):
            expected = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
            np.testing.assert_array_equal(views.images[number], expected)
        assert len(published_loader(tmp_path)[1]) == len(views)


_DIE_AT_EVERY_STEP = """
import os, sys
from pathlib import Path
import numpy as np
from eschernet_ros.datasets import Franka16Writer, FrameRecord, open_dataset
from eschernet_ros.geometry import SE3, ObjectFrame, look_at_origin, model_camera
frame = ObjectFrame(SE3.identity(), (0.1, 0.1, 0.1))
base = frame.denormalise(look_at_origin(0.1, 1.1, 1.7))
record = FrameRecord(frame.normalise(base), base, frame, model_camera(8), None, 0, 0)
fsync, replace = os.fsync, Path.replace
steps = 0

def child(folder, death):
    def step():
        global steps
        if steps == death:
            os._exit(9)
        steps += 1
    def dying_fsync(descriptor):
        step(); fsync(descriptor)
    def dying_replace(path, target):
        step(); replace(path, target); step()
    os.fsync, Path.replace = dying_fsync, dying_replace
    with Franka16Writer(folder) as writer:
        for number in range(2):
            writer.add(np.full((8, 8, 3), number, np.uint8), record)
            (folder.parent / f"{folder.name}.acknowledged").write_text(str(number + 1))
    os._exit(0)

death = 0
while True:
    folder = Path(sys.argv[1]) / f"death{death}"
    pid = os.fork()
    if pid == 0:
        child(folder, death)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    note = folder.parent / f"{folder.name}.acknowledged"
    acknowledged = int(note.read_text()) if note.exists() else 0
    with Franka16Writer(folder) as writer:
        assert acknowledged <= len(writer) <= acknowledged + 1, (death, acknowledged, len(writer))
        count = len(writer)
        writer.add(np.full((8, 8, 3), count, np.uint8), record)
    for published in (False, True):
        views = open_dataset(folder).read(image_size=None, published_poses=published)
        assert [int(image[0, 0, 0]) for image in views.images] == list(range(count + 1)), death
    assert not list(folder.rglob("*eschernet-tmp"))
    if code == 0:
        break
    assert code == 9, code
    death += 1
print(death)
"""


def test_death_at_every_single_step_is_repaired(tmp_path):
    """The process dies before and after every flush and rename of a recording of two frames."""
    done = subprocess.run(
        [sys.executable, "-c", _DIE_AT_EVERY_STEP, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    opened = closed = 3  # recording.json: flush, before and after its rename
    angles, frames, folders = 3, 2 * 4, 3  # a frame: image, its folder, journal, angles.npy
    assert int(done.stdout) == opened + angles + frames + closed + folders


def test_lock_of_a_running_process_names_it(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", _RECORD_UNTIL_KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        with pytest.raises(DatasetWriteError, match=f"process {process.pid};"):
            Franka16Writer(tmp_path)
        process.kill()


def test_identity_pose_is_refused_before_anything_is_written(record_of, image_of, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        with pytest.raises(ValueError, match="origin"):
            writer.add(image_of(0)[0], record_of(SE3.identity()), image_of(0)[1])
        assert len(writer) == 0
    assert list((tmp_path / "images_rgba").iterdir()) == []
