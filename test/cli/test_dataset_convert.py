# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset convert`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_posed_images import posed_images
from PIL import Image

from eschernet_ros.cli.main import main
from eschernet_ros.datasets import open_dataset
from eschernet_ros.datasets.write_dataset import write_dataset
from eschernet_ros.geometry import PinholeCamera, model_camera

CROOKED = PinholeCamera(24, 18, 30.0, 31.0, 11.2, 9.3, (0.11, -0.03, 0.002, -0.001))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A nerfstudio scene of a camera that NeRF Synthetic cannot express."""
    write_dataset([posed_images(4, CROOKED, scale=4.0)], tmp_path / "mug", "nerfstudio")
    return tmp_path / "mug"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A Franka16 folder as published: angles and images, no intrinsics, no scale."""
    folder = tmp_path / "kettle"
    (folder / "images_rgba").mkdir(parents=True)
    np.save(folder / "angles.npy", np.array([[0.1, 0.5], [2.0, 0.4], [4.0, 0.6]]))
    for number in range(3):
        Image.new("RGBA", (16, 16), (200, 10, 10, 255)).save(folder / "images_rgba" / f"frame{number:06d}.png")
    return folder


def test_convert_says_what_it_did(scene: Path, tmp_path: Path, capsys):
    assert main(["dataset", "convert", str(scene), str(tmp_path / "out"), "--to", "colmap"]) == 0
    printed = capsys.readouterr().out
    assert "mug: 4 views" in printed and "no 3D points" in printed
    assert f"{tmp_path / 'out'}: written as colmap from nerfstudio" in printed
    original, read = (open_dataset(path).read(image_size=None) for path in (scene, tmp_path / "out"))
    np.testing.assert_allclose(read.camera_gl_from_world, original.camera_gl_from_world, atol=1e-12)
    np.testing.assert_array_equal(read.images, original.images)
    assert read.scale == pytest.approx(4.0)


def test_models_camera_makes_a_scene_fit_any_layout(scene: Path, tmp_path: Path, capsys):
    command = ["dataset", "convert", str(scene), str(tmp_path / "out"), "--to", "nerf-synthetic"]
    assert main(command) == 2
    assert "has lens distortion" in capsys.readouterr().err
    assert main([*command, "--model-camera", "32", "--test-every", "2"]) == 0
    read = open_dataset(tmp_path / "out").read(image_size=None)
    assert [camera.fx for camera in read.cameras] == pytest.approx([35.0] * 4)
    assert [len(ids) for ids in read.subsets.values()] == [2, 2]
    content = json.loads((tmp_path / "out" / "transforms_train.json").read_text())
    assert content["camera_angle_x"] == pytest.approx(np.radians(49.13), abs=1e-4)


def test_missing_intrinsics_and_scale_are_given_on_the_command_line(published: Path, tmp_path: Path, capsys):
    command = ["dataset", "convert", str(published)]
    assert main([*command, str(tmp_path / "a"), "--to", "nerfstudio"]) == 2
    assert "'kettle' (franka16) comes without intrinsics" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "a"), "--to", "nerfstudio", "--field-of-view", "90"]) == 0
    assert json.loads((tmp_path / "a" / "transforms.json").read_text())["fl_x"] == pytest.approx(8.0)
    assert open_dataset(tmp_path / "a").read().scale is None
    assert main([*command, str(tmp_path / "b"), "--to", "franka16", "--longest-side", "0.25"]) == 0
    assert open_dataset(tmp_path / "b").read().scale == pytest.approx(4.0)
    assert main(["dataset", "convert", str(tmp_path / "b"), str(tmp_path / "c"), "--to", "colmap"]) == 0
    capsys.readouterr()
    given = ["--to", "colmap", "--field-of-view", "49"]
    assert main(["dataset", "convert", str(tmp_path / "b"), str(tmp_path / "d"), *given]) == 2
    assert "'b' records its intrinsics; leave out --field-of-view" in capsys.readouterr().err


def test_collections_and_single_objects_of_them(tmp_path: Path, capsys):
    objects = [posed_images(2, model_camera(16), name=name) for name in ("duck", "mug")]
    write_dataset(objects, tmp_path / "all", "nerfstudio", collection=True)
    convert = ["dataset", "convert", str(tmp_path / "all")]
    assert main([*convert, str(tmp_path / "both"), "--to", "colmap-text"]) == 0
    assert open_dataset(tmp_path / "both").objects == ("duck", "mug")
    assert (
        main([*convert, str(tmp_path / "one"), "--to", "huggingface", "--object", "mug", "--licence", "cc0-1.0"]) == 0
    )
    assert [path.name for path in (tmp_path / "one" / "train").iterdir() if path.is_dir()] == ["mug"]
    assert "license: cc0-1.0" in (tmp_path / "one" / "README.md").read_text()
    capsys.readouterr()
    assert main([*convert, str(tmp_path / "none"), "--to", "colmap", "--object", "cup"]) == 2
    assert "holds no object 'cup'; its objects are duck, mug" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--field-of-view", "180"], "--field-of-view is 180; it must lie between 0 and 180 degrees"),
        (["--model-camera", "0"], "--model-camera is 0; it must be a number of pixels"),
        (["--longest-side", "-1"], "--longest-side is -1; it must be a positive length in metres"),
        (["--longest-side", "0.2"], "'mug' has a metric scale: its longest side is 0.25 m; leave out --longest-side"),
        (["--test-every", "1"], "test_every is 1"),
        (["--poses-are", "w2c-opencv"], "cannot be read as w2c-opencv"),
    ],
)
def test_options_that_make_no_sense(scene: Path, tmp_path: Path, capsys, options, sentence: str):
    assert main(["dataset", "convert", str(scene), str(tmp_path / "out"), "--to", "colmap", *options]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
