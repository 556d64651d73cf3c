# SPDX-License-Identifier: Apache-2.0
"""The reader of Objaverse-style renders, and that it leaves GSO's alone."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest

from eschernet_ros.datasets import DatasetError, open_dataset


@pytest.fixture
def render_object(gso_object, tmp_path):
    """Function: (folder, number of views) -> writes renders straight into the folder; poses and RGBA images."""

    def write(folder, count=3, size=16):
        made = gso_object(tmp_path / "made", count, size)
        folder.mkdir(parents=True)
        for path in (tmp_path / "made" / "render_mvs_25" / "model").iterdir():
            path.rename(folder / path.name)
        shutil.rmtree(tmp_path / "made")
        return made

    return write


@pytest.mark.parametrize(("inside", "name"), [("set", "mug"), ("set/mug", "mug"), (".", "set/mug")])
def test_object_is_found_from_every_level(render_object, tmp_path, inside, name):
    poses, rgba = render_object(tmp_path / "set" / "mug")
    dataset = open_dataset(tmp_path / inside)
    assert (dataset.layout, dataset.objects) == ("objaverse", (name,))
    views = dataset.read(image_size=None)
    assert (views.name, views.layout, views.view_ids) == (name, "objaverse", (0, 1, 2))
    np.testing.assert_array_equal(views.camera_gl_from_world, poses)
    np.testing.assert_array_equal(views.images[:, :, 8:], rgba[:, :, 8:, :3])
    assert (views.images[:, :, :8] == 255).all()
    assert dataset.reader.view_ids(dataset.folders[name]) == (0, 1, 2)


def test_folder_inside_as_relative_path(render_object, tmp_path, monkeypatch):
    render_object(tmp_path / "mug")
    monkeypatch.chdir(tmp_path / "mug")
    assert open_dataset(".").objects == ("mug",)


def test_image_without_pose_is_left_out_with_a_word(render_object, tmp_path, caplog):
    poses, _ = render_object(tmp_path / "mug", 5)
    (tmp_path / "mug" / "001.npy").unlink()
    with caplog.at_level(logging.WARNING):
        views = open_dataset(tmp_path / "mug").read()
    assert views.view_ids == (0, 2, 3, 4)
    np.testing.assert_array_equal(views.camera_gl_from_world, poses[[0, 2, 3, 4]])
    assert "left out 1 images without a .npy" in caplog.text


def test_split_takes_the_first_and_scores_the_rest(render_object, tmp_path):
    render_object(tmp_path / "mug", 6)
    dataset = open_dataset(tmp_path)
    views = dataset.read()
    split = dataset.split(views, 2)
    assert split.reference_ids == (0, 1)
    assert split.targets == "views"
    assert split.target_ids == split.scored_ids == (2, 3, 4, 5)
    assert "no published evaluation" in split.rule
    with pytest.raises(DatasetError, match="6 views; 6 references"):
        dataset.split(views, 6)


@pytest.mark.parametrize("rendering", ["render_mvs_25", "render_sync_36_single", "render_spiral_100"])
@pytest.mark.parametrize("inside", [".", "mug", "mug/{}", "mug/{}/model"])
def test_gso_renders_are_never_taken_for_objaverse(gso_object, tmp_path, rendering, inside):
    gso_object(tmp_path / "mug")
    folder = tmp_path / "mug" / rendering
    if rendering != "render_mvs_25":
        (tmp_path / "mug" / "render_mvs_25").rename(folder)
    inside = tmp_path / inside.format(rendering)
    layouts = {"render_mvs_25": "gso30", "render_sync_36_single": "gso3d", "render_spiral_100": "gso100"}
    assert open_dataset(inside).layout == layouts[rendering]


def test_both_layouts_in_one_folder_need_a_word(gso_object, render_object, tmp_path):
    render_object(tmp_path / "set" / "bear")
    gso_object(tmp_path / "set" / "mug")
    with pytest.raises(DatasetError, match="more than one layout: gso30, objaverse"):
        open_dataset(tmp_path / "set")
    assert open_dataset(tmp_path / "set", "objaverse").objects == ("bear",)


def test_damaged_pose_is_named(render_object, tmp_path):
    render_object(tmp_path / "mug")
    path = tmp_path / "mug" / "002.npy"
    path.write_bytes(path.read_bytes()[:70])
    with pytest.raises(DatasetError, match=r"002\.npy cannot be read"):
        open_dataset(tmp_path).read()
    with path.open("wb") as file:
        np.savez(file, pose=np.eye(4)[:3])
    with pytest.raises(DatasetError, match=r"002\.npy is an archive"):
        open_dataset(tmp_path).read()
    path.write_bytes(path.read_bytes()[:70])
    with pytest.raises(DatasetError, match=r"002\.npy cannot be read"):
        open_dataset(tmp_path).read()
