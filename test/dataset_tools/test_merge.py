# SPDX-License-Identifier: Apache-2.0
"""Merging: every view is there, bit for bit, with the number it had; the sources stay as they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import blob_object
import numpy as np
import pytest
from PIL import Image

from eschernet_ros.checking.findings import Level
from eschernet_ros.dataset_tools.checksums import checksum_findings
from eschernet_ros.dataset_tools.merge_file import read_merge_file
from eschernet_ros.dataset_tools.merge_objects import merge_objects
from eschernet_ros.dataset_tools.merge_views import merge_views, the_parts
from eschernet_ros.dataset_tools.validate import validate_object
from eschernet_ros.datasets import DatasetError, DatasetWriteError, FrameRecord, Franka16Writer, open_dataset
from eschernet_ros.datasets.frame_files import SourceImages
from eschernet_ros.geometry import SE3, ObjectFrame, model_camera

CAMERAS = blob_object.poses(8)


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file's content, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def record(folder: Path, numbers: range, side: float = 0.12) -> Path:
    """A recording of some of the cameras, with full-resolution pictures beside."""
    frame = ObjectFrame(SE3.from_rotvec([0.0, 0.0, 0.3], [0.5, 0.0, 0.1]), (0.1, 0.08, side))
    with Franka16Writer(folder) as writer:
        for number in numbers:
            base_from_camera = frame.denormalise(CAMERAS[number])
            rgba = blob_object.draw(CAMERAS[number])
            details = FrameRecord(
                camera_gl_from_object=frame.normalise(base_from_camera),
                base_from_camera_optical=base_from_camera,
                object_frame=frame,
                camera=model_camera(blob_object.SIZE),
                source_camera=model_camera(48),
                image_stamp_ns=number,
                stamp_ns=1000 + number,
                warnings=(f"camera {number}",),
            )
            full = np.full((48, 48, 3), number, np.uint8)
            writer.add(rgba, details, source=SourceImages(full, full[..., 0].astype(np.uint16), full[..., 0] > 3))
    return folder


def merged_views(sources: list[Path], destination: Path) -> list:
    """Merge the views of one object."""
    return merge_views(the_parts([open_dataset(source) for source in sources]), destination)


def test_recordings_of_one_object_become_one(tmp_path: Path) -> None:
    """Records, pictures of both sizes and checksums are those of the sources; each view can be traced."""
    first, second = record(tmp_path / "a", range(3)), record(tmp_path / "b", range(3, 8))
    before = fingerprint(first), fingerprint(second)
    origins = merged_views([first, second], tmp_path / "blob")
    assert (fingerprint(first), fingerprint(second)) == before
    assert [origin.view_ids for origin in origins] == [
        {0: 0, 1: 1, 2: 2},
        {3: 0, 4: 1, 5: 2, 6: 3, 7: 4},
    ]
    assert read_merge_file(tmp_path / "blob") == {"blob": origins}
    dataset = open_dataset(tmp_path / "blob")
    views = dataset.read(image_size=None)
    np.testing.assert_allclose(views.camera_gl_from_world, [pose.matrix for pose in CAMERAS], atol=1e-9)
    assert [one.warnings for one in views.metadata["records"]] == [(f"camera {n}",) for n in range(8)]
    merged = fingerprint(tmp_path / "blob")
    for number in range(3, 8):
        for kind in ("images_rgba", "colour", "depth", "mask", "rgba"):
            source = f"{kind}/frame{number - 3:06d}.png"
            assert merged[f"{kind}/frame{number:06d}.png"] == before[1][source]
    (note,) = checksum_findings(tmp_path / "blob")
    assert note.text == "all 40 recorded files are as they were recorded."


def test_a_recording_that_was_cut_off_is_said_to_be(tmp_path: Path) -> None:
    """And angles that do not belong to the recorded poses are found."""
    folder = record(tmp_path / "a", range(4))
    dataset = open_dataset(folder)
    assert validate_object(dataset, "a").level == Level.PASS
    head = json.loads((folder / "recording.json").read_text())
    (folder / "recording.json").write_text(json.dumps({**head, "state": "recording"}))
    angles = np.load(folder / "angles.npy")
    np.save(folder / "angles.npy", angles + np.array([0.02, 0.0]))
    findings = {finding.topic: finding.text for finding in validate_object(dataset, "a").findings}
    assert findings["state"].startswith("the recording is being recorded, or cut off")
    assert "differs from the recorded poses by up to 1.15 deg in view 0, 1, 2, 3" in findings["angles"]
    np.save(folder / "angles.npy", angles[:3])
    findings = {finding.topic: finding.text for finding in validate_object(dataset, "a").findings}
    assert "holds 3 rows for 4 recorded views" in findings["angles"]


def test_a_changed_file_is_not_merged(tmp_path: Path) -> None:
    """Nor is anything left of the attempt; the checksum findings name it, and a missing one."""
    first, second = record(tmp_path / "a", range(3)), record(tmp_path / "b", range(3, 6))
    changed = second / "colour/frame000001.png"
    changed.write_bytes(changed.read_bytes() + b"x")
    with pytest.raises(DatasetError, match=r"frame000001.png is not what was recorded"):
        merged_views([first, second], tmp_path / "blob")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}
    (second / "depth/frame000002.png").unlink()
    texts = [finding.text for finding in checksum_findings(second)]
    assert texts[0].startswith("depth/frame000002.png is recorded, but not there")
    assert texts[1].startswith("colour/frame000001.png is not what was recorded")


def test_recordings_with_boxes_of_other_sizes_are_refused(tmp_path: Path) -> None:
    """Their poses are in other units."""
    first, second = record(tmp_path / "a", range(3)), record(tmp_path / "b", range(3, 6), side=0.15)
    with pytest.raises(DatasetError, match=r"longest side is 120.0 mm in .*a and 150.0 mm in .*b"):
        merged_views([first, second], tmp_path / "blob")


def test_renders_and_angles_are_numbered_anew(tmp_path: Path) -> None:
    """The published layouts, which have no records."""
    first = blob_object.write_renders(tmp_path / "a", CAMERAS[:2])
    second = blob_object.write_renders(tmp_path / "b", CAMERAS[2:5])
    merged_views([first, second], tmp_path / "blob")
    views = open_dataset(tmp_path / "blob").read(image_size=None)
    np.testing.assert_allclose(views.camera_gl_from_world, [pose.matrix for pose in CAMERAS[:5]], atol=1e-12)
    assert (tmp_path / "blob/003.png").read_bytes() == (second / "001.png").read_bytes()

    angles = blob_object.write_angles(tmp_path / "c"), blob_object.write_angles(tmp_path / "d")
    origins = merged_views(list(angles), tmp_path / "angles")
    assert origins[1].view_ids[12] == 0
    both = open_dataset(tmp_path / "angles").read()
    np.testing.assert_allclose(both.camera_gl_from_world[:12], both.camera_gl_from_world[12:])
    with pytest.raises(DatasetError, match="recordings with full poses, others have only angles"):
        merged_views([angles[0], record(tmp_path / "e", range(2))], tmp_path / "none")


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    """Other layouts, a folder twice, a collection, a destination that is there."""
    renders = blob_object.write_renders(tmp_path / "in/a", CAMERAS[:2])
    blob_object.write_renders(tmp_path / "in/b", CAMERAS[:2])
    angles = blob_object.write_angles(tmp_path / "angles")
    with pytest.raises(DatasetError, match="different layouts, franka16, objaverse"):
        merged_views([renders, angles], tmp_path / "blob")
    with pytest.raises(DatasetError, match="different layouts, franka16, objaverse"):
        merge_objects([open_dataset(renders), open_dataset(angles)], tmp_path / "blob")
    with pytest.raises(DatasetError, match="named twice"):
        merged_views([renders, renders], tmp_path / "blob")
    with pytest.raises(DatasetError, match="holds 2 objects; name the folder"):
        merged_views([tmp_path / "in"], tmp_path / "blob")
    with pytest.raises(DatasetWriteError, match="nothing is overwritten"):
        merged_views([renders], angles)
    with pytest.raises(DatasetError, match="lies inside"):
        merge_objects([open_dataset(renders)], renders / "blob")
    (tmp_path / "text").mkdir()
    Image.fromarray(blob_object.draw(CAMERAS[0])).save(tmp_path / "text/mug_rgba.png")
    with pytest.raises(DatasetError, match="is the single file"):
        merge_objects([open_dataset(tmp_path / "text")], tmp_path / "blob")
    assert not (tmp_path / "blob").exists()


def test_objects_become_a_collection(tmp_path: Path) -> None:
    """An object whose name is taken gets a number; files are copied bit for bit, locks stay behind."""
    blob_object.write_renders(tmp_path / "one/mug", CAMERAS[:2])
    blob_object.write_renders(tmp_path / "one/duck", CAMERAS[:2])
    blob_object.write_renders(tmp_path / "two/mug", CAMERAS[2:5])
    (tmp_path / "two/mug/.writer.lock").touch()
    before = fingerprint(tmp_path)
    merge_objects([open_dataset(tmp_path / "one"), open_dataset(tmp_path / "two")], tmp_path / "all")
    assert {name: before[name] for name in before} == {n: h for n, h in fingerprint(tmp_path).items() if n in before}
    merged = open_dataset(tmp_path / "all")
    assert merged.objects == ("duck", "mug", "mug-2")
    assert fingerprint(tmp_path / "all/mug") == fingerprint(tmp_path / "one/mug")
    assert not (tmp_path / "all/mug-2/.writer.lock").exists()
    (origin,) = read_merge_file(tmp_path / "all")["mug-2"]
    assert (origin.folder, origin.object_name) == (str((tmp_path / "two/mug").resolve()), "mug")
    with pytest.raises(DatasetError, match="was not made by `eschernet-ros dataset merge`"):
        read_merge_file(tmp_path / "one")
