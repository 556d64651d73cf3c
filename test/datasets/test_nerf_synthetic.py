# SPDX-License-Identifier: Apache-2.0
"""The NeRF Synthetic reader: published scale, published flip on request, intrinsics, parts."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from foreign_scenes import FLIP, look, ring, save, write_transforms
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from eschernet_ros.datasets import DatasetError, open_dataset

ANGLE = 0.6911112070083618


def write_scene(folder: Path, train: list[np.ndarray], test: list[np.ndarray], alpha: bool = True) -> np.ndarray:
    """A Blender scene; pictures in the order of their ids."""
    pictures = np.random.default_rng(len(train)).integers(0, 255, (len(train) + len(test), 8, 8, 4), dtype=np.uint8)
    pictures[..., 3] = 255
    pictures[:, :, :3, 3] = 0
    for part, poses, offset in (("train", train, 0), ("test", test, len(train)), ("val", [], 0)):
        frames = []
        for number, pose in enumerate(poses):
            picture = pictures[offset + number]
            save(folder / part / f"r_{number}.png", picture if alpha else picture[..., :3])
            frames.append({"file_path": f"./{part}/r_{number}", "rotation": 0.01, "transform_matrix": pose})
        write_transforms(folder, frames, f"transforms_{part}.json", camera_angle_x=ANGLE)
    return pictures


@pytest.fixture
def scene(tmp_path):
    train, test = ring(4, 4.0), ring(3, 3.5)
    train[2] = look([2.0, 1.0, 4.5])
    pictures = write_scene(tmp_path / "set" / "lego", train, test)
    return tmp_path / "set" / "lego", train, test, pictures


def test_scene_is_read(scene):
    folder, train, test, pictures = scene
    dataset = open_dataset(folder.parent)
    assert (dataset.layout, dataset.objects) == ("nerf-synthetic", ("lego",))
    views = open_dataset(folder).read(image_size=None)
    assert views.view_ids == (0, 1, 2, 3, 10000, 10001, 10002) == dataset.reader.view_ids(folder)
    assert views.subsets == {"train": (0, 1, 2, 3), "test": (10000, 10001, 10002)}
    np.testing.assert_array_equal(views.images[:, :, 3:], pictures[:, :, 3:, :3])
    assert (views.images[:, :, :3] == 255).all()
    np.testing.assert_array_equal(views.masks, pictures[..., 3] == 255)
    camera = views.cameras[5]
    assert camera.fx == camera.fy == pytest.approx(4 / math.tan(ANGLE / 2))
    assert (camera.width, camera.cx, camera.cy) == (8, 3.5, 3.5)
    halved = dataset.read(image_size=4).cameras[0]
    assert (halved.width, halved.fx, halved.cx) == (4, pytest.approx(camera.fx / 2), 1.5)
    assert "Blend Swap" in views.licence
    largest = max(np.linalg.norm(pose[:3, 3]) for pose in train)
    np.testing.assert_allclose(
        max(np.linalg.norm(np.linalg.inv(pose)[:3, 3]) for pose in views.camera_gl_from_world[:4]), 1.5
    )
    assert f"{largest:.6g}" in views.pose_source
    np.testing.assert_allclose(views.metadata["camera_gl_from_world_4dof"], np.linalg.inv([*train, *test]), atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(*[st.floats(-3.0, 3.0)] * 6), min_size=2, max_size=4))
def test_any_pose_follows_the_published_rule(numbers):
    poses = []
    for values in numbers:
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_rotvec(values[:3]).as_matrix()
        pose[:3, 3] = np.add(values[3:], (0.0, 0.0, 4.0))
        poses.append(pose)
    scale = 1.5 / max(np.linalg.norm(pose[:3, 3]) for pose in poses[:-1])
    published, upright = [], []
    for pose in poses:
        flipped = pose.copy()
        flipped[1:3] *= -1.0
        for kept, matrix in ((published, flipped), (upright, pose)):
            inverse = np.linalg.inv(matrix)
            inverse[:3, 3] *= scale
            kept.append(inverse)
    with tempfile.TemporaryDirectory() as folder:
        write_scene(Path(folder) / "lego", poses[:-1], poses[-1:])
        dataset = open_dataset(folder)
        as_published = dataset.read(image_size=None, published_poses=True)
        views = dataset.read(image_size=None)
    np.testing.assert_allclose(as_published.camera_gl_from_world, published, atol=1e-9)
    np.testing.assert_allclose(views.camera_gl_from_world, upright, atol=1e-9)
    relative = [matrix @ np.linalg.inv(published[0]) for matrix in published]
    own = [matrix @ np.linalg.inv(views.camera_gl_from_world[0]) for matrix in views.camera_gl_from_world]
    np.testing.assert_allclose(own, relative, atol=1e-9)


def test_split_takes_references_from_training_views_only(scene):
    dataset = open_dataset(scene[0])
    views = dataset.read(image_size=4)
    split = dataset.split(views, 3)
    assert set(split.reference_ids) < {0, 1, 2, 3}
    assert split.target_ids == split.scored_ids == (10000, 10001, 10002)
    assert "fixed lists instead" in split.rule
    with pytest.raises(DatasetError, match="4 views; 5 references"):
        dataset.split(views, 5)


def test_object_frame_beside_it_takes_the_place_of_the_rule(scene):
    folder, train, test, _ = scene
    turn = Rotation.from_euler("z", 40, degrees=True).as_matrix()
    frame = np.eye(4)
    frame[:3, :3] = turn
    frame[:3, 3] = [0.1, 0.2, 0.3]
    content = {"world_from_object": frame.tolist(), "size": [0.5, 2.0, 1.0], "metres_per_unit": 0.1}
    (folder / "object_frame.json").write_text(json.dumps(content))
    views = open_dataset(folder).read(image_size=4)
    expected = np.linalg.inv([*train, *test]) @ frame
    expected[:, :3, 3] /= 2.0
    np.testing.assert_allclose(views.camera_gl_from_world, expected, atol=1e-12)
    assert views.scale == pytest.approx(5.0)
    assert "object_frame.json" in views.pose_source
    assert open_dataset(folder).read(image_size=4, published_poses=True).scale is None


def test_pictures_without_alpha_have_no_masks(tmp_path):
    pictures = write_scene(tmp_path / "lego", ring(2), ring(1), alpha=False)
    views = open_dataset(tmp_path).read(image_size=None)
    assert views.masks is None
    np.testing.assert_array_equal(views.images, pictures[..., :3])
    save(tmp_path / "lego" / "test" / "r_0.png", pictures[0])
    with pytest.raises(DatasetError, match=r"2 of 3 images of .* no alpha channel"):
        open_dataset(tmp_path).read()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("frames"), r"transforms_train\.json has no list 'frames'"),
        (lambda c: c.update(frames=[]), r"transforms_train\.json lists no frame"),
        (lambda c: c.pop("camera_angle_x"), "frame 0: 'camera_angle_x' must be a number, it is None"),
        (lambda c: c.update(camera_angle_x=39.6), "camera_angle_x is 39.6; it must be an angle in radians"),
        (lambda c: c["frames"][1].pop("file_path"), "frame 1 has no 'file_path'"),
        (lambda c: c["frames"][2].pop("transform_matrix"), "frame 2 has no 'transform_matrix'"),
        (lambda c: c["frames"][2].update(transform_matrix=[[1, 2], [3, 4]]), "frame 2: 'transform_matrix' is no pose"),
        (lambda c: c["frames"][2].update(transform_matrix="none"), "frame 2: 'transform_matrix' is no pose"),
        (lambda c: c["frames"][3].update(transform_matrix=(100 * FLIP).tolist()), "frame 3: 'transform_matrix' is no"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(scene, edit_json, change, words):
    edit_json(scene[0] / "transforms_train.json", change)
    with pytest.raises(DatasetError, match=words):
        open_dataset(scene[0]).read()


def test_damaged_files_are_named(scene):
    folder = scene[0]
    (folder / "test" / "r_1.png").unlink()
    with pytest.raises(DatasetError, match=r"1 images of .* the first is .*test/r_1\.png"):
        open_dataset(folder).read()
    path = folder / "transforms_test.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(DatasetError, match=r"transforms_test\.json cannot be read, it is no JSON or was cut off"):
        open_dataset(folder).read()
    path.write_text("[1]")
    with pytest.raises(DatasetError, match=r"transforms_test\.json holds a JSON list"):
        open_dataset(folder).reader.view_ids(folder)
