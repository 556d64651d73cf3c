# SPDX-License-Identifier: Apache-2.0
"""Folders of schema 1, written here as that version wrote them, are read; they are not recorded on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.datasets import DatasetError, Franka16Writer, open_dataset, read_frames_file

SIZE = 16


def old_entry(index: int, base_from_camera: np.ndarray, camera_gl_from_object: np.ndarray) -> dict:
    """An entry of frames.json."""
    focal, centre = 280.0 / 256.0 * SIZE, (SIZE - 1) / 2.0
    intrinsics = {"width": SIZE, "height": SIZE, "fx": focal, "fy": focal, "cx": centre, "cy": centre, "distortion": []}
    return {
        "index": index,
        "file": f"images_rgba/frame{index:06d}.png",
        "image_stamp_ns": 1_700_000_000_000_000_000 + index,
        "stamp_ns": 1_700_000_000_000_000_000 + index,
        "camera_gl_from_object": camera_gl_from_object.tolist(),
        "base_from_camera_optical": base_from_camera.tolist(),
        "object_frame": {"base_from_object": np.eye(4).tolist(), "size": [0.1, 0.1, 0.1]},
        "scale": 10.0,
        "camera": intrinsics,
        "source_camera": None,
        "interpolation": None,
        "published_loss": {},
        "warnings": [],
    }


@pytest.fixture
def old_folder(upright, tmp_path):
    """Two frames of schema 1, and their poses."""
    (tmp_path / "images_rgba").mkdir()
    entries, angles, poses = [], [], []
    for index, azimuth in enumerate((0.3, 1.4)):
        pose = upright(azimuth, 1.1, 1.7).matrix
        world_from_camera = np.linalg.inv(pose)
        world_from_camera[:3, 1:3] *= -1.0  # OpenGL to optical axes
        world_from_camera[:3, 3] *= 0.1
        entries.append(old_entry(index, world_from_camera, pose))
        angles.append((azimuth + np.pi, np.pi / 2 - 1.1))
        poses.append(pose)
        rgba = np.full((SIZE, SIZE, 4), 50 * index, np.uint8)
        rgba[4:9, 4:9, 3] = 255
        Image.fromarray(rgba).save(tmp_path / "images_rgba" / f"frame{index:06d}.png")
    np.save(tmp_path / "angles.npy", angles)
    head = {"schema": "eschernet_ros/franka16-frames", "schema_version": 1, "package_version": "0.1.0"}
    (tmp_path / "frames.json").write_text(json.dumps({**head, "frames": entries}))
    return tmp_path, np.array(poses)


def test_old_folder_is_read_with_its_full_poses(old_folder, published_loader) -> None:
    folder, poses = old_folder
    views = open_dataset(folder).read(image_size=None)
    np.testing.assert_allclose(views.camera_gl_from_world, poses, atol=1e-9)
    assert views.scale == pytest.approx(10.0)
    assert "frames.json" in views.pose_source
    frames = read_frames_file(folder)
    assert (frames.schema_version, frames.finished, frames.state) == (1, 2, "complete")
    assert frames.files == ({}, {})
    assert frames.records[0].arm is None and frames.records[0].quality == {}
    assert len(published_loader(folder)[0]) == 2


def test_old_folder_is_not_recorded_on(old_folder) -> None:
    folder, _ = old_folder
    before = sorted(path for path in folder.rglob("*") if path.name != ".writer.lock")
    with pytest.raises(DatasetError, match=r"schema 1, frames\.json.*record into another folder"):
        Franka16Writer(folder)
    assert sorted(path for path in folder.rglob("*") if path.name != ".writer.lock") == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content.update(schema_version=4), r"frames\.json has schema version 4.*reads version 1"),
        (lambda content: content.update(schema="other"), "not of the schema"),
        (lambda content: content["frames"][1].pop("stamp_ns"), "damaged at frame 1: no 'stamp_ns'"),
        (lambda content: content["frames"].pop(0), "entry 0 is for images_rgba/frame000001.png"),
    ],
)
def test_damaged_old_records_are_refused(old_folder, edit_json, change, words) -> None:
    folder, _ = old_folder
    edit_json(folder / "frames.json", change)
    with pytest.raises(DatasetError, match=words):
        open_dataset(folder).read()
