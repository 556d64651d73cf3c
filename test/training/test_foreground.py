# SPDX-License-Identifier: Apache-2.0
"""Weights of the object and of the background in the loss."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderDC
from torch.nn import functional
from training_runs import AUTOENCODER, losses

from eschernet_ros.model.autoencoder import build_autoencoder
from eschernet_ros.training.foreground import foreground_weights

BLOCKS = {"_class_name": "PixelBlocks", "block_size": 4, "latent_channels": 48, "scaling_factor": 1.0}


def pictures() -> torch.Tensor:
    """Two white 8 px pictures; the first with an object of 2x3 px, one of which is nearly white."""
    images = torch.ones(2, 3, 8, 8)
    images[0, :, 2:4, 1:4] = -1.0
    images[0, :, 2, 1] = torch.tensor([1.0, 1.0, 127 / 128])
    return images


def test_pixels_have_weights_of_their_own() -> None:
    """Six pixels of 128 count four times, each in its own place of its block; the mean is one."""
    weights = foreground_weights(pictures(), (2, 2), build_autoencoder(BLOCKS), 4.0)
    assert weights.shape == (2, 48, 2, 2)
    mean = (122 + 6 * 4) / 128
    found = functional.pixel_shuffle(weights, 4)
    on_object = torch.zeros(2, 3, 8, 8, dtype=torch.bool)
    on_object[0, :, 2:4, 1:4] = True
    torch.testing.assert_close(found, torch.where(on_object, 4.0 / mean, 1.0 / mean))
    assert float(weights.mean()) == pytest.approx(1.0)


def test_latents_that_are_no_pixels_share_the_weight_of_their_part() -> None:
    """[R, 1, h, w]: the mean over each part of the picture."""
    weights = foreground_weights(pictures(), (2, 2), AutoencoderDC.from_config(AUTOENCODER), 4.0)
    parts = torch.tensor([1 + 3 * 6 / 16, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]).reshape(2, 1, 2, 2)
    torch.testing.assert_close(weights, parts / parts.mean())


def test_the_setting_weighs_the_loss(run, tmp_path) -> None:
    """On objects in front of white the losses are others from the first step on."""
    for name, weight in (("plain", 1.0), ("weighted", 6.0)):
        run(name, foreground_weight=weight, steps=2, log_every=1)
    plain, weighted = losses(tmp_path / "plain"), losses(tmp_path / "weighted")
    assert plain.keys() == weighted.keys() == {1, 2}
    assert all(abs(plain[step] - weighted[step]) > 1e-6 for step in plain)
