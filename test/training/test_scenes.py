# SPDX-License-Identifier: Apache-2.0
"""Finding and reading what can be trained on."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from PIL import Image
from render_files import picture, pose_at, write_object, write_png

from eschernet_ros.datasets import DatasetError, FrameRecord, Franka16Writer
from eschernet_ros.geometry import SE3, ObjectFrame, look_at_origin, model_camera
from eschernet_ros.training.scenes import CachedScene, RecordedObject, RenderFolder, find_scenes

ROLL = SE3.from_rotvec([0.0, 0.0, 0.3], [0.05, -0.02, 0.0])


def names(found):
    return [scene.name for scene in found.scenes]


@pytest.fixture
def recording(tmp_path):
    """Function: (name, views) -> records an object with rolled cameras that look past it; its poses."""

    def record(name, views=5):
        frame = ObjectFrame(SE3.from_rotvec([0.0, 0.0, 0.5], [0.4, 0.1, 0.0]), (0.1, 0.2, 0.1))
        poses = []
        with Franka16Writer(tmp_path / "recordings" / name) as writer:
            for number in range(views):
                pose = ROLL @ look_at_origin(0.8 * number, 1.1, 1.9)
                base = frame.denormalise(pose)
                stored = frame.normalise(base)
                rgba = picture(number, 32)
                writer.add(rgba, FrameRecord(stored, base, frame, model_camera(32), None, number, number))
                poses.append(stored.matrix)
        return np.array(poses)

    return record


def test_view_is_the_file_on_white(tmp_path):
    write_object(tmp_path / "mug")
    (scene,) = find_scenes(tmp_path, 4).scenes
    assert isinstance(scene, RenderFolder)
    assert len(scene) == 4
    image, pose = scene.view(2, 16)
    rgba = picture(2)
    expected = np.where(rgba[..., 3:] > 0, rgba[..., :3], 255)
    assert (image.dtype, pose.dtype) == (np.uint8, np.float64)
    np.testing.assert_array_equal(image, expected)
    np.testing.assert_array_equal(pose, np.vstack([pose_at(1.4), [0, 0, 0, 1]]))
    small, _ = scene.view(2, 8)
    resized = Image.fromarray(expected.astype(np.uint8)).resize((8, 8), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(small, resized)
    with pytest.raises(DatasetError, match="4 views; there is no view 4"):
        scene.view(4, 8)
    with pytest.raises(DatasetError, match="no view -1"):
        scene.view(-1, 8)


def test_only_the_asked_view_is_opened(tmp_path):
    write_object(tmp_path / "mug")
    (tmp_path / "mug" / "001.png").write_bytes(b"no image")
    (tmp_path / "mug" / "001.npy").write_bytes(b"no pose")
    (scene,) = find_scenes(tmp_path, 4).scenes
    scene.view(0, 8)
    with pytest.raises(DatasetError, match=r"mug/001\.png is no image"):
        scene.view(1, 8)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda folder: (folder / "001.png").write_bytes((folder / "001.png").read_bytes()[:60]), r"001\.png"),
        (lambda folder: (folder / "001.npy").write_bytes((folder / "001.npy").read_bytes()[:100]), r"001\.npy cannot"),
        (lambda folder: np.save(folder / "001.npy", np.eye(4)), r"001\.npy holds float64 \[4, 4\]"),
        (lambda folder: np.save(folder / "001.npy", 1.2 * pose_at(0.1)), r"001\.npy holds no rigid transform"),
        (lambda folder: np.save(folder / "001.npy", np.full((3, 4), np.nan)), r"001\.npy holds no rigid transform"),
        (lambda folder: (folder / "001.npy").unlink(), r"001\.npy is missing"),
        (lambda folder: (folder / "001.png").unlink(), r"001\.png"),
    ],
)
def test_broken_files_are_named(tmp_path, break_it, words):
    write_object(tmp_path / "mug")
    (scene,) = find_scenes(tmp_path, 4).scenes
    break_it(tmp_path / "mug")
    with pytest.raises(DatasetError, match=words):
        scene.view(1, 8)


def test_order_and_reasons(tmp_path):
    for name in ("zebra", "ant", "mug"):
        write_object(tmp_path / name)
    write_object(tmp_path / "few", 2)
    write_object(tmp_path / "being-written.partial")
    write_object(tmp_path / "being-written.tmp")
    write_object(tmp_path / ".hidden")
    (tmp_path / "empty").mkdir()
    write_object(tmp_path / "poseless", 3)
    for path in (tmp_path / "poseless").glob("*.npy"):
        path.unlink()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.me").touch()
    (tmp_path / "mug" / "003.npy").unlink()
    found = find_scenes(tmp_path, 3)
    assert names(found) == ["ant", "mug", "zebra"]
    assert [len(scene) for scene in found.scenes] == [4, 3, 4]
    assert found.scenes[1].images_without_pose == 1
    assert found.skipped == {
        "empty": "empty",
        "few": "2 views of 3 needed",
        "notes": "no 000.png, 001.png, ... in it",
        "poseless": "3 .png but no .npy",
    }
    assert "3 objects with 11 views. 1 images have no .npy" in found.summary()
    assert "poseless (3 .png but no .npy)" in found.summary()
    assert find_scenes(tmp_path, 4).skipped["mug"] == "3 views of 4 needed; 1 .png but no .npy"


def test_one_object_and_shards(tmp_path):
    write_object(tmp_path / "all" / "000-001" / "mug")
    write_object(tmp_path / "all" / "000-000" / "mug")
    write_object(tmp_path / "all" / "000-000" / "ant", 2)
    write_object(tmp_path / "all" / "loose")
    found = find_scenes(tmp_path / "all", 4)
    assert names(found) == ["000-000/mug", "000-001/mug", "loose"]
    assert found.skipped == {"000-000/ant": "2 views of 4 needed"}
    assert names(find_scenes(tmp_path / "all" / "loose", 1)) == ["loose"]


def test_numbers_are_kept_as_the_files_have_them(tmp_path):
    (tmp_path / "mug").mkdir()
    for number in (1000, 5, 999):
        write_png(tmp_path / "mug" / f"{number:03d}.png", picture(number))
        np.save(tmp_path / "mug" / f"{number:03d}.npy", pose_at(0.001 * number))
    write_png(tmp_path / "mug" / "0007.png", picture())
    np.save(tmp_path / "mug" / "0007.npy", pose_at(0.0))
    (scene,) = find_scenes(tmp_path, 3).scenes
    assert scene.view_ids == (5, 999, 1000)
    np.testing.assert_array_equal(scene.view(2, 16)[1][:3], pose_at(1.0))


def test_own_recordings_give_their_full_poses(tmp_path, recording):
    poses = recording("mug")
    recording("short", 2)
    found = find_scenes(tmp_path / "recordings", 3)
    assert names(found) == ["mug"]
    assert found.skipped == {"short": "2 views of 3 needed"}
    (scene,) = found.scenes
    assert isinstance(scene, RecordedObject)
    assert len(scene) == 5
    for index in (3, 0):
        image, pose = scene.view(index, 32)
        np.testing.assert_array_equal(pose, poses[index])
        rgba = picture(index, 32)
        np.testing.assert_array_equal(image, np.where(rgba[..., 3:] > 0, rgba[..., :3], 255))
    assert names(find_scenes(tmp_path / "recordings" / "mug", 1)) == ["mug"]


def test_recording_is_read_once_and_stays_as_it_is(tmp_path, recording):
    recording("mug")
    (scene,) = find_scenes(tmp_path / "recordings", 1).scenes
    first, pose = scene.view(1, 16)
    kept = first.copy(), pose.copy()
    first[:], pose[:] = 0, 0
    for path in (tmp_path / "recordings" / "mug" / "images_rgba").iterdir():
        path.unlink()
    for again, once in zip(scene.view(1, 16), kept, strict=True):
        np.testing.assert_array_equal(again, once)
    with pytest.raises(DatasetError, match="images_rgba are missing"):
        scene.view(1, 8)


def test_damaged_recording_is_skipped_with_its_reason(tmp_path, recording):
    recording("mug")
    recording("torn")
    (tmp_path / "recordings" / "torn" / "recording.json").write_text("{")
    found = find_scenes(tmp_path / "recordings", 1)
    assert names(found) == ["mug"]
    assert "recording.json is damaged" in found.skipped["torn"]


def test_gso_objects_are_scenes_too(tmp_path):
    write_object(tmp_path / "bear" / "render_mvs_25" / "model", 5)
    (scene,) = find_scenes(tmp_path, 5).scenes
    assert (scene.name, len(scene), scene.reader.layout) == ("bear", 5, "gso30")
    np.testing.assert_array_equal(scene.view(3, 16)[1][:3], pose_at(0.7 * 3))


def test_cached_scene_reads_a_view_once(tmp_path):
    write_object(tmp_path / "mug")
    scene = CachedScene(find_scenes(tmp_path, 1).scenes[0])
    image, pose = scene.view(1, 8)
    kept = image.copy(), pose.copy()
    image[:], pose[:] = 0, 0
    (tmp_path / "mug" / "001.png").unlink()
    for again, once in zip(scene.view(1, 8), kept, strict=True):
        np.testing.assert_array_equal(again, once)
    with pytest.raises(DatasetError, match=r"001\.png"):
        scene.view(1, 4)
    assert (scene.name, len(scene)) == ("mug", 4)


def test_scenes_travel_to_other_processes(tmp_path):
    write_object(tmp_path / "mug")
    (scene,) = find_scenes(tmp_path, 1).scenes
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(scene)).view(1, 8)[0], scene.view(1, 8)[0])


def test_filter_file_is_respected(tmp_path):
    for name in ("ant", "mug", "shard/fly", "shard/bee"):
        write_object(tmp_path / name)
    (tmp_path / "filter.json").write_text(json.dumps({"kept": ["ant"], "rejected": {"mug": "too dark", "gone": "x"}}))
    (tmp_path / "shard" / "filter.json").write_text(json.dumps({"kept": [], "rejected": {"fly": "too small"}}))
    found = find_scenes(tmp_path, 1)
    assert names(found) == ["ant", "shard/bee"]
    assert found.skipped == {"mug": "filter.json: too dark", "shard/fly": "filter.json: too small"}


@pytest.mark.parametrize("content", ["{", "[]", '{"rejected": ["mug"]}', '{"rejected": {"mug": 3}}'])
def test_damaged_filter_file_is_an_error(tmp_path, content):
    write_object(tmp_path / "mug")
    (tmp_path / "filter.json").write_text(content)
    with pytest.raises(DatasetError, match=r"filter\.json .*filter-renders"):
        find_scenes(tmp_path, 1)


def test_nothing_usable_says_what_was_looked_for(tmp_path, recording):
    for number in range(12):
        (tmp_path / f"set/{number:02d}").mkdir(parents=True)
    write_object(tmp_path / "set" / "00few", 2)
    with pytest.raises(
        DatasetError, match=r"000\.png and 000\.npy.*00 \(empty\), 00few \(2 views of 3.*12 times .empty."
    ):
        find_scenes(tmp_path / "set", 3)
    with pytest.raises(DatasetError, match="does not exist"):
        find_scenes(tmp_path / "nowhere", 1)
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="is a file"):
        find_scenes(tmp_path / "file", 1)
    with pytest.raises(DatasetError, match="at least 1 view"):
        find_scenes(tmp_path, 0)
    recording("short", 1)
    with pytest.raises(DatasetError, match=r"short \(1 views of 2 needed\)"):
        find_scenes(tmp_path / "recordings", 2)
