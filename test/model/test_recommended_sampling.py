# SPDX-License-Identifier: Apache-2.0
"""The number of steps and the guidance that a checkpoint recommends."""

from __future__ import annotations

import dataclasses
import json
import shutil

import golden_set
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.model import EscherNetPipeline, load_checkpoint, save_checkpoint


@pytest.fixture
def folder(tmp_path, golden_folder):
    """A copy of a checkpoint that recommends nothing."""
    return shutil.copytree(golden_folder("6dof"), tmp_path / "copy")


def test_recommended_sampling_is_kept_and_is_the_published_one_otherwise(folder, tmp_path):
    checkpoint = load_checkpoint(folder)
    assert checkpoint.sampling is None
    assert EscherNetPipeline(checkpoint).sampling == (50, 3.0)
    save_checkpoint(dataclasses.replace(checkpoint, sampling={"steps": 5, "guidance_scale": 1.0}), tmp_path / "written")
    assert EscherNetPipeline.from_pretrained(tmp_path / "written").sampling == (5, 1.0)
    assert golden_set.checksum(load_checkpoint(tmp_path / "written").unet) == golden_set.checksum(checkpoint.unet)


def test_how_many_targets_belong_together_is_kept(folder, tmp_path):
    sampling = {"steps": 5, "guidance_scale": 1.0, "targets_together": 6}
    save_checkpoint(dataclasses.replace(load_checkpoint(folder), sampling=sampling), tmp_path / "written")
    pipeline = EscherNetPipeline.from_pretrained(tmp_path / "written")
    assert (pipeline.sampling, pipeline.targets_together) == ((5, 1.0), 6)


@pytest.mark.parametrize("value", [0, 2.5, "all", True])
def test_no_group_of_targets_is_refused(folder, value):
    path = folder / "model_index.json"
    index = json.loads(path.read_text())
    index["eschernet_ros"]["sampling"] = {"steps": 5, "guidance_scale": 1.0, "targets_together": value}
    path.write_text(json.dumps(index))
    with pytest.raises(EscherNetError, match=r"model_index\.json: 'targets_together' must be 1 or more, not "):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "value",
    [
        5,
        {"steps": 5},
        {"steps": "five", "guidance_scale": 1},
        {"steps": 5, "guidance_scale": None},
        {"steps": 0, "guidance_scale": 1},
        {"steps": 5, "guidance_scale": -1},
    ],
)
def test_a_recommendation_that_says_nothing_is_refused(folder, value):
    path = folder / "model_index.json"
    index = json.loads(path.read_text())
    index["eschernet_ros"]["sampling"] = value
    path.write_text(json.dumps(index))
    with pytest.raises(EscherNetError, match=r"model_index\.json: 'sampling' must hold steps .* not "):
        load_checkpoint(folder)
