# SPDX-License-Identifier: Apache-2.0
"""MVDream and Text2Img: pictures whose poses are known by agreement only."""

from __future__ import annotations

import numpy as np
import pytest
from foreign_scenes import look, save

from eschernet_ros.dataset_tools.numbering import dataset_files
from eschernet_ros.datasets import DatasetError, open_dataset
from eschernet_ros.datasets.recording_head import read_head


def rgba(seed: int) -> np.ndarray:
    """An RGBA picture with a hole."""
    picture = np.random.default_rng(seed).integers(0, 255, (8, 8, 4), dtype=np.uint8)
    picture[..., 3] = 255
    picture[:3, :3, 3] = 0
    return picture


@pytest.fixture
def mvdream(tmp_path):
    for number in range(4):
        save(tmp_path / "set" / "owl" / f"{number}_rgba.png", rgba(number))
    return tmp_path / "set" / "owl"


def test_mvdream_poses_are_the_published_ones(mvdream):
    dataset = open_dataset(mvdream.parent)
    assert (dataset.layout, dataset.objects) == ("mvdream", ("owl",))
    assert open_dataset(mvdream).objects == ("owl",)
    views = dataset.read(image_size=None)
    assert views.view_ids == (0, 1, 2, 3) == dataset.reader.view_ids(mvdream)
    expected = [look(1.5 * np.array(direction)) for direction in ([1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0])]
    np.testing.assert_allclose(views.camera_gl_from_world, np.linalg.inv(expected), atol=1e-12)
    np.testing.assert_array_equal(views.images[2][4:], rgba(2)[4:, :, :3])
    assert views.cameras is None
    split = dataset.split(views, 4)
    assert (split.reference_ids, split.targets, split.target_ids) == ((0, 1, 2, 3), "spiral", ())
    with pytest.raises(DatasetError, match="4 views; 5 references"):
        dataset.split(views, 5)


def test_missing_view_of_mvdream_is_named(mvdream):
    (mvdream / "2_rgba.png").unlink()
    with pytest.raises(DatasetError, match=r"owl lacks 2_rgba\.png"):
        open_dataset(mvdream).read()


def test_every_picture_of_text2img_is_an_object(tmp_path):
    save(tmp_path / "a red car_rgba.png", rgba(1))
    save(tmp_path / "owlrgba.png", rgba(2))
    save(tmp_path / "owl.png", rgba(3))
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, dataset.objects) == ("text2img", ("a red car", "owl"))
    views = dataset.read("owl", image_size=None)
    np.testing.assert_allclose(views.camera_gl_from_world, np.linalg.inv([look([1.5, 0.0, 0.0])]), atol=1e-12)
    np.testing.assert_array_equal(views.images[0][4:], rgba(2)[4:, :, :3])
    np.testing.assert_array_equal(views.masks[0], rgba(2)[..., 3] == 255)
    assert dataset.reader.view_ids(dataset.folders["owl"]) == views.view_ids == (0,)
    assert [path.name for path in dataset_files(dataset.folders["owl"])] == ["owlrgba.png"]
    assert read_head(dataset.folders["owl"]) is None
    split = dataset.split(views, 1)
    assert (split.reference_ids, split.targets) == ((0,), "spiral")
    save(tmp_path / "owl_rgba.png", rgba(4))
    assert open_dataset(tmp_path).objects == ("a red car_rgba", "owl_rgba", "owlrgba")


def test_picture_without_alpha_is_refused(tmp_path):
    save(tmp_path / "owl_rgba.png", rgba(1)[..., :3])
    with pytest.raises(DatasetError, match=r"owl_rgba\.png has no alpha channel"):
        open_dataset(tmp_path).read()
