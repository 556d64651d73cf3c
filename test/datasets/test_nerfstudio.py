# SPDX-License-Identifier: Apache-2.0
"""The nerfstudio reader: conventions, lenses, intrinsics of single frames, masks, parts, what is wrong in a file."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from foreign_scenes import FLIP, dot_picture, dot_position, lens_pixel, look, ring, save, write_transforms
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from eschernet_ros.datasets import DatasetError, ObjectPlacement, object_frame_text, open_dataset
from eschernet_ros.geometry import SE3

SIZE = (24, 18)
SHARED = {"camera_model": "OPENCV", "w": 24, "h": 18, "fl_x": 30.0, "fl_y": 31.0, "cx": 12.5, "cy": 8.75}
AS_IT_IS = ObjectPlacement(SE3.identity(), 1.0)


def write_scene(folder: Path, poses: list[np.ndarray], frames: list[dict] | None = None, **top) -> np.ndarray:
    """Photographs frame_00002.png, frame_00004.png, ... listed backwards; returns them in the order of the poses."""
    images = np.random.default_rng(1).integers(0, 255, (len(poses), SIZE[1], SIZE[0], 3), dtype=np.uint8)
    listed = []
    for n, pose in enumerate(poses):
        name = f"images/frame_{2 * n + 2:05d}.png"
        save(folder / name, images[n])
        listed.append({"file_path": name, "transform_matrix": pose, **(frames[n] if frames else {})})
    write_transforms(folder, listed[::-1], **{**SHARED, **top})
    return images


@pytest.fixture
def scene(tmp_path):
    poses = ring(4)
    return tmp_path / "set" / "cup", poses, write_scene(tmp_path / "set" / "cup", poses)


def test_scene_is_read(scene):
    folder, poses, images = scene
    dataset = open_dataset(folder.parent)
    assert (dataset.layout, dataset.objects) == ("nerfstudio", ("cup",))
    views = open_dataset(folder).read(image_size=None, placement=AS_IT_IS)
    assert views.view_ids == (2, 4, 6, 8) == dataset.reader.view_ids(folder)
    np.testing.assert_allclose(views.camera_gl_from_world, np.linalg.inv(poses), atol=1e-12)
    np.testing.assert_array_equal(views.images, images)
    assert views.masks is None
    assert views.subsets == {}
    camera = views.cameras[0]
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (30.0, 31.0, 12.0, 8.25)


def test_up_is_z_of_the_file(tmp_path):
    """Cameras that all look down from one side: the mean of their up directions would not be z."""
    poses = [look([math.cos(a), math.sin(a), 2.0]) for a in (0.0, 0.4, 0.8)]
    write_scene(tmp_path, poses)
    views = open_dataset(tmp_path).read(image_size=8)
    placed = views.metadata["placement"]
    np.testing.assert_allclose(placed.world_from_object.matrix[:3, 2], [0.0, 0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(placed.world_from_object.translation, 0.0, atol=1e-9)
    assert "up: z of the file's world" in views.pose_source
    assert placed.unit == pytest.approx(math.sqrt(5.0) / 1.85)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.tuples(*[st.floats(-3.0, 3.0)] * 6), min_size=1, max_size=3),
    st.tuples(*[st.floats(-2.0, 2.0)] * 6),
    st.floats(0.05, 20.0),
)
def test_any_pose_in_the_object_frame_of_the_file(numbers, frame_numbers, side):
    def transform(values):
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_rotvec(values[:3]).as_matrix()
        pose[:3, 3] = values[3:]
        return pose

    poses, frame = [transform(values) for values in numbers], transform(frame_numbers)
    expected = np.linalg.inv(poses) @ frame
    expected[:, :3, 3] /= side
    with tempfile.TemporaryDirectory() as folder:
        write_scene(Path(folder), poses)
        text = object_frame_text(SE3.from_matrix(frame), (side / 2, side, side / 3), 0.01)
        (Path(folder) / "object_frame.json").write_text(text)
        views = open_dataset(folder).read(image_size=None)
    np.testing.assert_allclose(views.camera_gl_from_world, expected, atol=1e-9 + 1e-9 / side)
    assert views.scale == pytest.approx(100.0 / side)
    assert "Object frame of object_frame.json" in views.pose_source


LENSES = {
    "OPENCV": {"k1": -0.4, "k2": 0.1, "k3": 0.02, "p1": 0.01, "p2": -0.015},
    "OPENCV_FISHEYE": {"k1": -0.25, "k2": 0.05, "k3": -0.01, "k4": 0.02},
    "PINHOLE": {},
}


@pytest.mark.parametrize("model", LENSES)
@pytest.mark.parametrize("per_frame", [False, True])
def test_a_dot_lands_where_the_camera_sees_it(model, per_frame, tmp_path):
    """The file's lens draws it, by its documented formula; the camera that the reader gives must agree."""
    size, point = (100, 74), np.array([0.25, -0.2, 0.15])
    poses = ring(2, 1.0, (0.02, 0.05, -0.02))
    frames = []
    for number, pose in enumerate(poses):
        focal = 80.0 + 5.0 * number * per_frame
        lens = {"camera_model": model, "w": 100, "h": 74, "fl_x": focal, "fl_y": 78.0, "cx": 50.0, "cy": 37.0}
        k = LENSES[model]
        parameters = [focal, 78.0, 50.0, 37.0]
        if model == "OPENCV_FISHEYE":
            parameters += [k["k1"], k["k2"], k["k3"], k["k4"]]
        elif model == "OPENCV":
            parameters += [k["k1"], k["k2"], k["p1"], k["p2"], k["k3"]]
        optical = (np.linalg.inv(pose @ FLIP) @ [*point, 1.0])[:3]
        name = "FULL_OPENCV" if model == "OPENCV" else model
        save(tmp_path / f"{number}.png", dot_picture(size, lens_pixel(name, parameters, optical)))
        frames.append({"file_path": f"{number}.png", "transform_matrix": pose, **({**lens, **k} if per_frame else {})})
    top = {"fl_x": 1.0} if per_frame else {**lens, **LENSES[model]}
    write_transforms(tmp_path, frames, **top)
    views = open_dataset(tmp_path).read(image_size=None, placement=AS_IT_IS)
    for image, camera, pose in zip(views.images, views.cameras, poses, strict=True):
        optical = (np.linalg.inv(pose @ FLIP) @ [*point, 1.0])[:3]
        np.testing.assert_allclose(camera.project(optical), dot_position(image), atol=0.15)


def test_focal_length_from_a_field_of_view_and_size_from_the_picture(tmp_path):
    save(tmp_path / "images" / "0.png", np.zeros((18, 24, 3), np.uint8))
    frames = [{"file_path": "images/0", "transform_matrix": ring(1)[0]}]
    write_transforms(tmp_path, frames, camera_angle_x=1.2)
    camera = open_dataset(tmp_path).read(image_size=None, placement=AS_IT_IS).cameras[0]
    focal = 12 / math.tan(0.6)
    np.testing.assert_allclose((camera.fx, camera.fy, camera.cx, camera.cy), (focal, focal, 11.5, 8.5))
    write_transforms(tmp_path, frames, camera_angle_x=1.2, camera_angle_y=0.5, is_fisheye=True)
    camera = open_dataset(tmp_path).read(image_size=None, placement=AS_IT_IS).cameras[0]
    assert camera.fy == pytest.approx(9 / math.tan(0.25))


def test_fisheye_pictures_are_white_where_the_lens_saw_nothing(tmp_path):
    """A lens with its axis near a corner: the pinhole looks past the picture's edge."""
    save(tmp_path / "0.png", np.full((40, 40, 3), 60, np.uint8))
    frames = [{"file_path": "0.png", "transform_matrix": ring(1)[0]}]
    lens = {"w": 40, "h": 40, "fl_x": 20.0, "cx": 20.0, "cy": 20.0, "k1": 0.6}
    write_transforms(tmp_path, frames, camera_model="OPENCV_FISHEYE", **lens)
    views = open_dataset(tmp_path).read(image_size=None, placement=AS_IT_IS)
    assert views.masks is not None
    assert not views.masks[0, 0, 0]
    assert views.masks[0, 20, 20]
    assert (views.images[0][~views.masks[0]] == 255).all()
    assert (views.images[0][views.masks[0]] == 60).all()


def test_masks_depth_and_what_is_only_noted(tmp_path):
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[3:9, 4:15] = 255
    own = [{"mask_path": f"masks/{n}.png", "depth_file_path": f"depth/{n}.png"} for n in range(3)]
    for n in range(3):
        save(tmp_path / "masks" / f"{n}.png", np.roll(mask, n, axis=1))
    applied = np.eye(4)[[0, 2, 1]].tolist()
    poses = ring(3)
    images = write_scene(tmp_path, poses, own, applied_transform=applied, ply_file_path="sparse_pc.ply")
    views = open_dataset(tmp_path).read(image_size=None, placement=AS_IT_IS)
    for n in range(3):
        np.testing.assert_array_equal(views.masks[n], np.roll(mask, n, axis=1) == 255)
        np.testing.assert_array_equal(views.images[n][views.masks[n]], images[n][views.masks[n]])
        assert (views.images[n][~views.masks[n]] == 255).all()
    np.testing.assert_allclose(views.camera_gl_from_world, np.linalg.inv(poses), atol=1e-12)
    assert views.metadata["applied_transform"] == applied
    assert views.metadata["ply_file_path"] == "sparse_pc.ply"
    assert views.metadata["depth_files"] == {2 * n + 2: str(tmp_path / f"depth/{n}.png") for n in range(3)}


def test_parts_of_the_file_make_the_split(tmp_path):
    names = [f"images/frame_{2 * n + 2:05d}.png" for n in range(5)]
    lists = {"train_filenames": [*names[:3], f"./{names[0]}"], "val_filenames": names[3:4], "test_filenames": names[3:]}
    write_scene(tmp_path, ring(5), **lists)
    dataset = open_dataset(tmp_path)
    views = dataset.read(image_size=8)
    assert views.subsets == {"train": (2, 4, 6), "val": (8,), "test": (8, 10)}
    split = dataset.split(views, 2)
    assert set(split.reference_ids) < {2, 4, 6}
    assert split.target_ids == split.scored_ids == (8, 10)
    assert "2 training views" in split.rule
    write_scene(tmp_path, ring(5), test_filenames=["images/frame_00003.png"])
    with pytest.raises(
        DatasetError, match=r"test_filenames names images/frame_00003\.png, which is none of its frames"
    ):
        dataset.read()


def test_a_folder_that_nerfstudio_made_from_colmap_is_nerfstudios(scene):
    model = scene[0] / "colmap" / "sparse" / "0"
    model.mkdir(parents=True)
    (model / "cameras.bin").touch()
    (model / "images.bin").touch()
    assert open_dataset(scene[0]).layout == "nerfstudio"
    assert open_dataset(scene[0], "colmap").layout == "colmap"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(frames=[]), r"transforms\.json lists no 'frames'"),
        (lambda c: c["frames"][0].pop("file_path"), "frame 0 has no 'file_path'"),
        (lambda c: c["frames"].append(c["frames"][0]), r"lists images/frame_00008\.png twice"),
        (lambda c: c.update(camera_model="EQUIRECTANGULAR"), "has the camera model EQUIRECTANGULAR; this reader knows"),
        (lambda c: c.update(k4=0.1), r"frame_00002\.png: k4 is 0.1, a fourth radial coefficient"),
        (lambda c: c.pop("fl_x"), r"frame_00002\.png has neither 'fl_x' nor 'camera_angle_x'"),
        (
            lambda c: [c.pop("fl_x"), c.update(camera_angle_x=60)],
            "camera_angle_x is 60; it must be an angle in radians",
        ),
        (lambda c: c.update(fl_x=-3), "camera fx must be positive"),
        (lambda c: c.update(cx="12"), "'cx' must be a number, it is '12'"),
        (lambda c: c.update(w=48, h=36), r"frame_00002\.png is 24x18, its camera 48x36: use the pictures"),
        (lambda c: c["frames"][0].pop("transform_matrix"), r"frame_00008\.png has no 'transform_matrix'"),
        (
            lambda c: c["frames"][0].update(transform_matrix=np.diag([1, 1, -1, 1]).tolist()),
            r"frame_00008\.png: 'transform_matrix' is no pose: .*mirrors",
        ),
        (lambda c: c["frames"][1].update(mask_path=3), r"frame_00006\.png: mask_path is no name of a file"),
        (lambda c: c["frames"][1].update(mask_path="m.png"), r"1 files of .* the first is .*m\.png; restore"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(scene, edit_json, change, words):
    edit_json(scene[0] / "transforms.json", change)
    with pytest.raises(DatasetError, match=words):
        open_dataset(scene[0]).read(placement=AS_IT_IS)


def test_damaged_files_are_named(scene):
    folder, _, images = scene
    save(folder / "images" / "frame_00004.png", images[0].astype(np.uint16)[..., 0] * 200)
    with pytest.raises(DatasetError, match=r"frame_00004\.png has more than 8 bits a channel"):
        open_dataset(folder).read()
    (folder / "images" / "frame_00004.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"frame_00004\.png is no image, or a damaged one"):
        open_dataset(folder).read()
    (folder / "transforms.json").write_text("{")
    with pytest.raises(DatasetError, match=r"transforms\.json cannot be read, it is no JSON"):
        open_dataset(folder).read()


def test_pictures_of_different_size_need_an_image_size(tmp_path):
    small = {"w": 12, "h": 9, "fl_x": 15.0, "cx": 6.0, "cy": 4.0}
    images = write_scene(tmp_path, ring(2), [{}, small])
    save(tmp_path / "images" / "frame_00004.png", images[1][::2, ::2])
    with pytest.raises(DatasetError, match="differ in size"):
        open_dataset(tmp_path).read(image_size=None)
    assert open_dataset(tmp_path).read(image_size=16).images.shape == (2, 16, 16, 3)
