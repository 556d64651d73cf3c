# SPDX-License-Identifier: Apache-2.0
"""Which methods are compared where nobody chose, and the Gaussian fit as one of them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from ball_pictures import ball_image
from torch_gaussians import torch_rasteriser

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import methods
from eschernet_ros.evaluation.evaluate import evaluate
from eschernet_ros.evaluation.gaussian_fit import GaussianSettings
from eschernet_ros.evaluation.scene_fit import FitSettings
from eschernet_ros.geometry import look_at_origin, stack_matrices


@pytest.fixture
def cuda_at_hand(monkeypatch):
    """The devices that gsplat was asked for; it runs on all of them."""
    asked = []
    monkeypatch.setattr(methods, "gsplat_rasteriser", lambda device: asked.append(device) or torch_rasteriser)
    return asked


def test_without_cuda_the_scene_fit_is_alone_and_that_is_said():
    chosen, left_out = methods.default_methods(["cpu"])
    assert chosen == ("model", "nearest reference", "two-view warp", "scene fit")
    assert left_out is not None
    assert left_out.startswith("The per-scene fit is the scene fit alone. The Gaussian fit needs a CUDA device")


def test_with_cuda_and_gsplat_both_fits_are_compared(cuda_at_hand):
    chosen, left_out = methods.default_methods(["cuda:0", "cuda:1", "cuda:0"])
    assert chosen[-2:] == ("scene fit", "gaussian fit")
    assert left_out is None
    assert cuda_at_hand == ["cuda:0", "cuda:1"]


def test_it_is_never_left_out_where_it_was_asked_for(job_of, write_balls, tmp_path):
    assert methods.parse_methods(["gaussian-fit", "model"]) == ("model", "gaussian fit")
    job = job_of(write_balls(tmp_path / "balls"), methods=("nearest reference", "gaussian fit"))
    with pytest.raises(EscherNetError, match="The Gaussian fit needs a CUDA device"):
        evaluate(job, ["ball"], 1, lambda words, finished: None)


def test_the_method_fits_on_the_device_of_the_scene_fit(cuda_at_hand, monkeypatch):
    monkeypatch.setattr(methods, "GaussianSettings", partial(GaussianSettings, gaussians=30, grid=8, steps=2))
    poses = stack_matrices(look_at_origin(azimuth, 1.2, 1.8) for azimuth in (0.0, 1.0, 2.0))
    rgba = np.stack([ball_image(pose, 16) for pose in poses])
    images, masks = np.where(rgba[..., 3:] > 0, rgba[..., :3], np.uint8(255)), rgba[..., 3] > 0
    given = methods.Given(images[:2], masks[:2], poses[:2], poses[2:], seed=0, fit=FitSettings(device="cpu"))
    assert methods.BASELINES["gaussian fit"](given).shape == (1, 16, 16, 3)
    assert cuda_at_hand == ["cpu"]
