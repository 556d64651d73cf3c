# SPDX-License-Identifier: Apache-2.0
"""Reference encoder: ConvNeXtV2 tokens in place of Stable Diffusion's text tokens (EscherNet, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers import ConvNextV2Model

from eschernet_ros.model.coordinates import with_coordinates

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def preprocess(images: Tensor, size: int = 224) -> Tensor:
    """Resize and normalise images for the encoder.

    Bicubic without anti-aliasing and not clamped, as the published weights were trained; then ImageNet's mean and
    standard deviation.

    Args:
        images: [N, 3, H, W] float in [-1, 1].
        size: side of the encoder's input in pixels.

    Returns:
        [N, 3, size, size], at least float32.
    """
    unit = images.to(torch.promote_types(images.dtype, torch.float32)) * 0.5 + 0.5
    resized = functional.interpolate(unit, (size, size), mode="bicubic", align_corners=False, antialias=False)
    mean = resized.new_tensor(IMAGENET_MEAN)[:, None, None]
    std = resized.new_tensor(IMAGENET_STD)[:, None, None]
    return (resized - mean) / std


def reference_tokens(encoder: ConvNextV2Model, images: Tensor, width: int | None = None) -> Tensor:
    """Tokens [N, L, C] of reference images [N, 3, H, W] in [-1, 1].

    The last feature map before pooling, row by row, each position passed through the final LayerNorm. L is
    (encoder size / 32) squared: 49 at the published 224 px. The encoder's size is ``image_size`` of its configuration.
    ``width`` is that of the U-Net's cross-attention, which says whether coordinates are appended; None: they are not.
    """
    size = encoder.config.image_size
    pixels = preprocess(images, size if isinstance(size, int) else size[0]).to(encoder.dtype)
    feature_map = encoder(pixels).last_hidden_state
    normalised = encoder.layernorm(feature_map.movedim(1, -1)).movedim(-1, 1)
    return with_coordinates(normalised, width or normalised.shape[1]).flatten(2).transpose(1, 2)
