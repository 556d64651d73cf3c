# SPDX-License-Identifier: Apache-2.0
"""The RTMV reader and the EXR files it reads."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from foreign_scenes import ring, write_exr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from eschernet_ros.datasets import DatasetError, open_dataset
from eschernet_ros.datasets.exr_image import read_exr

INTRINSICS = {"fx": 9.0, "fy": 9.5, "cx": 4.0, "cy": 4.25}


def linear_light(seed: int, size: int = 8) -> dict[str, np.ndarray]:
    """Channels of an EXR: colours up to 1.5, a corner without alpha."""
    rng = np.random.default_rng(seed)
    channels = {name: rng.uniform(0.0, 1.5, (size, size)) for name in "RGB"}
    channels["A"] = np.ones((size, size))
    channels["A"][:2, :2] = 0.0
    return channels


def encoded(channels: dict[str, np.ndarray]) -> np.ndarray:
    """The same as 8-bit sRGB, by the standard's two branches, pixel by pixel."""
    rgb = np.stack([channels[name] for name in "RGB"], axis=-1).astype(np.float32)
    result = np.zeros(rgb.shape, np.uint8)
    for index in np.ndindex(rgb.shape):
        value = min(float(rgb[index]), 1.0)
        result[index] = round(255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055))
    return result


def write_scene(folder: Path, poses: list[np.ndarray], size: int = 8, **changes) -> None:
    """An RTMV scene of cameras ``world_from_camera``."""
    for number, pose in enumerate(poses):
        write_exr(folder / f"{number:05d}.exr", linear_light(number, size))
        write_exr(folder / f"{number:05d}.depth.exr", {"R": np.ones((size, size))})
        data = {
            "cam2world": pose.T.tolist(),
            "width": size,
            "height": size,
            "intrinsics": INTRINSICS,
            "scene_center_3d_box": [0, 0, 0],
            **changes,
        }
        (folder / f"{number:05d}.json").write_text(json.dumps({"camera_data": data, "objects": []}))


@pytest.fixture
def scene(tmp_path):
    poses = ring(4, 1.7)
    write_scene(tmp_path / "set" / "00000", poses)
    return tmp_path / "set" / "00000", poses


def test_scene_is_read(scene):
    folder, poses = scene
    dataset = open_dataset(folder.parent)
    assert (dataset.layout, dataset.objects) == ("rtmv", ("00000",))
    views = open_dataset(folder).read(image_size=None)
    assert views.view_ids == (0, 1, 2, 3) == dataset.reader.view_ids(folder)
    np.testing.assert_allclose(views.camera_gl_from_world, np.linalg.inv(poses), atol=1e-12)
    for number in range(4):
        expected = encoded(linear_light(number))
        expected[:2, :2] = 255
        np.testing.assert_array_equal(views.images[number], expected)
        np.testing.assert_array_equal(views.masks[number], linear_light(number)["A"] == 1.0)
    camera = views.cameras[0]
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (9.0, 9.5, 3.5, 3.75)
    assert "cs.umd.edu" in views.licence


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(*[st.floats(-3.0, 3.0)] * 6), min_size=1, max_size=3))
def test_any_pose_is_the_inverse_of_the_transposed_matrix(numbers):
    poses = []
    for values in numbers:
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_rotvec(values[:3]).as_matrix()
        pose[:3, 3] = values[3:]
        poses.append(pose)
    with tempfile.TemporaryDirectory() as folder:
        write_scene(Path(folder) / "one", poses, 4, intrinsics=None)
        views = open_dataset(folder).read(image_size=None)
    np.testing.assert_allclose(views.camera_gl_from_world, np.linalg.inv(poses), atol=1e-9)
    assert views.cameras is None


def test_published_split(tmp_path):
    write_scene(tmp_path / "one", ring(22), 4)
    dataset = open_dataset(tmp_path)
    views = dataset.read(image_size=4)
    split = dataset.split(views, 12)
    assert split.reference_ids == tuple(range(12))
    assert split.target_ids == views.subsets["targets"] == tuple(range(20))
    assert split.scored_ids == tuple(range(12, 20))
    assert dataset.split(views, 2).scored_ids == tuple(range(10, 20))


@pytest.mark.parametrize("half", [False, True])
def test_exr_values(tmp_path, half):
    """Out of range, not finite, dark (the linear branch of sRGB), and partly transparent."""
    values = np.array([[-1.0, 0.0, 0.002, 0.25], [1.0, 7.0, np.inf, np.nan]], np.float32)
    alpha = np.array([[0.0, 0.25, 0.5, 1.0]] * 2, np.float32)
    write_exr(tmp_path / "a.exr", {"R": values, "G": 0 * alpha, "B": np.ones_like(alpha), "A": alpha}, half)
    rgb, mask = read_exr(tmp_path / "a.exr")
    np.testing.assert_array_equal(rgb[..., 0], [[0, 0, 7, 137], [255, 255, 255, 0]])
    assert (rgb[..., 1] == 0).all()
    assert (rgb[..., 2] == 255).all()
    np.testing.assert_array_equal(mask[0], [0, 64, 128, 255])
    write_exr(tmp_path / "b.exr", dict.fromkeys("RGB", alpha), half)
    assert read_exr(tmp_path / "b.exr")[1] is None


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda f: (f / "00001.exr").write_bytes((f / "00001.exr").read_bytes()[:300]),
            r"00001\.exr is no EXR image, or",
        ),
        (lambda f: (f / "00001.exr").write_bytes(b""), r"00001\.exr is no EXR image, or"),
        (lambda f: (f / "00001.exr").unlink(), r"lacks 00001\.exr"),
        (lambda f: write_exr(f / "00001.exr", {n: np.ones((8, 8)) for n in "RGB"}), r"00001\.exr has no alpha channel"),
        (lambda f: write_exr(f / "00001.exr", linear_light(0, 6)), r"00001\.exr is 6x6, its JSON file says 8x8"),
        (lambda f: (f / "00002.json").unlink(), r"00002\.json is missing"),
        (lambda f: (f / "00002.json").write_text("{}"), r"00002\.json has no object 'camera_data'"),
    ],
)
def test_damage_is_named(scene, capfd, damage, words):
    damage(scene[0])
    with pytest.raises(DatasetError, match=words):
        open_dataset(scene[0]).read()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cam2world": np.eye(4)[:, :2].tolist()}, "camera_data: 'cam2world' is no pose"),
        ({"cam2world": ring(1)[0].tolist()}, "'cam2world' is no pose: .*transposed"),
        ({"intrinsics": {"fx": "9"}}, "camera_data, intrinsics: 'fx' must be a number, it is '9'"),
        ({"height": None}, "camera_data: 'height' must be a number"),
    ],
)
def test_values_that_do_not_fit_are_named(tmp_path, change, words):
    write_scene(tmp_path / "one", ring(2), **change)
    with pytest.raises(DatasetError, match=words):
        open_dataset(tmp_path).read()


def test_one_channel_is_no_picture(tmp_path):
    write_exr(tmp_path / "a.exr", {"Y": np.ones((3, 3))})
    with pytest.raises(DatasetError, match=r"an RGB or RGBA image is needed"):
        read_exr(tmp_path / "a.exr")
    with pytest.raises(DatasetError, match=r"missing\.exr cannot be read: No such file"):
        read_exr(tmp_path / "missing.exr")


def test_opencv_that_reads_no_exr_says_what_to_do(tmp_path, monkeypatch):
    cv2 = pytest.importorskip("cv2")

    def refuse(*_):
        raise cv2.error("OpenEXR codec is disabled")

    write_exr(tmp_path / "a.exr", {name: np.ones((3, 3)) for name in "RGB"})
    monkeypatch.setattr(cv2, "imdecode", refuse)
    with pytest.raises(DatasetError, match="set OPENCV_IO_ENABLE_OPENEXR=1 before the program starts"):
        read_exr(tmp_path / "a.exr")
