# SPDX-License-Identifier: Apache-2.0
"""What finishing makes of a continuous recording is what the capture would have made at once; a kill costs no frame."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from streamed_frames import ASSEMBLER, record, whole_view

from eschernet_ros.datasets import DatasetError, Franka16Writer, open_dataset, read_frames_file
from eschernet_ros.datasets.frame_files import read_checked, read_source
from eschernet_ros.datasets.franka16_layout import FOLDERS
from eschernet_ros.recording import finish as finish_module
from eschernet_ros.recording import finish_recording

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Function: -> a copy of a folder with five frames, not finished."""
    folder = tmp_path_factory.mktemp("recorded") / "thing"
    record(folder, range(5))
    return folder


@pytest.fixture
def folder(recorded, tmp_path):
    """A folder of five frames, not finished."""
    target = tmp_path / "thing"
    subprocess.run(["cp", "-r", recorded, target], check=True)
    return target


def test_finished_frames_are_the_captures_views(folder, published_rule) -> None:
    report = finish_recording(folder, jobs=2)
    assert (report.frames, report.made) == (5, 5)
    frames = read_frames_file(folder)
    assert (frames.state, frames.finished) == ("complete", 5)
    views = open_dataset(folder).read(image_size=None)
    for index, (stored, files) in enumerate(zip(frames.records, frames.files, strict=True)):
        view = whole_view(index)
        np.testing.assert_array_equal(views.masks[index], view.mask)
        np.testing.assert_array_equal(views.images[index], np.where(view.mask[..., None], view.image, 255))
        np.testing.assert_array_equal(stored.camera_gl_from_object.matrix, view.camera_gl_from_object.matrix)
        source = read_source(folder, files)
        np.testing.assert_array_equal(source.mask, view.source_mask)
        assert set(files) == set(FOLDERS)
        for file in files.values():
            read_checked(folder, file)
        assert stored.quality["saturated"] == view.scores.saturated
        assert stored.quality["error_pixels"] == view.pose_error.pixels
        assert set(view.warnings) == set(stored.warnings)
    assert published_rule(folder) == 5
    again = finish_recording(folder)
    assert (again.frames, again.made) == (5, 0)


@pytest.fixture
def published_rule():
    """Function: folder -> how many images and rows of angles there are, which must be equal."""

    def count(folder: Path) -> int:
        images = list((folder / "images_rgba").glob("frame*.png"))
        assert len(images) == len(np.load(folder / "angles.npy"))
        return len(images)

    return count


def test_unfinished_recording_says_so_everywhere(folder) -> None:
    for read in (lambda: open_dataset(folder).read(), lambda: open_dataset(folder.parent).read("thing")):
        with pytest.raises(DatasetError, match=r"unfinished recording: 5 of its 5 frames.*dataset finish .*thing"):
            read()
    assert open_dataset(folder).reader.view_ids(folder) == ()
    view = whole_view(0)
    with Franka16Writer(folder) as writer, pytest.raises(DatasetError, match=r"not finished .from frame 0 on"):
        writer.add(view.image, read_frames_file(folder).records[0], view.mask)
    assert len(read_frames_file(folder).records) == 5
    assert not list((folder / "images_rgba").iterdir())


def test_recording_goes_on_behind_finished_frames(folder) -> None:
    finish_recording(folder)
    record(folder, range(2))
    frames = read_frames_file(folder)
    assert (len(frames.records), frames.finished, frames.state) == (7, 5, "unfinished")
    views = open_dataset(folder).read(image_size=None)
    assert views.view_ids == tuple(range(5))
    assert finish_recording(folder).made == 2
    assert len(open_dataset(folder).read(image_size=None)) == 7


def test_recording_and_finishing_exclude_each_other(folder) -> None:
    with Franka16Writer(folder), pytest.raises(DatasetError.__bases__[0], match="is being written by process"):
        finish_recording(folder)


def test_damaged_source_is_named_and_what_is_finished_stays(folder) -> None:
    path = folder / "colour" / "frame000002.png"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(DatasetError, match=r"frame000002\.png is not what was recorded: its checksum differs"):
        finish_recording(folder)
    assert read_frames_file(folder).finished in (0, 2)
    with pytest.raises(DatasetError, match="is no recording of this package"):
        finish_recording(folder / "colour")


_FINISH_SLOWLY = """
import sys, time
from pathlib import Path
from eschernet_ros.datasets import Franka16Writer
from eschernet_ros.recording import finish, finish_recording
finish._BATCH = 1
write = Franka16Writer.write_files
def slow(self, index, contents):
    for kind, content in contents.items():
        stored = write(self, index, {kind: content})
        print(index, flush=True)
        time.sleep(0.05)
    return write(self, index, contents)
Franka16Writer.write_files = slow
finish_recording(Path(sys.argv[1]))
"""


def test_killed_finishing_goes_on_where_it_was(folder) -> None:
    """Kill -9 in the middle of a frame's files: its half-made pictures are made anew, not kept beside the data set."""
    path = os.pathsep.join(p for p in (str(SUPPORT), os.environ.get("PYTHONPATH", "")) if p)
    with subprocess.Popen(
        [sys.executable, "-c", _FINISH_SLOWLY, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
    ) as process:
        for line in process.stdout:
            if int(line) == 2:
                break
        process.kill()
    assert read_frames_file(folder).finished == 2
    with Franka16Writer(folder) as writer:
        assert writer.report.temporary_files >= 1
        assert writer.report.recovered == ()
        assert writer.finished == 2
    assert finish_recording(folder).made == 3
    assert len(open_dataset(folder).read(image_size=None)) == 5


def test_masks_are_made_as_the_recorder_was_told(folder, monkeypatch) -> None:
    told = []
    develop = finish_module.develop

    def watched(*arguments, masker, **keywords):
        told.append(masker.method)
        return develop(*arguments, masker=masker, **keywords)

    monkeypatch.setattr(finish_module, "develop", watched)
    finish_recording(folder)
    assert set(told) == {"depth"}
    assert ASSEMBLER.masker.method == "depth"
