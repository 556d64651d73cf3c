# SPDX-License-Identifier: Apache-2.0
"""Where in its picture a position lies, as additional channels (CoordConv, Liu et al. 2018).

The published networks have to find that out from the zeros that pad their convolutions, which takes a small model
trained from nothing thousands of steps. A U-Net whose configuration takes four channels more than the latents have
gets x, y, x^2 + y^2 and 1, and so do reference tokens where its cross-attention takes four more than the image encoder
makes. Together with CaPE that is what the scores of a cross-attention layer need in order to compare a point on a
target's ray with the rays of a reference (``training/geometric_start.py``).
"""

from __future__ import annotations

import torch
from torch import Tensor

COORDINATE_CHANNELS = 4


def image_coordinates(height: int, width: int) -> Tensor:
    """[4, height, width] float32: x to the right and y upwards, -1 to 1 from edge to edge, x^2 + y^2, and 1."""
    x = (2 * torch.arange(width, dtype=torch.float32) + 1) / width - 1
    y = 1 - (2 * torch.arange(height, dtype=torch.float32) + 1) / height
    y, x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((x, y, x.square() + y.square(), torch.ones_like(x)))


def with_coordinates(maps: Tensor, channels: int) -> Tensor:
    """``maps`` [R, c, h, w], with the coordinates appended where the network takes ``c + 4`` channels."""
    if channels != maps.shape[1] + COORDINATE_CHANNELS:
        return maps
    coordinates = image_coordinates(*maps.shape[-2:]).to(maps)
    return torch.cat((maps, coordinates.expand(len(maps), -1, -1, -1)), dim=1)
