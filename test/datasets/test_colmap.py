# SPDX-License-Identifier: Apache-2.0
"""The COLMAP reader: both forms of the model, every lens, masks, what is missing or damaged."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np
import pytest
from foreign_scenes import (
    FLIP,
    dot_picture,
    dot_position,
    lens_pixel,
    ring,
    save,
    write_colmap_binary,
    write_colmap_text,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from eschernet_ros.datasets import ObjectPlacement, open_dataset
from eschernet_ros.datasets.colmap_model import read_colmap_model
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.geometry import SE3, model_camera

WRITERS = {"txt": write_colmap_text, "bin": write_colmap_binary}
SIZE = (24, 18)
PINHOLE = [30.0, 31.0, 12.5, 8.75]
AS_IT_IS = ObjectPlacement(SE3.identity(), 1.0)
LENSES = {
    "SIMPLE_PINHOLE": [90.0, 50.0, 37.0],
    "PINHOLE": [90.0, 88.0, 50.0, 37.0],
    "SIMPLE_RADIAL": [80.0, 50.0, 37.0, -0.3],
    "RADIAL": [80.0, 50.0, 37.0, -0.4, 0.1],
    "OPENCV": [80.0, 78.0, 50.0, 37.0, -0.35, 0.1, 0.01, -0.015],
    "FULL_OPENCV": [80.0, 78.0, 50.0, 37.0, 0.2, 0.05, 0.01, -0.015, 0.02, 0.6, 0.03, 0.01],
    "OPENCV_FISHEYE": [90.0, 88.0, 50.0, 37.0, -0.2, 0.05, -0.01, 0.02],
    "SIMPLE_RADIAL_FISHEYE": [90.0, 50.0, 37.0, -0.2],
    "RADIAL_FISHEYE": [90.0, 50.0, 37.0, -0.25, 0.05],
}


def pictures(count: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """RGB pictures that differ."""
    return np.random.default_rng(count).integers(0, 255, (count, size[1], size[0], 3), dtype=np.uint8)


@pytest.fixture(params=["txt", "bin"])
def scene(request, tmp_path):
    """Four photographs of two cameras, numbers not in the order of the names."""
    folder, poses, images = tmp_path / "set" / "cup", ring(4), pictures(4)
    names = ["IMG 0007.png", "IMG 0005.png", "IMG 0009.png", "IMG 0006.png"]
    cameras = [(3, "PINHOLE", *SIZE, PINHOLE), (1, "SIMPLE_RADIAL", *SIZE, [28.0, 12.0, 9.0, 0.1])]
    listed = [(n + 1, pose, 3 if n else 1, name) for n, (pose, name) in enumerate(zip(poses, names, strict=True))]
    for name, picture in zip(names, images, strict=True):
        save(folder / "images" / name, picture)
    WRITERS[request.param](folder / "sparse" / "0", cameras, listed[::-1], np.eye(3))
    return folder, poses, images, request.param


def test_scene_is_read(scene):
    folder, poses, images, form = scene
    dataset = open_dataset(folder.parent)
    assert (dataset.layout, dataset.objects) == ("colmap", ("cup",))
    views = open_dataset(folder).read(image_size=None, placement=AS_IT_IS)
    assert views.view_ids == (5, 6, 7, 9) == dataset.reader.view_ids(folder)
    order = [1, 3, 0, 2]
    np.testing.assert_allclose(views.camera_gl_from_world, np.linalg.inv(poses)[order], atol=1e-12)
    np.testing.assert_array_equal(views.images, images[order])
    assert views.masks is None
    assert [camera.fx for camera in views.cameras] == [30.0, 30.0, 28.0, 30.0]
    assert (views.cameras[0].fy, views.cameras[0].cx, views.cameras[0].cy) == (31.0, 12.0, 8.25)
    assert views.cameras[2].distortion == (0.1, 0.0, 0.0, 0.0)
    np.testing.assert_array_equal(views.metadata["points"], np.eye(3))
    assert f"0/images.{form}" in views.pose_source


def test_object_is_in_the_middle_of_the_ring_without_any_other_word(scene):
    views = open_dataset(scene[0]).read()
    assert views.images.shape == (4, 256, 256, 3)
    assert views.cameras == (model_camera(256),) * 4
    distances = [np.linalg.norm(np.linalg.inv(pose)[:3, 3]) for pose in views.camera_gl_from_world]
    np.testing.assert_allclose(distances, 1.85, rtol=1e-6)
    assert "nearest to all optical axes" in views.pose_source
    assert "size is unknown" in views.pose_source
    assert views.scale is None


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.tuples(*[st.floats(-3.0, 3.0)] * 6), min_size=1, max_size=3),
    st.tuples(*[st.floats(-2.0, 2.0)] * 6),
    st.floats(0.05, 20.0),
    st.sampled_from(["txt", "bin"]),
)
def test_any_pose_in_any_object_frame(numbers, frame_numbers, side, form):
    def transform(values):
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_rotvec(values[:3]).as_matrix()
        pose[:3, 3] = values[3:]
        return pose

    poses, frame = [transform(values) for values in numbers], transform(frame_numbers)
    expected = FLIP @ np.linalg.inv(np.array(poses) @ FLIP) @ frame
    expected[:, :3, 3] /= side
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "cup"
        names = [f"{n}.png" for n in range(len(poses))]
        for name in names:
            save(root / "images" / name, np.zeros((2, 2, 3), np.uint8))
        listed = [(n + 1, pose, 1, name) for n, (pose, name) in enumerate(zip(poses, names, strict=True))]
        WRITERS[form](root / "sparse", [(1, "PINHOLE", 2, 2, [3.0, 3.0, 1.0, 1.0])], listed)
        placed = ObjectPlacement(SE3.from_matrix(frame), side, metres_per_unit=0.01)
        views = open_dataset(root).read(image_size=None, placement=placed)
    np.testing.assert_allclose(views.camera_gl_from_world, expected, atol=1e-6 / side + 1e-8)
    assert views.scale == pytest.approx(100.0 / side)


@pytest.mark.parametrize("model", LENSES)
def test_a_dot_lands_where_the_models_camera_sees_it(model, tmp_path):
    """Lens formulas of the documentation draw it, the reader takes the lens out and aims at the origin."""
    size, size_read, point = (100, 74), 80, np.array([0.22, -0.18, 0.13])
    poses, lens = ring(3, 1.0, (0.02, 0.05, -0.02)), LENSES[model]
    without = [*lens[: 3 + ("OPENCV" in model or model == "PINHOLE")], *[0.0] * 12][: len(lens)]
    bent = []
    for number, pose in enumerate(poses):
        optical = (np.linalg.inv(pose @ FLIP) @ [*point, 1.0])[:3]
        pixel = lens_pixel(model, lens, optical)
        bent.append(np.linalg.norm(pixel - lens_pixel(model, without, optical)))
        save(tmp_path / "images" / f"{number}.png", dot_picture(size, pixel))
    assert max(bent) > 0.6 or "PINHOLE" in model  # else the test could not notice a lens that is left in
    listed = [(n + 1, pose, 1, f"{n}.png") for n, pose in enumerate(poses)]
    write_colmap_text(tmp_path / "sparse", [(1, model, *size, lens)], listed)
    views = open_dataset(tmp_path).read(image_size=size_read, placement=AS_IT_IS)
    focal, centre = size_read * 280 / 256, (size_read - 1) / 2
    for image, pose, truth in zip(views.images, views.camera_gl_from_world, poses, strict=True):
        np.testing.assert_allclose(np.linalg.inv(pose)[:3, 3], truth[:3, 3], atol=1e-9)
        assert abs(pose[0, 3]) < 1e-9  # aimed at the origin
        assert abs(pose[1, 3]) < 1e-9
        x, y, z = (pose @ [*point, 1.0])[:3]
        peak = np.array([focal * x / -z + centre, focal * y / z + centre])
        np.testing.assert_allclose(dot_position(image), peak, atol=0.2)
    raw = open_dataset(tmp_path).read(image_size=None, placement=AS_IT_IS)
    for image, camera, truth in zip(raw.images, raw.cameras, poses, strict=True):
        optical = (np.linalg.inv(truth @ FLIP) @ [*point, 1.0])[:3]
        np.testing.assert_allclose(camera.project(optical), dot_position(image), atol=0.15)


def test_masks_of_colmap_and_alpha(scene):
    folder = scene[0]
    views = open_dataset(folder).read(image_size=None, placement=AS_IT_IS)
    names = ["IMG 0005.png", "IMG 0006.png", "IMG 0007.png", "IMG 0009.png"]
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[4:12, 5:20] = 255
    for name in names:
        save(folder / "masks" / f"{name}.png", mask)
    masked = open_dataset(folder).read(image_size=None, placement=AS_IT_IS)
    np.testing.assert_array_equal(masked.masks, np.repeat(mask[None] == 255, 4, axis=0))
    np.testing.assert_array_equal(masked.images[:, mask == 255], views.images[:, mask == 255])
    assert (masked.images[:, mask == 0] == 255).all()
    alpha = np.full(SIZE[::-1], 255, np.uint8)
    alpha[:, :10] = 0
    alpha[:, 10] = 90
    save(folder / "images" / names[0], np.dstack([views.images[0], alpha]))
    both = open_dataset(folder).read(image_size=None, placement=AS_IT_IS)
    np.testing.assert_array_equal(both.masks[0], (mask == 255) & (alpha == 255))
    np.testing.assert_array_equal(both.images[0][:, 10:], views.images[0][:, 10:])  # alpha alone makes white
    assert (both.images[0][:, :10] == 255).all()
    save(folder / "masks" / f"{names[1]}.png", mask[:, :-1])
    with pytest.raises(DatasetError, match=r"The mask .*0006\.png\.png is 23x18, its image 24x18"):
        open_dataset(folder).read()
    (folder / "masks" / f"{names[1]}.png").unlink()
    with pytest.raises(DatasetError, match=r"1 files of .* the first is .*0006\.png\.png"):
        open_dataset(folder).read()


def test_some_photographs_without_alpha_are_counted(scene, caplog):
    folder, _, images, _ = scene
    save(folder / "images" / "IMG 0005.png", np.dstack([images[1], np.zeros(SIZE[::-1], np.uint8)]))
    with caplog.at_level(logging.WARNING):
        views = open_dataset(folder).read(image_size=None, placement=AS_IT_IS)
    assert "3 of 4 photographs have no mask" in caplog.text
    assert [mask.all() for mask in views.masks] == [False, True, True, True]


def test_box_of_the_points_inside_the_masks(tmp_path):
    """The object's points are a box off the origin; those of the table and the background are many more."""
    rng = np.random.default_rng(0)
    centre, sides = np.array([0.3, -0.2, 0.5]), np.array([0.2, 0.4, 0.3])
    inside = centre + sides * rng.uniform(-0.5, 0.5, (400, 3))
    table = np.column_stack([rng.uniform(-3, 3, (600, 2)), np.full(600, -0.5)])
    poses = ring(6, 1.5, centre)
    size, parameters = (40, 32), [40.0, 40.0, 20.0, 16.0]
    corners = centre + sides * (np.array(list(np.ndindex(2, 2, 2))) - 0.5)
    for number, pose in enumerate(poses):
        optical = (np.linalg.inv(pose @ FLIP) @ np.column_stack([corners, np.ones(8)]).T)[:3].T
        pixels = np.array([lens_pixel("PINHOLE", parameters, point) for point in optical])
        (left, top), (right, bottom) = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int)
        mask = np.zeros(size[::-1], np.uint8)
        mask[top:bottom, left:right] = 255
        save(tmp_path / "images" / f"{number}.png", np.dstack([np.zeros((*size[::-1], 3), np.uint8), mask]))
    listed = [(n + 1, pose, 1, f"{n}.png") for n, pose in enumerate(poses)]
    cloud = np.concatenate([inside, table])
    write_colmap_binary(tmp_path / "sparse" / "0", [(1, "PINHOLE", *size, parameters)], listed, cloud)
    views = open_dataset(tmp_path).read(image_size=16)
    placed = views.metadata["placement"]
    np.testing.assert_allclose(placed.world_from_object.translation, centre, atol=0.03)
    assert placed.unit == pytest.approx(0.4, rel=0.1)
    np.testing.assert_allclose(placed.world_from_object.matrix[:3, 2], [0.0, 0.0, 1.0], atol=0.2)
    assert "box of" in views.pose_source
    assert "up: mean of the cameras' up directions" in views.pose_source
    everything = open_dataset(tmp_path).read(image_size=16, placement="axes").metadata["placement"]
    np.testing.assert_allclose(everything.world_from_object.translation, centre, atol=1e-6)


def test_points_without_masks_count_only_on_request(scene):
    folder, poses, _, form = scene
    cloud = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 3))
    names = ["IMG 0007.png", "IMG 0005.png", "IMG 0009.png", "IMG 0006.png"]
    listed = [(n + 1, pose, 1, name) for n, (pose, name) in enumerate(zip(poses, names, strict=True))]
    WRITERS[form](folder / "sparse" / "0", [(1, "PINHOLE", *SIZE, PINHOLE)], listed, cloud)
    assert "optical axes" in open_dataset(folder).read(image_size=8).pose_source
    views = open_dataset(folder).read(image_size=8, placement="points")
    assert "box of 300 points" in views.pose_source
    assert views.metadata["placement"].unit == pytest.approx(1.0, abs=0.3)
    WRITERS[form](folder / "sparse" / "0", [(1, "PINHOLE", *SIZE, PINHOLE)], listed, cloud[:5])
    with pytest.raises(DatasetError, match=r"has 5 points of the object, at least 20 are needed"):
        open_dataset(folder).read(placement="points")
    (folder / "sparse" / "0" / f"points3D.{form}").unlink()
    with pytest.raises(DatasetError, match=r"has 0 points of the object"):
        open_dataset(folder).read(placement="points")


def test_binary_counts_where_both_forms_are_there(scene):
    folder, poses, _, form = scene
    other = "bin" if form == "txt" else "txt"
    names = ["IMG 0007.png", "IMG 0005.png", "IMG 0009.png", "IMG 0006.png"]
    moved = [(n + 1, pose, 1, name) for n, (pose, name) in enumerate(zip(poses, names, strict=True))]
    WRITERS[other](folder / "sparse" / "0", [(1, "SIMPLE_PINHOLE", *SIZE, [77.0, 12.0, 9.0])], moved)
    focal = open_dataset(folder).read(image_size=None, placement=AS_IT_IS).cameras[0].fx
    assert focal == (77.0 if other == "bin" else 30.0)


@pytest.mark.parametrize("place", ["sparse", "colmap/sparse/0", "colmap/sparse", "."])
def test_model_is_found_where_tools_put_it(tmp_path, place):
    save(tmp_path / "images" / "left" / "a.png", pictures(1)[0])
    save(tmp_path / "images" / "right" / "a.png", pictures(1)[0])
    left, right = ring(2)
    listed = [(1, left, 1, "left/a.png"), (2, right, 1, "right/a.png")]
    write_colmap_text(tmp_path / place, [(1, "PINHOLE", *SIZE, PINHOLE)], listed)
    views = open_dataset(tmp_path).read(image_size=None, placement=AS_IT_IS)
    assert views.view_ids == (0, 1)


def test_photographs_beside_the_model_or_without_pose(scene, caplog):
    folder, _, images, _ = scene
    save(folder / "images" / "IMG 0010.png", images[0])
    with caplog.at_level(logging.WARNING):
        views = open_dataset(folder).read(image_size=None, placement=AS_IT_IS)
    assert views.metadata["without_pose"] == ("IMG 0010.png",)
    assert "1 photographs have no pose in the model, the first is IMG 0010.png" in caplog.text
    (folder / "images").rename(folder / "other")
    with pytest.raises(DatasetError, match=r"No photograph of the model, for example IMG 000\d\.png, lies in"):
        open_dataset(folder).read()
    (folder / "other").rename(folder / "images")
    (folder / "images" / "IMG 0006.png").unlink()
    with pytest.raises(DatasetError, match=r"1 files of .* the first is .*IMG 0006\.png; restore"):
        open_dataset(folder).read()


def test_photograph_of_another_size_is_named(scene):
    folder, _, images, _ = scene
    save(folder / "images" / "IMG 0006.png", images[0][::2, ::2])
    with pytest.raises(DatasetError, match=r"IMG 0006\.png is 12x9, its camera 24x18: use the pictures from which"):
        open_dataset(folder).read()


def test_split_keeps_references_and_targets_apart(scene):
    dataset = open_dataset(scene[0])
    views = dataset.read(image_size=8)
    split = dataset.split(views, 2)
    assert len(split.reference_ids) == 2
    assert sorted((*split.reference_ids, *split.target_ids)) == [5, 6, 7, 9]
    assert split.scored_ids == split.target_ids
    assert "no published evaluation" in split.rule
    with pytest.raises(DatasetError, match="All views of 'cup' are references"):
        dataset.split(views, 4)


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
def test_cut_binary_files_are_named_wherever_they_end(tmp_path, name):
    save(tmp_path / "images" / "0.png", pictures(1)[0])
    listed = [(2, ring(1)[0], 1, "0.png")]
    write_colmap_binary(tmp_path / "sparse", [(1, "OPENCV", *SIZE, [*PINHOLE, 0.1, 0.0, 0.0, 0.0])], listed, np.eye(3))
    path = tmp_path / "sparse" / name
    content = path.read_bytes()
    assert read_colmap_model(tmp_path / "sparse").images[0].number == 2
    for length in (*range(0, len(content), 7), len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(DatasetError, match=rf"{name[:-4]}\.bin ends after {length} bytes in the middle"):
            read_colmap_model(tmp_path / "sparse")
    path.write_bytes(content + b"12345")
    with pytest.raises(DatasetError, match=rf"{name[:-4]}\.bin has 5 bytes after its last record"):
        read_colmap_model(tmp_path / "sparse")


CAMERA = "1 PINHOLE 24 18 30 31 12.5 8.75"
IMAGE = "1 1 0 0 0 0 0 2 1 0.png"


@pytest.mark.parametrize(
    ("cameras", "images", "points", "words"),
    [
        ("1 PINHOLE 24 18 30", IMAGE, "", r"cameras\.txt, line 2 is damaged \(PINHOLE has 4 parameters, here are 1\)"),
        ("1 PINHOLE 24", IMAGE, "", r"cameras\.txt, line 2 is damaged .*needs CAMERA_ID MODEL"),
        ("1 PINHOLE 24 18 30 31 x 8.75", IMAGE, "", r"cameras\.txt, line 2 is damaged"),
        (CAMERA, "1 1 0 0 0 0 0 2 1", "", r"images\.txt, line 2 is damaged .*IMAGE_ID QW QX"),
        (CAMERA, "1 0 0 0 0 0 0 2 1 0.png", "", r"images\.txt, line 2 is damaged \(quaternion .* norm 0"),
        (
            CAMERA,
            IMAGE.replace(" 2 1 ", " 2 7 "),
            "",
            r"Image 0\.png of .* has camera 7, which cameras\.txt does not list",
        ),
        (CAMERA, "", "", r"images\.txt holds no image"),
        (CAMERA, IMAGE, "1 0.5 0.5", r"points3D\.txt, line 2 is damaged"),
        (
            "1 FOV 24 18 30 31 12 9 0.1",
            IMAGE,
            "",
            r"Camera 1 of .* has the model FOV, not one of OpenCV's two; undistort",
        ),
        ("1 EUCM 24 18 30 31 12 9 0 1", IMAGE, "", r"model EUCM, no model of COLMAP that this reader knows"),
        ("1 PINHOLE 24 18 0 31 12 9", IMAGE, "", r"Camera 1 of .* is no camera: camera fx must be positive"),
    ],
)
def test_what_is_wrong_in_text_files_is_named(tmp_path, cameras, images, points, words):
    save(tmp_path / "images" / "0.png", pictures(1)[0])
    (tmp_path / "sparse").mkdir()
    for name, text in (("cameras", cameras), ("images", images), ("points3D", points)):
        (tmp_path / "sparse" / f"{name}.txt").write_text(f"# comment\n{text}\n")
    with pytest.raises(DatasetError, match=words):
        open_dataset(tmp_path).read(placement=AS_IT_IS)


def test_unknown_binary_lens_and_undecodable_text(tmp_path):
    save(tmp_path / "images" / "0.png", pictures(1)[0])
    write_colmap_binary(tmp_path / "sparse", [(1, "FOV", *SIZE, [*PINHOLE, 0.1])], [(1, ring(1)[0], 1, "0.png")])
    path = tmp_path / "sparse" / "cameras.bin"
    content = bytearray(path.read_bytes())
    content[12] = 99
    path.write_bytes(bytes(content))
    with pytest.raises(DatasetError, match="camera 1 has the model number 99, which this reader does not know"):
        open_dataset(tmp_path).read()
    for name in ("cameras", "images"):
        (tmp_path / "sparse" / f"{name}.bin").unlink()
        (tmp_path / "sparse" / f"{name}.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"images\.txt cannot be read"):
        open_dataset(tmp_path).reader.view_ids(tmp_path)
