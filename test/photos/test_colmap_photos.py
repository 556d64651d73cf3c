# SPDX-License-Identifier: Apache-2.0
"""Photos with a model of COLMAP become a data set, whatever world the model has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from board_photos import SIDE
from board_pictures import CAMERA
from PIL import Image

from eschernet_ros.cli.main import main
from eschernet_ros.datasets import DatasetError, object_frame_text, open_dataset
from eschernet_ros.datasets.colmap_writer import ColmapCamera, ColmapImage, ColmapTextWriter
from eschernet_ros.datasets.dataset_writer import WriteOptions
from eschernet_ros.geometry import SE3, look_at
from eschernet_ros.photos.colmap_poses import common_up, poses_from_colmap
from eschernet_ros.photos.photo import find_photos

UNITS_PER_METRE = 7.3
WORLD_FROM_BASE = SE3.from_rotvec([1.1, -0.4, 0.7], [3.0, -2.0, 5.0])
"""Structure from motion has a world of its own."""
CENTRE = np.array([0.0, 0.0, SIDE / 2])


def in_world(base_from_camera: SE3) -> SE3:
    rigid = WORLD_FROM_BASE @ base_from_camera
    return SE3.from_rotation_translation(rigid.matrix[:3, :3], rigid.translation * UNITS_PER_METRE)


def write_model(folder: Path, poses: list[SE3], names: list[str], camera: ColmapCamera | None = None) -> Path:
    folder.mkdir(parents=True)
    images = [
        ColmapImage(number + 1, in_world(pose).inverse(), 1, name)
        for number, (pose, name) in enumerate(zip(poses, names, strict=True))
    ]
    ColmapTextWriter(WriteOptions()).write_model(folder, [camera or ColmapCamera.of(CAMERA)], images)
    return folder


@pytest.fixture
def model(drawn, tmp_path: Path) -> Path:
    folder, poses, _ = drawn
    return write_model(tmp_path / "scene" / "sparse" / "0", poses, sorted(path.name for path in folder.iterdir()))


def test_object_is_where_the_cameras_look_and_up_is_as_they_were_held(drawn, model: Path):
    found = poses_from_colmap(find_photos(drawn[0]), model, longest_side_m=SIDE)
    assert found.left_out == ()
    box = found.object_frame
    assert box.size == pytest.approx((SIDE,) * 3)
    up = WORLD_FROM_BASE.matrix[:3, 2]
    assert box.base_from_object.matrix[:3, 2] @ up == pytest.approx(1.0, abs=1e-9)
    # all cameras of the fixture look at one point; the median one is put 1.85 longest sides from it
    centre = box.base_from_object.translation
    distances = [np.linalg.norm(posed.base_from_camera_optical.translation - centre) for posed in found.posed]
    assert np.median(distances) == pytest.approx(1.85 * SIDE)
    first = in_world(drawn[1][0]).translation
    metres_per_unit = np.linalg.norm(found.posed[0].base_from_camera_optical.translation) / np.linalg.norm(first)
    in_base = WORLD_FROM_BASE.inverse() @ (centre / metres_per_unit / UNITS_PER_METRE)
    np.testing.assert_allclose(in_base, (0.01, -0.01, 0.02), atol=1e-9)


def test_stated_object_frame_makes_a_metric_data_set(drawn, model: Path, tmp_path: Path, capsys):
    """``object_frame.json`` beside ``sparse``: the poses become those of the fixture, relative to the cube."""
    folder, poses, masks = drawn
    centre = (WORLD_FROM_BASE @ CENTRE) * UNITS_PER_METRE
    placed = SE3.from_rotation_translation(WORLD_FROM_BASE.matrix[:3, :3], centre)
    text = object_frame_text(placed, [SIDE * UNITS_PER_METRE] * 3, 1.0 / UNITS_PER_METRE)
    (tmp_path / "scene" / "object_frame.json").write_text(text)
    mask_folder = tmp_path / "masks"
    mask_folder.mkdir()
    for number, mask in enumerate(masks):
        Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0))).save(mask_folder / f"p{number}.png.png")
    command = ["dataset", "from-photos", str(folder), str(tmp_path / "cube"), "--colmap", str(model.parents[1])]
    command += ["--masks", "files", "--mask-folder", str(mask_folder), "--image-size", "64", "--without-photos"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "object_frame.json" in printed and "No metric scale" not in printed
    views = open_dataset(tmp_path / "cube").read(image_size=None)
    assert views.scale == pytest.approx(1.0 / SIDE)
    for pose, base_from_camera, mask in zip(views.poses, poses, masks, strict=True):
        centre = (base_from_camera.translation - CENTRE) / SIDE
        np.testing.assert_allclose(pose.inverse().translation, centre, atol=1e-6)
        assert mask.any()
    assert views.masks is not None and views.images.shape[1:3] == (64, 64)
    assert (views.images[~views.masks] > 120).all()  # no black square of the board is left, only blended edges
    assert not (tmp_path / "cube" / "colour").exists()


def test_what_does_not_belong_together_is_left_out_by_name(drawn, photos: Path, tmp_path: Path):
    names = ["p0.png", "sub/p1.png", "gone.png", "p3.png"]
    model = write_model(tmp_path / "model", drawn[1][:4], names)
    found = poses_from_colmap(find_photos(photos), model)
    assert [posed.photo.path.name for posed in found.posed] == ["p0.png", "p3.png", "p1.png"]
    assert [dropped.sentence() for dropped in found.left_out] == [
        "gone.png is left out: it is in COLMAP's model, but not among the photos",
        *(f"p{number}.png is left out: COLMAP's model has no pose for it" for number in (2, 4, 5)),
    ]
    assert any("No metric scale: the object's longest side is taken for 1 m" in note for note in found.notes)
    assert max(found.object_frame.size) == pytest.approx(1.0)


def test_models_that_do_not_fit_the_photos(drawn, tmp_path: Path):
    folder, poses, _ = drawn
    photos = find_photos(folder)
    with pytest.raises(DatasetError, match="holds no model of COLMAP"):
        poses_from_colmap(photos, tmp_path)
    other = write_model(tmp_path / "other", poses[:3], ["a.jpg", "b.jpg", "c.jpg"])
    with pytest.raises(DatasetError, match=r"None of the 6 photos is in COLMAP's model, .* names like a.jpg"):
        poses_from_colmap(photos, other)
    small = write_model(tmp_path / "small", poses[:1], ["p0.png"], ColmapCamera.of(CAMERA.resized(320, 240)))
    with pytest.raises(DatasetError, match=r"p0.png is 640x480, its camera in COLMAP's model 320x240"):
        poses_from_colmap(photos, small)
    lens = ColmapCamera("OPENCV_FISHEYE", 640, 480, (600.0, 600.0, 320.0, 240.0, 0.1, 0.0, 0.0, 0.0))
    fisheye = write_model(tmp_path / "fisheye", poses[:1], ["p0.png"], lens)
    with pytest.raises(DatasetError, match=r"p0.png was taken with a fisheye lens"):
        poses_from_colmap(photos, fisheye)
    model = write_model(tmp_path / "model", poses[:3], ["p0.png", "p1.png", "p2.png"])
    with pytest.raises(DatasetError, match="longest side must be positive metres, it is -1"):
        poses_from_colmap(photos, model, longest_side_m=-1.0)


def test_up_of_cameras_that_were_held_differently():
    """Upright, upside down and on their sides; tilted downwards, and only over a part of the circle."""
    eyes = [(np.cos(angle), np.sin(angle), 0.9) for angle in (0.1, 0.8, 1.4, 1.9)]
    ups = [(0.0, -1.0, 0.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (1.0, 0.0, 0.0)]
    poses = []
    for eye, up in zip(eyes, ups, strict=True):
        turn = np.arctan2(up[0], -up[1])  # the camera is rolled so that this side of its picture is up
        poses.append(look_at(eye, (0, 0, 0)) @ SE3.from_rotvec([0.0, 0.0, -turn], [0.0, 0.0, 0.0]))
    np.testing.assert_allclose(common_up(poses, ups), (0.0, 0.0, 1.0), atol=1e-9)


def test_up_of_cameras_on_one_side_is_their_mean():
    poses = [look_at((1.0, 0.0, height), (0.0, 0.0, height)) for height in (0.1, 0.2, 0.3)]
    np.testing.assert_allclose(common_up(poses, [(0.0, -1.0, 0.0)] * 3), (0.0, 0.0, 1.0), atol=1e-9)


def test_cameras_that_were_held_in_all_directions_tell_no_up():
    eye = look_at((1.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    poses = [eye @ SE3.from_rotvec([0.0, 0.0, turn], [0.0, 0.0, 0.0]) for turn in (0.0, np.pi / 2, np.pi, -np.pi / 2)]
    with pytest.raises(DatasetError, match=r"do not tell which way is up; write object_frame.json"):
        common_up(poses, [(0.0, -1.0, 0.0)] * 4)
