# SPDX-License-Identifier: Apache-2.0
"""In place of an autoencoder: latents that are the pixels themselves, block by block.

A small model of small pictures can do without a learned autoencoder: its loss is then the squared error of the
pixels, nothing is lost on the way, and white, the background, is zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor
from torch.nn import functional


@dataclass
class Encoded:
    """What ``encode`` returns."""

    latent: Tensor


@dataclass
class Decoded:
    """What ``decode`` returns."""

    sample: Tensor


class PixelBlocks(ModelMixin, ConfigMixin):  # type: ignore[misc]  # as diffusers' own models
    """Blocks of ``block_size`` squared pixels to one latent of their values, and back; nothing of it is trained.

    Args:
        block_size: pixels of a block's side.
        latent_channels: values of a block, 3 ``block_size`` squared.
        scaling_factor: brings latents to about unit size; ``encode`` of ``model/autoencoder.py`` applies it.
    """

    @register_to_config
    def __init__(self, block_size: int = 8, latent_channels: int = 192, scaling_factor: float = 1.6):
        super().__init__()
        # the only thing to store; it also tells the device and the floating point type, as weights do
        self.register_buffer("background", torch.ones(3, 1, 1))
        if latent_channels != 3 * block_size**2:
            raise ValueError(
                f"latent_channels is {latent_channels}; blocks of {block_size} px have {3 * block_size**2}"
            )

    def encode(self, images: Tensor) -> Encoded:
        """Images [R, 3, H, W] in [-1, 1] to latents [R, 3 b^2, H / b, W / b]; white is zero."""
        return Encoded(functional.pixel_unshuffle(images - self.background, self.config["block_size"]))

    def decode(self, latents: Tensor) -> Decoded:
        """The inverse of ``encode``."""
        return Decoded(functional.pixel_shuffle(latents, self.config["block_size"]) + self.background)
