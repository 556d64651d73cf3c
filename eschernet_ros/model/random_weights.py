# SPDX-License-Identifier: Apache-2.0
"""A small checkpoint with random weights, 64x64 images: it makes the whole chain run in seconds and shows nothing."""

from __future__ import annotations

import math

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from transformers import ConvNextV2Config, ConvNextV2Model

from eschernet_ros.model.checkpoint import Checkpoint

SEED = 20240206
NOTICE = (
    "This is the tiny bundled checkpoint with random, untrained weights: the chain is real, the pictures show "
    "nothing. Load a trained checkpoint for real views."
)
DDPM_CONFIG = {
    "_class_name": "DDPMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "clip_sample": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
}


def _draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Fill a network with numbers that keep signals at unit size, so that nothing overflows."""
    state = network.state_dict()
    for key, value in sorted(state.items()):
        # float64 draws do not depend on the CPU's vector units
        draw = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        if value.ndim >= 2:
            fan_in = math.prod(value.shape[1:]) if ".grn." not in key else 25
            state[key] = (draw / math.sqrt(fan_in)).float()
        else:
            state[key] = ((1.0 if key.endswith(".weight") else 0.0) + 0.05 * draw).float()
    network.load_state_dict(state)


def random_checkpoint(cape: str) -> Checkpoint:
    """The checkpoint for ``"6dof"`` or ``"4dof"``: one architecture, weights of their own, the same at every call."""
    checkpoint = Checkpoint(
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(16, 32, 32),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=64,
            attention_head_dim=4,
            norm_num_groups=8,
        ),
        vae=AutoencoderKL(
            block_out_channels=(8, 16, 16, 32),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=8,
            sample_size=64,
            scaling_factor=0.18215,
        ),
        image_encoder=ConvNextV2Model(
            ConvNextV2Config(hidden_sizes=[8, 16, 32, 64], depths=[1, 1, 1, 1], image_size=128)
        ),
        scheduler_config=DDPM_CONFIG,
        cape=cape,
        trained=False,
        notice=NOTICE,
    )
    generator = torch.Generator("cpu").manual_seed(SEED + int(cape[0]))
    for network in (checkpoint.unet, checkpoint.vae, checkpoint.image_encoder):
        _draw_weights(network, generator)
    return checkpoint
