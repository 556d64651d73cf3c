# SPDX-License-Identifier: Apache-2.0
"""GSO with the 36 targets around the object and with the spiral of 100: their axes, their number, their references."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from foreign_scenes import FLIP, look, save

from eschernet_ros.datasets import DatasetError, open_dataset


def write_renders(folder: Path, world_from_camera: list[np.ndarray], opencv: bool, seed: int) -> np.ndarray:
    """RGBA renders with 3x4 world-to-camera files in OpenCV or OpenGL axes; returns the pictures."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 255, (len(world_from_camera), 6, 6, 4), dtype=np.uint8)
    pictures[..., 3] = 255
    pictures[:, :2, :, 3] = 0
    for number, (pose, picture) in enumerate(zip(world_from_camera, pictures, strict=True)):
        save(folder / f"{number:03d}.png", picture)
        inverse = np.linalg.inv(pose)
        np.save(folder / f"{number:03d}.npy", (FLIP @ inverse if opencv else inverse)[:3])
    return pictures


def sync_36() -> list[np.ndarray]:
    """Azimuth every 30 degrees at elevations of -30, 0 and 30 degrees, distance 1.5, from the description."""
    return [
        look(1.5 * np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)]))
        for e in np.radians([-30, 0, 30])
        for a in np.radians(range(0, 360, 30))
    ]


def spiral() -> list[np.ndarray]:
    """The published spiral from its formula, with the rows of world-to-camera written out."""
    poses = []
    for n in range(100):
        i = 0.01 + 0.4 * n
        th, phi, r = math.pi * i / 40, -i, 1.5
        z = np.array([math.sin(th) * math.cos(phi), math.sin(th) * math.sin(phi), math.cos(th)])
        pose = np.eye(4)
        pose[0, :3] = [-math.sin(phi), math.cos(phi), 0.0]
        pose[1, :3] = [-math.cos(th) * math.cos(phi), -math.cos(th) * math.sin(phi), math.sin(th)]
        pose[2, :3] = z
        pose[2, 3] = -r
        poses.append(np.linalg.inv(pose))
    return poses


LAYOUTS = [("gso3d", "render_sync_36_single", sync_36), ("gso100", "render_spiral_100", spiral)]


@pytest.fixture(params=LAYOUTS, ids=[name for name, _, _ in LAYOUTS])
def target_object(request, tmp_path):
    layout, renders, poses = request.param
    truth = poses()
    pictures = write_renders(tmp_path / "set" / "mug" / renders / "model", truth, True, 1)
    return layout, tmp_path / "set" / "mug" / renders, truth, pictures


@pytest.mark.parametrize("inside", ["", "..", "../..", "model"])
def test_targets_alone_are_found_from_every_level(target_object, inside):
    layout, folder, truth, pictures = target_object
    dataset = open_dataset(folder / inside)
    assert (dataset.layout, dataset.objects) == (layout, ("mug",))
    views = dataset.read(image_size=None)
    assert views.view_ids == tuple(range(1000, 1000 + len(truth))) == dataset.reader.view_ids(dataset.folders["mug"])
    np.testing.assert_allclose(views.camera_gl_from_world, np.linalg.inv(truth), atol=1e-12)
    np.testing.assert_array_equal(views.images[:, 2:], pictures[:, 2:, :, :3])
    assert (views.images[:, :2] == 255).all()
    np.testing.assert_array_equal(views.masks, pictures[..., 3] == 255)
    assert "OpenCV axes" in views.pose_source
    with pytest.raises(DatasetError, match="0 views in render_mvs_25/model; 1 references"):
        dataset.split(views, 1)


def test_references_come_from_the_25_renders_in_their_own_axes(target_object):
    layout, folder, truth, _ = target_object
    references = [look([1.8 * math.cos(0.3 * n), 1.8 * math.sin(0.3 * n), 0.5]) for n in range(25)]
    write_renders(folder.parent / "render_mvs_25" / "model", references, False, 2)
    assert open_dataset(folder.parent).layout == "gso30"
    dataset = open_dataset(folder.parent, layout)
    views = dataset.read(image_size=8)
    np.testing.assert_allclose(views.camera_gl_from_world, np.linalg.inv([*references, *truth]), atol=1e-12)
    split = dataset.split(views, 3)
    assert split.reference_ids == (0, 1, 2)
    assert split.target_ids == split.scored_ids == tuple(range(1000, 1000 + len(truth)))
    assert f"{len(truth)} others are targets" in split.rule
    assert (views.cameras[0].width, views.cameras[-1].fx) == (8, pytest.approx(8 * 280 / 256))
    assert "CC BY 4.0" in views.licence


def test_missing_target_is_named(target_object):
    _, folder, truth, _ = target_object
    last = len(truth) - 1
    for number in (7, last):
        (folder / "model" / f"{number:03d}.png").unlink()
    with pytest.raises(DatasetError, match=rf"model lacks 007\.png, {last:03d}\.png; restore"):
        open_dataset(folder.parent).read()


def test_missing_and_damaged_poses_are_named(target_object):
    _, folder, _, _ = target_object
    pose = folder / "model" / "005.npy"
    pose.write_bytes(pose.read_bytes()[:50])
    with pytest.raises(DatasetError, match=r"005\.npy cannot be read"):
        open_dataset(folder.parent).read()
    pose.unlink()
    with pytest.raises(DatasetError, match=r"005\.png has no pose"):
        open_dataset(folder.parent).read()


def test_gap_in_the_25_renders_is_named(gso_object, tmp_path):
    gso_object(tmp_path / "mug", 5)
    (tmp_path / "mug" / "render_mvs_25" / "model" / "003.png").unlink()
    with pytest.raises(DatasetError, match=r"lacks 003\.png"):
        open_dataset(tmp_path).read()
    shutil.rmtree(tmp_path / "mug" / "render_mvs_25")
    with pytest.raises(DatasetError, match="not a known data set"):
        open_dataset(tmp_path)
