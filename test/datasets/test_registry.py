# SPDX-License-Identifier: Apache-2.0
"""Finding out the layout of a folder, and what all readers share."""

from __future__ import annotations

import numpy as np
import pytest

from eschernet_ros.datasets import (
    READERS,
    DatasetError,
    Franka16Writer,
    PosedImages,
    format_ids,
    layouts,
    open_dataset,
    random_ids,
    spread_ids,
)
from eschernet_ros.geometry import PinholeCamera, look_at_origin, model_camera


@pytest.fixture
def franka_folder(record_of, image_of, upright, tmp_path):
    with Franka16Writer(tmp_path / "franka" / "mug") as writer:
        for number in range(8):
            image, mask = image_of(number)
            writer.add(image, record_of(upright(0.7 * number, 1.2, 1.8)), mask)
    return tmp_path / "franka" / "mug"


def test_layouts_are_listed():
    known = "colmap franka16 gso100 gso30 gso3d mvdream nerf-synthetic nerfstudio objaverse rtmv text2img"
    assert sorted(layouts()) == sorted(READERS) == known.split()
    assert all(layouts().values())


def test_layout_is_detected(franka_folder, gso_object, tmp_path):
    gso_object(tmp_path / "gso" / "bear")
    assert open_dataset(franka_folder).layout == "franka16"
    assert open_dataset(franka_folder.parent).objects == ("mug",)
    assert open_dataset(tmp_path / "gso").layout == "gso30"
    assert open_dataset(str(tmp_path / "gso"), "gso30").objects == ("bear",)


def test_two_layouts_in_one_folder_need_a_word(franka_folder, gso_object):
    gso_object(franka_folder.parent / "bear")
    with pytest.raises(DatasetError, match="more than one layout: franka16, gso30"):
        open_dataset(franka_folder.parent)
    assert open_dataset(franka_folder.parent, "gso30").objects == ("bear",)


def test_folder_of_no_layout_says_what_was_looked_for(tmp_path, franka_folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"angles\.npy beside images_rgba.*render_mvs_25/model"):
        open_dataset(tmp_path / "empty")
    with pytest.raises(DatasetError, match="is not of the layout 'gso30'"):
        open_dataset(franka_folder, "gso30")
    with pytest.raises(DatasetError, match="no layout 'gso'; the known ones are franka16, gso30"):
        open_dataset(franka_folder, "gso")
    with pytest.raises(DatasetError, match="does not exist"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="is a file"):
        open_dataset(franka_folder / "angles.npy")


@pytest.mark.parametrize(
    ("angles", "words"),
    [
        (np.zeros((8, 3)), r"holds float64 \[8, 3\]"),
        (np.zeros((7, 2)), "8 images but 7 rows .* restore the missing files"),
        (np.full((8, 2), 45.0), "degrees"),
        (np.full((8, 2), np.nan), "not finite"),
    ],
)
def test_angles_that_do_not_fit(franka_folder, angles, words):
    (franka_folder / "recording.json").unlink()
    np.save(franka_folder / "angles.npy", angles)
    with pytest.raises(DatasetError, match=words):
        open_dataset(franka_folder).read()


def test_random_references_depend_on_the_seed_only(franka_folder):
    dataset = open_dataset(franka_folder)
    views = dataset.read()
    split = dataset.split(views, 5, seed=3)
    assert split.targets == "spiral"
    assert split.target_ids == split.scored_ids == ()
    assert split.reference_ids == random_ids(views, 5, 3)
    assert len(set(split.reference_ids)) == 5
    assert list(split.reference_ids) == sorted(split.reference_ids)
    assert {random_ids(views, 5, seed) for seed in range(8)} != {split.reference_ids}
    with pytest.raises(DatasetError, match="8 views; 9 references"):
        random_ids(views, 9, 0)


def test_spread_references_face_different_ways():
    poses = [look_at_origin(azimuth, 1.2, 1.8).matrix for azimuth in (0.0, 0.1, 0.2, 2.1, 2.2, 4.2)]
    views = PosedImages(
        name="ring",
        layout="franka16",
        view_ids=(2, 3, 5, 8, 9, 11),
        images=np.zeros((6, 4, 4, 3), np.uint8),
        masks=None,
        camera_gl_from_world=np.array(poses),
        pose_source="made up",
    )
    assert spread_ids(views, 1) == (2,)
    assert spread_ids(views, 3) in ((2, 8, 11), (2, 9, 11))
    with pytest.raises(DatasetError, match="6 views; 0 references"):
        spread_ids(views, 0)


def test_views_by_id():
    views = PosedImages(
        name="mug",
        layout="gso30",
        view_ids=(1, 2, 3, 7),
        images=np.zeros((4, 4, 4, 3), np.uint8),
        masks=None,
        camera_gl_from_world=np.tile(np.eye(4), (4, 1, 1)),
        pose_source="made up",
    )
    assert views.positions([7, 1]) == [3, 0]
    assert len(views.poses) == len(views) == 4
    with pytest.raises(DatasetError, match=r"no view 4, 9; its views are 1\.\.3, 7"):
        views.positions([4, 1, 9])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": np.zeros((2, 4, 4, 3))}, "images must be uint8"),
        ({"images": np.zeros((3, 4, 4, 3), np.uint8)}, "do not belong together"),
        ({"camera_gl_from_world": np.zeros((2, 3, 4))}, "do not belong together"),
        ({"masks": np.zeros((2, 4, 5), bool)}, "masks must be bool"),
        ({"view_ids": (1, 0)}, "must ascend"),
        ({"cameras": (model_camera(4),)}, "1 cameras do not fit 2 views"),
        ({"cameras": (model_camera(4), model_camera(5))}, "image of view 1 is 4x4, its camera 5x5"),
        ({"subsets": {"train": (0,), "test": (1, 2, 3)}}, r"its part 'test' names views it has not: 2\.\.3"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(changes, words):
    fields = {
        "name": "mug",
        "layout": "gso30",
        "view_ids": (0, 1),
        "images": np.zeros((2, 4, 4, 3), np.uint8),
        "masks": None,
        "camera_gl_from_world": np.tile(np.eye(4), (2, 1, 1)),
        "pose_source": "made up",
    }
    with pytest.raises(DatasetError, match=words):
        PosedImages(**{**fields, **changes})


def test_intrinsics_of_renders_and_of_their_resized_images(gso_object, tmp_path):
    gso_object(tmp_path / "mug", size=16)
    full = open_dataset(tmp_path).read(image_size=None).cameras
    assert full == (model_camera(16),) * 3
    assert open_dataset(tmp_path).read(image_size=8).cameras == (model_camera(8),) * 3
    camera = PinholeCamera(40, 20, 30.0, 31.0, 18.5, 9.0, (0.1, -0.2, 0.0, 0.0))
    half = camera.resized(20, 10)
    point = np.array([[0.2, -0.1, 1.5]])
    np.testing.assert_allclose(half.project(point) + 0.5, (camera.project(point) + 0.5) / 2)
    squashed = camera.resized(10, 20)
    np.testing.assert_allclose(squashed.project(point) + 0.5, (camera.project(point) + 0.5) * (0.25, 1.0))


@pytest.mark.parametrize(("ids", "text"), [((), "none"), ((3,), "3"), ((0, 1, 2, 4, 6, 7), "0..2, 4, 6..7")])
def test_ids_as_text(ids, text):
    assert format_ids(ids) == text
