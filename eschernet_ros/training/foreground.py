# SPDX-License-Identifier: Apache-2.0
"""How much the object counts in the loss, and how much the white around it.

Most of a picture of one object is background, which a model learns in its first minutes. A plain mean makes it hedge at
outlines: where it is not sure whether the object is there, it fades to white. Weighting the object keeps its colour.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from eschernet_ros.model.autoencoder import Autoencoder
from eschernet_ros.model.pixel_blocks import PixelBlocks


def foreground_weights(images: Tensor, latent_size: tuple[int, int], autoencoder: Autoencoder, weight: float) -> Tensor:
    """Weights of the squared errors of latents, with a mean of 1 over the images.

    The object is what is not exactly white: training images are white outside the object.

    Args:
        images: [R, 3, H, W] in [-1, 1].
        latent_size: (h, w) of the latents.
        autoencoder: what made them. Latents of ``PixelBlocks`` are pixels, each of which has a weight of its own; for
            any other autoencoder a latent's weight is the mean over its part of the picture.
        weight: of the object, in units of the background's.

    Returns:
        [R, c, h, w], or [R, 1, h, w] where all channels of a latent have the same.
    """
    on_object = (images < 1).any(dim=1, keepdim=True)
    weights = images.new_ones(1) + (weight - 1) * on_object
    if isinstance(autoencoder, PixelBlocks):
        blocks = weights.expand(-1, images.shape[1], -1, -1)
        weights = functional.pixel_unshuffle(blocks, autoencoder.config["block_size"])
    else:
        weights = functional.adaptive_avg_pool2d(weights, latent_size)
    return weights / weights.mean()
