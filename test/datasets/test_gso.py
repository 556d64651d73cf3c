# SPDX-License-Identifier: Apache-2.0
"""The GSO30 reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.datasets import DatasetError, open_dataset

CHECKOUT = Path(__file__).parents[2]
ELEPHANT = CHECKOUT.parent / "shared" / "data" / "gso_elephant"
GOLDEN = CHECKOUT / "test" / "data" / "golden" / "data_golden.npz"


@pytest.mark.parametrize("inside", ["", "mug", "mug/render_mvs_25", "mug/render_mvs_25/model"])
def test_object_is_found_from_every_level(gso_object, tmp_path, inside):
    poses, rgba = gso_object(tmp_path / "mug")
    dataset = open_dataset(tmp_path / inside)
    assert (dataset.layout, dataset.objects) == ("gso30", ("mug",))
    views = dataset.read(image_size=None)
    assert (views.name, views.layout, views.view_ids) == ("mug", "gso30", (0, 1, 2))
    np.testing.assert_allclose(views.camera_gl_from_world, poses, atol=1e-12)
    np.testing.assert_array_equal(views.images[:, :, 8:], rgba[:, :, 8:, :3])
    assert (views.images[:, :, :8] == 255).all()
    np.testing.assert_array_equal(views.masks, rgba[..., 3] == 255)
    assert views.scale is None


def test_folder_inside_as_relative_path(gso_object, tmp_path, monkeypatch):
    gso_object(tmp_path / "mug")
    monkeypatch.chdir(tmp_path / "mug" / "render_mvs_25")
    assert open_dataset("model").objects == ("mug",)


def test_collection_names_its_objects(gso_object, tmp_path):
    for name in ("mug", "bear", "car"):
        gso_object(tmp_path / name)
    (tmp_path / "empty").mkdir()
    dataset = open_dataset(tmp_path)
    assert dataset.objects == ("bear", "car", "mug")
    assert dataset.read("car").name == "car"
    assert [views.name for views in dataset] == ["bear", "car", "mug"]
    with pytest.raises(DatasetError, match="name one of them: bear, car, mug"):
        dataset.read()
    with pytest.raises(DatasetError, match="no object 'cat'"):
        dataset.read("cat")


def test_published_split(gso_object, tmp_path):
    gso_object(tmp_path / "mug", count=25, size=8)
    dataset = open_dataset(tmp_path)
    views = dataset.read(image_size=8)
    split = dataset.split(views, references=3)
    assert split.reference_ids == (0, 1, 2)
    assert split.targets == "views"
    assert split.target_ids == tuple(range(25))
    assert split.scored_ids == tuple(range(10, 25))
    assert dataset.split(views, references=12).scored_ids == tuple(range(12, 25))
    with pytest.raises(DatasetError, match="25 views; 26 references"):
        dataset.split(views, references=26)


def test_missing_pose_is_named(gso_object, tmp_path):
    gso_object(tmp_path / "mug")
    (tmp_path / "mug/render_mvs_25/model/001.npy").unlink()
    with pytest.raises(DatasetError, match=r"001\.png has no pose: .*001\.npy is missing"):
        open_dataset(tmp_path).read()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (np.eye(4)[:2], r"holds float64 \[2, 4\]"),
        (np.array([["a"] * 4] * 3), "3x4 matrix is needed"),
        (2 * np.eye(4)[:3], "no rigid transform"),
        (np.array({"R": 1}, dtype=object), "cannot be read"),
    ],
)
def test_pose_file_that_is_no_pose(gso_object, tmp_path, content, words):
    gso_object(tmp_path / "mug")
    np.save(tmp_path / "mug/render_mvs_25/model/002.npy", content)
    with pytest.raises(DatasetError, match=words):
        open_dataset(tmp_path).read()


def test_damaged_images_are_named(gso_object, tmp_path):
    gso_object(tmp_path / "mug")
    path = tmp_path / "mug/render_mvs_25/model/000.png"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=r"000\.png cannot be read"):
        open_dataset(tmp_path).read()
    path.write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"000\.png is no image"):
        open_dataset(tmp_path).read()
    Image.new("RGB", (16, 16)).save(path)
    with pytest.raises(DatasetError, match="no alpha channel"):
        open_dataset(tmp_path).read()


def test_images_of_different_size_need_an_image_size(gso_object, tmp_path):
    gso_object(tmp_path / "mug")
    Image.new("RGBA", (20, 20)).save(tmp_path / "mug/render_mvs_25/model/001.png")
    with pytest.raises(DatasetError, match="differ in size"):
        open_dataset(tmp_path).read(image_size=None)
    assert open_dataset(tmp_path).read(image_size=32).images.shape == (3, 32, 32, 3)


@pytest.mark.skipif(not ELEPHANT.is_dir(), reason="the shared elephant is not here")
def test_elephant_is_read_as_the_authors_read_it():
    golden = np.load(GOLDEN)
    views = open_dataset(ELEPHANT).read()
    np.testing.assert_array_equal(views.images[0], golden["elephant_000_u8"])
    np.testing.assert_array_equal(views.images[11], golden["elephant_011_u8"])
    np.testing.assert_array_equal(views.camera_gl_from_world, golden["elephant_pose_6dof"])
