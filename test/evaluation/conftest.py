# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the evaluation tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ball_pictures import ball_image
from PIL import Image

from eschernet_ros.evaluation.engine import Job
from eschernet_ros.evaluation.protocol import Protocol
from eschernet_ros.evaluation.scene_fit import FitSettings
from eschernet_ros.geometry import look_at_origin


@pytest.fixture(scope="module")
def one_thread():
    """One thread of torch for the whole module."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def write_balls():
    """Function: (folder, names, views) -> writes a GSO30 collection of balls."""

    def write(folder: Path, names=("ball",), count: int = 6, size: int = 32) -> Path:
        for number, name in enumerate(names):
            model = folder / name / "render_mvs_25" / "model"
            model.mkdir(parents=True)
            for view in range(count):
                pose = look_at_origin(0.9 * view + 0.3 * number, 1.0 + 0.1 * view, 1.8).matrix
                Image.fromarray(ball_image(pose, size)).save(model / f"{view:03d}.png")
                np.save(model / f"{view:03d}.npy", pose[:3])
        return folder

    return write


@pytest.fixture
def job_of(tmp_path):
    """Function: (data set folder, changes) -> a quick job: 64 pixels, random weights, one step."""

    def make(folder: Path, **changes) -> Job:
        protocol = Protocol("tiny", "Tiny", "The first are references.", counts=(1, 2), fill_to=0, scored=(2, 5))
        fields = {
            "data_set": folder,
            "layout": None,
            "protocol": protocol,
            "checkpoint": "bundled-4dof",
            "cape": None,
            "methods": ("model", "nearest reference"),
            "output": tmp_path / "out",
            "steps": 1,
            "guidance_scale": 1.0,
            "lpips": False,
            "fit": FitSettings(grid=8, steps=2, samples=8),
        }
        return Job(**{**fields, **changes})

    return make
