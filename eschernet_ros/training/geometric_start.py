# SPDX-License-Identifier: Apache-2.0
"""Starts the attention of a small 6DoF model where geometry says that it should look.

CaPE makes the score of a query q and a key k (blocks of 4 channels) k . (P_key P_query^-1 q): the query is a
homogeneous point in the target camera, the key a plane in the reference camera. With

    q = (x d, y d, -d, 1)              the point at depth d on the ray of the target's position (x, y)
    k = (2 x', 2 y', x'^2 + y'^2, 0)   of the reference's position (x', y')

the score is minus the squared distance, in the reference picture, between (x', y') and where that point is seen, times
its depth and up to a constant of the query: softmax makes it a Gaussian window around the point's projection.
Every head gets a depth of its own, so that a layer begins as a plane sweep over the references. A second block prefers
references that look from where the target looks: q = (0, 0, 0, 1) is the target's place, k = (0, 0, 1, 0) minus
its depth there.

Layers are usually initialised with scores an order of magnitude smaller, and weights move by little more than the
learning rate in a step, so a small model comes to such windows late. Query and key weights are set by least squares on
the coordinates that arrive at every layer; everything remains to be trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import cast

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from eschernet_ros.errors import EscherNetError
from eschernet_ros.model.coordinates import COORDINATE_CHANNELS, image_coordinates
from eschernet_ros.model.encoder import reference_tokens
from eschernet_ros.training.batches import Batch
from eschernet_ros.training.networks import TrainedNetworks

Layer = nn.Linear | nn.Conv2d

HALF_WIDTH = 128 / 280
"""Of the model's picture at depth 1 (f = 280 px at 256 px)."""

DEPTHS = (1.1, 2.4)
"""Nearest and farthest depth of a head, in longest sides of the object, for stand-offs of 1.5 to 2.2."""

WINDOW = 1.0
"""Standard deviation of a head's window, in keys."""

NEARNESS = 5.0
"""How strongly near references are preferred, per longest side of the depth at which they see the target camera."""

_NOISE_SHARE = 0.02
"""Of the first convolution's weights for the noise, which would otherwise be nearly all that the first layers see."""

_RIDGE = 1e-2

_KEPT = ((0, 1), (0, -1), (1, 1), (1, -1), (2, 1), (2, -1), (3, 1), (3, -1))
"""(coordinate, sign) of the channels of a U-Net that carry coordinates; in pairs, so that norms find a mean of zero."""


@torch.no_grad()
def start_geometrically(networks: TrainedNetworks, batch: Batch, noisy: Tensor) -> list[float]:
    """Fit the query and key weights of all attention layers; the networks are changed.

    The U-Net's first group of channels is made to carry the coordinates past every layer, whose own share in it starts
    at zero.

    Args:
        networks: fresh 6DoF networks that take coordinates (``model/coordinates.py``), with a U-Net of one level.
        batch: views to fit on; references without dropout.
        noisy: latents [(S M), c, h, w] as in training.

    Returns:
        For every weight matrix, in the order in which they are used, the share of what is wanted of it that its
        input explains.

    Raises:
        EscherNetError: 4DoF networks, or ones that are not of this kind.
    """
    unet, encoder = networks.unet, networks.image_encoder
    _check(networks)
    kept = unet.config["block_out_channels"][0] // unet.config["norm_num_groups"]
    _carry_coordinates(unet, kept)
    reference_side = math.isqrt(reference_tokens(encoder, batch.reference_images[0, :1]).shape[1])
    references, targets = batch.reference_images.shape[1], batch.target_images.shape[1]
    explained: list[float] = []
    blocks = [module for module in unet.modules() if isinstance(module, BasicTransformerBlock)]
    in_unet, in_tokens = slice(0, kept), slice(-COORDINATE_CHANNELS, None)
    with ExitStack() as hooks:
        for number, block in enumerate(blocks):
            for attention, key_views, key_side, key_inputs in (
                (block.attn1, targets, 0, in_unet),
                (block.attn2, references, reference_side, in_tokens),
            ):
                shift = number / len(blocks)
                for layer, views, inputs, goal in (
                    (attention.to_q, targets, in_unet, partial(_queries, attention, shift, key_side)),
                    (attention.to_k, key_views, key_inputs, partial(_keys, attention)),
                ):
                    fit = partial(_fit, views, inputs, goal, _columns(attention), explained)
                    hooks.callback(layer.register_forward_pre_hook(fit).remove)
        networks(batch, noisy)
    return explained


def _check(networks: TrainedNetworks) -> None:
    if networks.cape != "6dof":
        raise EscherNetError("geometric_start is about 6DoF CaPE; start 4dof networks from random weights.")
    config, tokens = networks.unet.config, networks.image_encoder.layernorm.weight.shape[0]
    for name, found, without in (
        ("unet.in_channels", config["in_channels"], config["out_channels"]),
        ("unet.cross_attention_dim", config["cross_attention_dim"], tokens),
    ):
        if found != without + COORDINATE_CHANNELS:
            raise EscherNetError(
                f"geometric_start needs networks that take coordinates: {name} must be "
                f"{without + COORDINATE_CHANNELS}, not {found}."
            )
    levels, groups = config["block_out_channels"], config["norm_num_groups"]
    if len(levels) != 1 or levels[0] // groups < len(_KEPT):
        raise EscherNetError(
            f"geometric_start needs a U-Net of one level with at least {len(_KEPT)} channels in a norm group, not "
            f"block_out_channels {list(levels)} in {groups} groups."
        )


def _carry_coordinates(unet: UNet2DConditionModel, kept: int) -> None:
    """Put the coordinates into the first ``kept`` channels, undisturbed by any layer, and mixtures into the others."""
    first, centre, latent = unet.conv_in, unet.conv_in.kernel_size[0] // 2, unet.config["out_channels"]
    first.weight[:, :latent] *= _NOISE_SHARE
    nn.init.normal_(first.weight[:, latent:, centre, centre], std=0.5)
    _silence(first, kept)
    for channel in range(kept - kept % 2):
        coordinate, sign = _KEPT[channel % len(_KEPT)]
        first.weight[channel, latent + coordinate, centre, centre] = sign
    for module in unet.modules():
        if isinstance(module, ResnetBlock2D):
            _silence(module.conv2, kept)
            if module.conv_shortcut is not None:
                _pass_on(module.conv_shortcut, kept)
        elif isinstance(module, Transformer2DModel):
            _pass_on(module.proj_in, kept)
            _silence(module.proj_out, kept)
        elif isinstance(module, BasicTransformerBlock):
            for layer in (module.attn1.to_out[0], module.attn2.to_out[0], module.ff.net[2]):
                _silence(cast(Layer, layer), kept)


def _silence(layer: Layer, kept: int) -> None:
    """Let a layer put nothing into the first channels."""
    layer.weight[:kept] = 0.0
    if layer.bias is not None:
        layer.bias[:kept] = 0.0


def _pass_on(layer: Layer, kept: int) -> None:
    """Let a layer hand on its first input channels as its first outputs."""
    _silence(layer, kept)
    layer.weight.flatten(1)[:, :kept].fill_diagonal_(1.0)


def _fit(
    views: int,
    inputs: slice,
    goal: Callable[[int], Tensor],
    columns: list[int],
    explained: list[float],
    layer: nn.Module,
    given: tuple[Tensor],
) -> None:
    """Just before a layer runs: set rows of its weight by ridge regression on some of the channels it is given."""
    assert isinstance(layer, nn.Linear)
    scenes, length, _ = given[0].shape
    features = given[0][..., inputs].flatten(0, 1).double()
    wanted = goal(length // views).double().repeat(scenes * views, 1)
    squares = features.T @ features
    squares.diagonal().add_(
        _RIDGE * squares.diagonal().mean()
    )  # channels that differ in rounding only get no large weights
    weights = torch.linalg.solve(squares, features.T @ wanted)
    rows = torch.zeros(len(columns), layer.in_features, dtype=layer.weight.dtype)
    rows[:, inputs] = weights.T.to(layer.weight)
    layer.weight[columns] = rows
    missed = (features @ weights - wanted).square().sum()
    explained.append(float(1 - missed / wanted.square().sum()))


def _columns(attention: Attention) -> list[int]:
    """The output channels that are set: of every head its first two blocks, or its only one."""
    width = attention.inner_dim // attention.heads
    return [head * width + channel for head in range(attention.heads) for channel in range(min(8, width))]


def _queries(attention: Attention, shift: float, key_side: int, tokens: int) -> Tensor:
    """Wanted queries [tokens, channels of ``_columns``].

    Where the keys' grid is finer than the target's, the heads divide a target's position among them; those of one
    place have a depth each.

    Args:
        attention: the layer.
        shift: moves the depths by this share, 0 to 1, of their distance, so that layers look between each other's.
        key_side: keys along a picture's side; 0: as many as queries.
        tokens: queries of a picture.
    """
    side = math.isqrt(tokens)
    places = _centres(max(1, key_side // side)) * 2 * HALF_WIDTH / side
    steps = max(1, attention.heads // len(places))
    depths = DEPTHS[0] + (DEPTHS[1] - DEPTHS[0]) * (torch.arange(steps) + shift) / steps
    head = torch.arange(attention.heads)
    depth = depths[head // len(places) % steps]
    xy = _rays(tokens)[:, None, :2] + places[head % len(places)]
    one = torch.ones(tokens, attention.heads)
    point = torch.stack((xy[..., 0] * depth, xy[..., 1] * depth, -depth * one, one), dim=-1)
    camera = torch.stack((0 * one, 0 * one, 0 * one, one), dim=-1)
    return _in_heads(attention, point * _sharpness(attention, max(key_side, side)), camera)


def _keys(attention: Attention, tokens: int) -> Tensor:
    """Wanted keys [tokens, channels of ``_columns``]."""
    x, y, squared, _ = _rays(tokens)[:, None].expand(-1, attention.heads, -1).unbind(-1)
    nothing, one = torch.zeros_like(x), torch.ones_like(x)
    plane = torch.stack((2 * x, 2 * y, squared, nothing), dim=-1)
    depth = torch.stack((nothing, nothing, one, nothing), dim=-1)
    return _in_heads(attention, plane * _sharpness(attention, math.isqrt(tokens)), depth)


def _rays(tokens: int) -> Tensor:
    """[tokens, 4]: x and y at depth 1, x^2 + y^2, and 1, of a square picture's tokens, row by row."""
    side = math.isqrt(tokens)
    grid = image_coordinates(side, side).flatten(1).T
    return grid * grid.new_tensor([HALF_WIDTH, HALF_WIDTH, HALF_WIDTH**2, 1.0])


def _centres(parts: int) -> Tensor:
    """[parts^2, 2]: centres of the parts of a unit square around the origin."""
    steps = (torch.arange(parts) + 0.5) / parts - 0.5
    return torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1).flatten(0, 1)


def _sharpness(attention: Attention, side: int) -> float:
    """Factor of queries and of keys that gives a window of ``WINDOW`` of ``side`` keys at depth 1.8."""
    deviation = WINDOW * 2 * HALF_WIDTH / side
    return math.sqrt(1 / (2 * deviation**2 * 1.8 * attention.scale))


def _in_heads(attention: Attention, first: Tensor, second: Tensor) -> Tensor:
    """Blocks [tokens, heads, 4], the second weighted with ``NEARNESS``, to [tokens, channels of ``_columns``]."""
    both = torch.cat((first, second * math.sqrt(NEARNESS / attention.scale)), dim=-1)
    return both[..., : min(8, attention.inner_dim // attention.heads)].flatten(1)
