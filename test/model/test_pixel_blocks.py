# SPDX-License-Identifier: Apache-2.0
"""Blocks of pixels in place of an autoencoder, and a checkpoint that has them and takes coordinates."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from training_runs import IMAGE_ENCODER, UNET, ZERO_TERMINAL_SNR

from eschernet_ros.errors import EscherNetError
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.model.autoencoder import build_autoencoder, encode, pixels_per_latent
from eschernet_ros.model.checkpoint import Checkpoint
from eschernet_ros.model.pixel_blocks import PixelBlocks
from eschernet_ros.training.networks import starting_checkpoint
from eschernet_ros.training.settings import TrainingSettings

BLOCKS = {"_class_name": "PixelBlocks", "block_size": 4, "latent_channels": 48, "scaling_factor": 2.0}


def checkpoint() -> Checkpoint:
    """Random networks that make 16 px images of 4x4 blocks."""
    networks = {
        "unet": {**UNET, "in_channels": 52, "out_channels": 48, "cross_attention_dim": 20},
        "image_encoder": IMAGE_ENCODER,
        "scheduler": ZERO_TERMINAL_SNR,
        "autoencoder": BLOCKS,
    }
    start = starting_checkpoint(TrainingSettings(networks=networks))
    torch.nn.init.normal_(start.unet.conv_out.weight, std=0.1)
    return start


def test_nothing_is_lost() -> None:
    """Decoding is the inverse of encoding; white is zero."""
    blocks = build_autoencoder(BLOCKS)
    assert isinstance(blocks, PixelBlocks) and pixels_per_latent(blocks) == 4
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    latents, spread = encode(blocks, images)
    assert latents.shape == (2, 48, 4, 4) and not spread.any()
    torch.testing.assert_close(blocks.decode(latents / 2).sample, images)
    assert not encode(blocks, torch.ones(1, 3, 16, 16))[0].any()


def test_a_latent_is_a_block() -> None:
    """The values of the block at its place, and no others."""
    images = torch.ones(1, 3, 16, 16)
    images[..., 4:8, 8:12] = -1.0
    latents, _ = encode(build_autoencoder(BLOCKS), images)
    assert (latents[0, :, 1, 2] == -4.0).all()
    latents[0, :, 1, 2] = 0.0
    assert not latents.any()


def test_channels_that_do_not_fit_the_block_are_refused() -> None:
    """48 values in a block of 4 px."""
    with pytest.raises(ValueError, match="latent_channels is 12; blocks of 4 px have 48"):
        PixelBlocks(block_size=4, latent_channels=12)


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Same pictures before and after, and the image size is the blocks'."""
    made = checkpoint()
    before = EscherNetPipeline(made)
    before.save_pretrained(tmp_path)
    after = EscherNetPipeline.from_pretrained(tmp_path)
    assert isinstance(after.checkpoint.vae, PixelBlocks)
    assert after.image_size == 16 and after.latent_shape == (48, 4, 4)
    poses = np.tile(np.eye(4), (2, 1, 1))
    poses[:, 2, 3] = -1.8
    images = np.full((2, 16, 16, 3), 200, np.uint8)
    views = [pipeline(images, poses, poses, steps=1, guidance_scale=1.0) for pipeline in (before, after)]
    assert views[0].shape == (2, 16, 16, 3)
    np.testing.assert_array_equal(*views)


def test_networks_of_another_width_are_refused() -> None:
    """Latents with coordinates or without, nothing else."""
    made = checkpoint()
    other = build_autoencoder({**BLOCKS, "block_size": 2, "latent_channels": 12})
    with pytest.raises(EscherNetError, match="latents have 12 channels, the U-Net takes 52"):
        dataclasses.replace(made, vae=other)
