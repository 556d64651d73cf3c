# SPDX-License-Identifier: Apache-2.0
"""The autoencoder between images and latents: Stable Diffusion's, the deep compression one, or blocks of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from eschernet_ros.model.pixel_blocks import PixelBlocks

Autoencoder = AutoencoderKL | AutoencoderDC | PixelBlocks

_KINDS: dict[str, type[Autoencoder]] = {kind.__name__: kind for kind in (AutoencoderKL, AutoencoderDC, PixelBlocks)}


def build_autoencoder(config: Mapping[str, Any]) -> Autoencoder:
    """The network of a ``config.json``, by its ``_class_name``; ``AutoencoderKL`` where that is another or absent."""
    network: Autoencoder = _KINDS.get(config.get("_class_name", ""), AutoencoderKL).from_config(dict(config))
    return network


def pixels_per_latent(network: Autoencoder) -> int:
    """How many pixels of a side become one latent."""
    if isinstance(network, PixelBlocks):
        return int(network.config["block_size"])
    key = "block_out_channels" if isinstance(network, AutoencoderKL) else "encoder_block_out_channels"
    return 2 ** (len(network.config[key]) - 1)


def encode(network: Autoencoder, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [R, c, h, w] of the scaled latents of images [R, 3, H, H] in [-1, 1], in float32.

    Only Stable Diffusion's autoencoder has a standard deviation; the others' is zero.
    """
    scale = network.config["scaling_factor"]
    if isinstance(network, AutoencoderKL):
        posterior = network.encode(images).latent_dist
        return posterior.mean.float() * scale, posterior.std.float() * scale
    latents = network.encode(images).latent.float() * scale
    return latents, torch.zeros_like(latents)
