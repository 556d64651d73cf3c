# SPDX-License-Identifier: Apache-2.0
"""What writers write, read by parsers and projections that are written here, from the layouts' own descriptions."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_posed_images import posed_images
from PIL import Image

from eschernet_ros.datasets import DatasetError, DatasetWriteError, read_frames_file
from eschernet_ros.datasets.dataset_writer import EDGE_ALPHA, WriteOptions
from eschernet_ros.datasets.write_dataset import WRITERS, write_dataset
from eschernet_ros.geometry import PinholeCamera, model_camera, world_from_camera_optical

PLAIN = PinholeCamera(24, 18, 30.0, 31.0, 11.2, 9.3)
BROWN = PinholeCamera(24, 18, 30.0, 31.0, 11.2, 9.3, (0.11, -0.03, 0.002, -0.001))
BROWN_K3 = PinholeCamera(24, 18, 30.0, 31.0, 11.2, 9.3, (0.11, -0.03, 0.002, -0.001, 0.02))
RATIONAL = PinholeCamera(24, 18, 30.0, 31.0, 11.2, 9.3, (0.3, 0.2, 0.002, -0.001, 0.02, 0.21, 0.15, 0.01))
PRISM = PinholeCamera(24, 18, 30.0, 31.0, 11.2, 9.3, (0.1, *[0.0] * 7, 1e-3, 0.0, 0.0, 0.0))

POINTS = np.array([[0.1, 0.2, 0.3], [-0.2, 0.1, 0.0], [0.0, -0.25, 0.15]])


def expected_pixels(views) -> list[np.ndarray]:
    """Where the views' own cameras see `POINTS`, in pixels whose corner, not centre, is a whole number."""
    return [
        camera.project(world_from_camera_optical(pose).inverse() @ POINTS) + 0.5
        for camera, pose in zip(views.cameras, views.poses, strict=True)
    ]


def opencv_projection(points: np.ndarray, focal, centre, k) -> np.ndarray:
    """OpenCV's rational model as its documentation has it; k: k1 k2 p1 p2 k3 k4 k5 k6."""
    x, y = points[:, 0] / points[:, 2], points[:, 1] / points[:, 2]
    k1, k2, p1, p2, k3, k4, k5, k6 = (*k, *[0.0] * 8)[:8]
    r2 = x * x + y * y
    radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
    u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return np.column_stack([u * focal[0] + centre[0], v * focal[1] + centre[1]])


def rotation(qw: float, qx: float, qy: float, qz: float) -> np.ndarray:
    return np.array(
        [
            [1 - 2 * (qy**2 + qz**2), 2 * (qx * qy - qz * qw), 2 * (qx * qz + qy * qw)],
            [2 * (qx * qy + qz * qw), 1 - 2 * (qx**2 + qz**2), 2 * (qy * qz - qx * qw)],
            [2 * (qx * qz - qy * qw), 2 * (qy * qz + qx * qw), 1 - 2 * (qx**2 + qy**2)],
        ]
    )


def check_picture(path: Path, views, row: int) -> None:
    """RGB is kept where alpha is not 0, alpha 255 is the mask, alpha 0 is white outside."""
    pixels = np.asarray(Image.open(path))
    if views.masks is None:
        np.testing.assert_array_equal(pixels, views.images[row])
        return
    assert pixels.shape[2] == 4
    np.testing.assert_array_equal(pixels[..., 3] == 255, views.masks[row])
    np.testing.assert_array_equal(pixels[..., :3], views.images[row])
    edge = (pixels[..., 3] == EDGE_ALPHA) & (views.images[row] < 255).any(axis=-1)
    assert edge.sum() > 0
    np.testing.assert_array_equal(edge | views.masks[row], pixels[..., 3] != 0)


# nerfstudio


@pytest.mark.parametrize("cameras", [PLAIN, BROWN_K3, [PLAIN, BROWN, BROWN_K3]], ids=["plain", "k3", "mixed"])
def test_nerfstudio_projects_as_its_documentation_says(tmp_path: Path, cameras):
    views = posed_images(3, cameras, scale=4.0)
    write_dataset([views], tmp_path / "out", "nerfstudio")
    content = json.loads((tmp_path / "out" / "transforms.json").read_text())
    assert content["camera_model"] == "OPENCV" and len(content["frames"]) == 3
    shared = {"w", "fl_x", "k1"} <= set(content)
    assert shared != isinstance(cameras, list)  # equal intrinsics are written once
    for row, (frame, expected) in enumerate(zip(content["frames"], expected_pixels(views), strict=True)):
        k = {**content, **frame}
        assert (k["w"], k["h"]) == (24, 18)
        world_from_camera = np.array(frame["transform_matrix"])
        in_camera = (POINTS - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]
        optical = in_camera * (1, -1, -1)  # OpenGL camera: y up, looking along -z
        pixels = opencv_projection(
            optical, (k["fl_x"], k["fl_y"]), (k["cx"], k["cy"]), (k["k1"], k["k2"], k["p1"], k["p2"], k["k3"])
        )
        np.testing.assert_allclose(pixels, expected, atol=1e-9)
        check_picture(tmp_path / "out" / frame["file_path"], views, row)
    placed = json.loads((tmp_path / "out" / "object_frame.json").read_text())
    assert placed["metres_per_unit"] == pytest.approx(0.25)


def test_nerfstudio_lists_held_out_views(tmp_path: Path):
    write_dataset([posed_images(5, PLAIN)], tmp_path / "out", "nerfstudio", WriteOptions(test_every=2))
    content = json.loads((tmp_path / "out" / "transforms.json").read_text())
    held_out = [f"images/frame_{number:05d}.png" for number in (0, 2, 4)]
    assert content["test_filenames"] == content["val_filenames"] == held_out
    assert content["train_filenames"] == ["images/frame_00001.png", "images/frame_00003.png"]


def test_split_of_the_source_is_kept(tmp_path: Path):
    views = posed_images(4, PLAIN, subsets={"train": (0, 3), "test": (1, 2)})
    write_dataset([views], tmp_path / "out", "nerfstudio")
    content = json.loads((tmp_path / "out" / "transforms.json").read_text())
    assert content["train_filenames"] == ["images/frame_00000.png", "images/frame_00003.png"]
    assert content["test_filenames"] == ["images/frame_00001.png", "images/frame_00002.png"]


# COLMAP


def read_text_model(folder: Path) -> tuple[dict, list]:
    cameras = {}
    for line in (folder / "cameras.txt").read_text().splitlines():
        if not line.startswith("#"):
            number, model, width, height, *numbers = line.split()
            cameras[int(number)] = (model, int(width), int(height), [float(n) for n in numbers])
    lines = [line for line in (folder / "images.txt").read_text().splitlines() if not line.startswith("#")]
    images = []
    for line, points in zip(lines[::2], lines[1::2], strict=True):
        assert points == ""
        number, *pose, camera, name = line.split()
        images.append((int(number), [float(n) for n in pose], int(camera), name))
    assert (folder / "points3D.txt").is_file()
    return cameras, images


def read_binary_model(folder: Path) -> tuple[dict, list]:
    models = {1: ("PINHOLE", 4), 4: ("OPENCV", 8), 6: ("FULL_OPENCV", 12)}
    content, at = (folder / "cameras.bin").read_bytes(), 8
    cameras, images = {}, []
    for _ in range(struct.unpack("<Q", content[:8])[0]):
        number, model, width, height = struct.unpack("<iiQQ", content[at : at + 24])
        name, count = models[model]
        cameras[number] = (name, width, height, struct.unpack(f"<{count}d", content[at + 24 : at + 24 + 8 * count]))
        at += 24 + 8 * count
    assert at == len(content)
    content, at = (folder / "images.bin").read_bytes(), 8
    for _ in range(struct.unpack("<Q", content[:8])[0]):
        number, *pose, camera = struct.unpack("<i7di", content[at : at + 64])
        end = content.index(b"\0", at + 64)
        assert struct.unpack("<Q", content[end + 1 : end + 9]) == (0,)
        images.append((number, pose, camera, content[at + 64 : end].decode()))
        at = end + 9
    assert at == len(content)
    assert (folder / "points3D.bin").read_bytes() == bytes(8)
    return cameras, images


@pytest.mark.parametrize(("layout", "read"), [("colmap-text", read_text_model), ("colmap", read_binary_model)])
def test_colmap_projects_as_its_documentation_says(tmp_path: Path, layout: str, read):
    views = posed_images(5, [PLAIN, BROWN, BROWN_K3, RATIONAL, PLAIN])
    report = write_dataset([views], tmp_path / "out", layout)
    assert "no 3D points" in report.notes[0]
    cameras, images = read(tmp_path / "out" / "sparse" / "0")
    assert [c[0] for c in cameras.values()] == ["PINHOLE", "OPENCV", "FULL_OPENCV", "FULL_OPENCV"]
    assert [image[0] for image in images] == [1, 2, 3, 4, 5]
    for row, ((_, pose, number, name), expected) in enumerate(zip(images, expected_pixels(views), strict=True)):
        model, width, height, (fx, fy, cx, cy, *k) = cameras[number]
        assert (width, height) == (24, 18)
        optical = POINTS @ rotation(*pose[:4]).T + pose[4:]
        np.testing.assert_allclose(opencv_projection(optical, (fx, fy), (cx, cy), k), expected, atol=1e-9)
        check_picture(tmp_path / "out" / "images" / name, views, row)
        mask = np.asarray(Image.open(tmp_path / "out" / "masks" / f"{name}.png"))
        np.testing.assert_array_equal(mask == 255, views.masks[row])
        assert model in ("PINHOLE", "OPENCV", "FULL_OPENCV") and set(np.unique(mask)) == {0, 255}


@pytest.mark.parametrize("layout", ["colmap-text", "colmap"])
def test_colmap_is_read_by_pycolmap(tmp_path: Path, layout: str):
    pycolmap = pytest.importorskip("pycolmap")
    views = posed_images(3, [PLAIN, BROWN, RATIONAL])
    write_dataset([views], tmp_path / "out", layout)
    model = pycolmap.Reconstruction(tmp_path / "out" / "sparse" / "0")
    assert model.num_images() == 3
    for row, expected in enumerate(expected_pixels(views)):
        image = next(i for i in model.images.values() if i.name == f"{row:06d}.png")
        pixels = np.array([image.project_point(point) for point in POINTS])
        np.testing.assert_allclose(pixels, expected, atol=1e-9)


# NeRF Synthetic


def test_nerf_synthetic_projects_as_blender_does(tmp_path: Path):
    views = posed_images(5, model_camera(16))
    write_dataset([views], tmp_path / "out", "nerf-synthetic", WriteOptions(test_every=3))
    expected, seen = expected_pixels(views), []
    for split, rows in (("train", (1, 2, 4)), ("test", (0, 3)), ("val", (0, 3))):
        content = json.loads((tmp_path / "out" / f"transforms_{split}.json").read_text())
        assert len(content["frames"]) == len(rows)
        for frame, row in zip(content["frames"], rows, strict=True):
            path = tmp_path / "out" / f"{frame['file_path']}.png"
            check_picture(path, views, row)
            focal = 0.5 * 16 / np.tan(content["camera_angle_x"] / 2)
            pose = np.array(frame["transform_matrix"])
            x, y, z = ((POINTS - pose[:3, 3]) @ pose[:3, :3]).T
            np.testing.assert_allclose(np.column_stack([x / -z, -y / -z]) * focal + 8, expected[row], atol=1e-9)
            seen.append(path)
    assert len(set(seen)) == 5  # val lists the test views again


@pytest.mark.parametrize(
    ("camera", "sentence"),
    [
        (PLAIN, "focal lengths of 30 and 31 px"),
        (PinholeCamera(16, 16, 20, 20, 7.5, 7.0), r"principal point at \(7.5, 7\) px, not in the centre \(7.5, 7.5\)"),
        (PinholeCamera(16, 16, 20, 20, 7.5, 7.5, (0.1, 0, 0, 0)), "lens distortion"),
        ([model_camera(16), PinholeCamera(16, 16, 20, 20, 7.5, 7.5)], "16x16 with a focal length of 20 px, the first"),
    ],
)
def test_nerf_synthetic_refuses_what_it_cannot_express(tmp_path: Path, camera, sentence: str):
    with pytest.raises(DatasetError, match=sentence) as error:
        write_dataset([posed_images(2, camera)], tmp_path / "out", "nerf-synthetic")
    assert "Resample the views to the model's camera" in str(error.value)
    assert list(tmp_path.iterdir()) == []


# Hugging Face


def card_of(folder: Path) -> tuple[dict, str]:
    """The card's front matter and its text."""
    empty, header, body = (folder / "README.md").read_text().split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(header), body


def test_huggingface_folder_has_metadata_and_a_card(tmp_path: Path):
    mug = posed_images(5, PLAIN, scale=4.0, licence="CC-BY-4.0")
    duck = posed_images(2, name="shard/duck", masked=False, licence="CC-BY-4.0")
    report = write_dataset([mug, duck], tmp_path / "out", "huggingface", WriteOptions(test_every=3), collection=True)
    assert report.views == {"mug": 5, "shard_duck": 2}
    assert report.notes == ("'shard/duck' has no intrinsics: their columns are empty.",)
    found = {}
    for split in ("train", "test"):
        for line in (tmp_path / "out" / split / "metadata.jsonl").read_text().splitlines():
            row = json.loads(line)
            found[row["object"], row["view"]] = (split, row)
            views = mug if row["object"] == "mug" else duck
            check_picture(tmp_path / "out" / split / row["file_name"], views, row["view"])
            np.testing.assert_array_equal(row["camera_gl_from_world"], views.camera_gl_from_world[row["view"]])
    assert len(found) == 7
    assert {view for (name, view), (split, _) in found.items() if name == "mug" and split == "test"} == {0, 3}
    row = found["mug", 1][1]
    assert [row[key] for key in ("width", "height", "fx", "fy", "cx", "cy")] == [24, 18, 30.0, 31.0, 11.2, 9.3]
    assert row["units_per_metre"] == 4.0
    assert found["shard/duck", 1][1]["fx"] is None
    header, text = card_of(tmp_path / "out")
    assert header["license"] == "cc-by-4.0"
    assert header["configs"][0]["data_files"] == [
        {"split": "train", "path": "train/**"},
        {"split": "test", "path": "test/**"},
    ]
    assert "7 images of 2 objects" in text and "| mug | 5 | made |" in text


@pytest.mark.parametrize(
    ("licences", "given", "written"),
    [
        (("", ""), "", "unknown"),
        (("Academic use only.", ""), "", "other"),
        (("cc-by-4.0", "apache-2.0"), "", "other"),
        (("Academic use only.", ""), "apache-2.0", "apache-2.0"),
    ],
)
def test_licence_of_the_card(tmp_path: Path, licences, given: str, written: str):
    objects = [posed_images(1, PLAIN, name=name, licence=text) for name, text in zip("ab", licences, strict=True)]
    write_dataset(objects, tmp_path / "out", "huggingface", WriteOptions(licence=given), collection=True)
    header, body = card_of(tmp_path / "out")
    assert header["license"] == written
    for text in filter(None, licences):
        assert given or text in body


def test_huggingface_folder_is_read_by_datasets(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    views = posed_images(5, PLAIN)
    write_dataset([views], tmp_path / "out", "huggingface", WriteOptions(test_every=3))
    read = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in read.items()} == {"train": 3, "test": 2}
    row = read["test"][1]
    assert row["view"] == 3
    np.testing.assert_array_equal(np.asarray(row["image"])[..., :3], views.images[3])


# this package's own layout


def test_own_layout_keeps_poses_and_pixels(tmp_path: Path, published_loader):
    views = posed_images(3, model_camera(16), scale=4.0)
    report = write_dataset([views], tmp_path / "out", "franka16")
    assert report.notes == ()
    frames = read_frames_file(tmp_path / "out")
    assert frames is not None
    for record, pose in zip(frames.records, views.poses, strict=True):
        assert record.camera_gl_from_object.is_close(pose, 1e-12)
        assert record.scale == pytest.approx(4.0)
        centre = record.base_from_camera_optical.translation
        np.testing.assert_allclose(centre, pose.inverse().translation / 4.0, atol=1e-12)
    images, poses = published_loader(tmp_path / "out")
    for row, image in enumerate(images):
        np.testing.assert_array_equal(image[..., :3], views.images[row])
        np.testing.assert_array_equal(image[..., 3] >= 128, views.masks[row])
    # upright cameras that look at the origin lose their distance only
    np.testing.assert_allclose(poses[:, :3, :3], views.camera_gl_from_world[:, :3, :3], atol=1e-6)


def test_own_layout_resamples_other_cameras_and_keeps_what_they_saw(tmp_path: Path):
    views = posed_images(2, BROWN, scale=4.0)
    report = write_dataset([views], tmp_path / "out", "franka16")
    assert report.notes == ("'mug' was resampled to the model's camera, 256 pixels wide.",)
    frames = read_frames_file(tmp_path / "out")
    assert frames is not None
    for row, record in enumerate(frames.records):
        assert (record.camera, record.source_camera) == (model_camera(256), BROWN)
        source = record.object_frame.normalise(record.base_from_source_optical)
        assert source.is_close(views.poses[row], 1e-9)
        colour = np.asarray(Image.open(tmp_path / "out" / "colour" / f"frame{row:06d}.png"))
        np.testing.assert_array_equal(colour, views.images[row])
        image = np.asarray(Image.open(tmp_path / "out" / "images_rgba" / f"frame{row:06d}.png"))
        assert image.shape == (256, 256, 4) and 0 < (image[..., 3] == 255).mean() < 0.9


def test_own_layout_says_what_it_assumes(tmp_path: Path):
    views = posed_images(2, masked=False)
    report = write_dataset([views], tmp_path / "out", "franka16")
    assert [note.split(": ")[0] for note in report.notes] == [
        "'mug' has no intrinsics",
        "'mug' has no masks",
        "'mug' has no metric scale",
    ]
    frames = read_frames_file(tmp_path / "out")
    assert frames is not None and any("taken for 1 m" in warning for warning in frames.records[0].warnings)


def test_own_layout_needs_square_images_or_intrinsics(tmp_path: Path):
    with pytest.raises(DatasetError, match="images of 24x18 and no intrinsics; the model's images are square"):
        write_dataset([posed_images(2, size=(24, 18))], tmp_path / "out", "franka16")


# all


@pytest.mark.parametrize(
    ("layout", "camera", "sentence"),
    [
        ("nerfstudio", RATIONAL, "nerfstudio's OPENCV camera holds .* this camera has 8"),
        ("colmap", PRISM, "COLMAP's camera models hold the first 8"),
        ("nerfstudio", None, "'mug' .made. comes without intrinsics, which the layout nerfstudio needs"),
        ("colmap-text", None, "without intrinsics"),
        ("nerf-synthetic", None, "without intrinsics"),
    ],
)
def test_cameras_that_a_layout_cannot_hold_are_refused(tmp_path: Path, layout: str, camera, sentence: str):
    with pytest.raises(DatasetError, match=sentence):
        write_dataset([posed_images(2, camera)], tmp_path / "out", layout)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", WRITERS)
def test_several_objects_get_folders_of_their_own(tmp_path: Path, layout: str):
    objects = (posed_images(2, model_camera(16), name=name) for name in ("a/mug", "duck"))
    report = write_dataset(objects, tmp_path / "deep" / "out", layout, collection=True)
    assert report.views == {"a_mug": 2, "duck": 2}
    own = tmp_path / "deep" / "out" / ("train" if layout == "huggingface" else "")
    assert {path.name for path in own.iterdir() if path.is_dir()} == {"a_mug", "duck"}


@pytest.mark.parametrize("layout", WRITERS)
def test_nothing_is_overwritten(tmp_path: Path, layout: str):
    (tmp_path / "out").mkdir()
    with pytest.raises(DatasetWriteError, match="exists; nothing is overwritten"):
        write_dataset([posed_images(1, model_camera(16))], tmp_path / "out", layout)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("layout", WRITERS)
def test_nothing_is_left_behind_when_an_object_fails(tmp_path: Path, layout: str):
    def objects():
        yield posed_images(1, model_camera(16))
        assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]  # the name is taken at the end
        raise DatasetError("the second object is damaged")

    with pytest.raises(DatasetError, match="the second object is damaged"):
        write_dataset(objects(), tmp_path / "out", layout, collection=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetWriteError, match="a part of the path is a file, not a folder"):
        write_dataset([posed_images(1, PLAIN)], tmp_path / "file" / "out", "nerfstudio")


@pytest.mark.parametrize(
    ("names", "collection", "sentence"),
    [
        ([], False, "There is no object to write"),
        (["a", "b"], False, "Several objects do not go into one object's folder"),
        (["a/b", "a_b"], True, "Two objects are called 'a_b'"),
    ],
)
def test_objects_that_do_not_fit_a_folder(tmp_path: Path, names, collection: bool, sentence: str):
    objects = [posed_images(1, PLAIN, name=name) for name in names]
    with pytest.raises(DatasetError, match=sentence):
        write_dataset(objects, tmp_path / "out", "nerfstudio", collection=collection)


def test_unknown_layout_is_named(tmp_path: Path):
    with pytest.raises(
        DatasetError, match="no writer for 'rtmv'; layouts that can be written are franka16, nerfstudio"
    ):
        write_dataset([posed_images(1)], tmp_path / "out", "rtmv")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"test_every": 1}, "test_every is 1"),
        ({"test_every": -2}, "test_every is -2"),
    ],
)
def test_options_are_checked(options, sentence: str):
    with pytest.raises(DatasetError, match=sentence):
        WriteOptions(**options)
