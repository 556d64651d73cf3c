# SPDX-License-Identifier: Apache-2.0
"""Multi-view attention as attention processors on an unmodified diffusers U-Net.

The U-Net's batch is (scenes x target views). Inside the attention layers the M views of one scene form one
token sequence: self-attention lets the targets see each other, cross-attention lets them see the reference
tokens. Everything a layer needs beyond its own weights travels in a ``Scene`` through ``cross_attention_kwargs``; the
processors hold no state, so one U-Net serves several threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from eschernet_ros.errors import EscherNetError
from eschernet_ros.model.cape import CameraEncoding, CaPE4DoF, CaPE6DoF, check_cape
from eschernet_ros.model.coordinates import with_coordinates


@dataclass(eq=False)
class Scene:
    """The cameras and reference tokens of one run: its attention layers' context.

    The U-Net may be given more scenes than there are references here: the scenes that come first in its batch, and for
    which no tokens are left, are the unconditional ones. Their context is all zeros, and since to_k and
    to_v have no bias, their cross-attention output is exactly the output projection's bias.

    Attributes:
        targets: encoding of the M target cameras.
        references: encoding of the N reference cameras.
        tokens: [S, N*L, C] reference tokens, view by view.
    """

    targets: CameraEncoding
    references: CameraEncoding
    tokens: Tensor
    _keys_values: dict[Attention, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def keys_and_values(self, attn: Attention) -> tuple[Tensor, Tensor]:
        """Encoded keys and values of the references in one cross-attention layer, [S, heads, N*L, d/heads] each.

        They do not depend on the time step: without gradients they are computed once.
        """
        cached = self._keys_values.get(attn)
        if cached is not None:
            return cached
        keys = _split_heads(self.references.keys(attn.to_k(self.tokens)), attn)
        values = _split_heads(attn.to_v(self.tokens), attn)
        if not torch.is_grad_enabled():
            self._keys_values[attn] = keys, values
        return keys, values


class MultiViewSelfAttention:
    """Attention among all tokens of all target views of a scene."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        scene: Scene,
    ) -> Tensor:
        """Map [(S M), l, d] to [(S M), l, d]."""
        sequence = _join_views(hidden_states, scene.targets)
        queries = _split_heads(scene.targets.queries(attn.to_q(sequence)), attn)
        keys = _split_heads(scene.targets.keys(attn.to_k(sequence)), attn)
        values = _split_heads(attn.to_v(sequence), attn)
        return _attend(attn, queries, keys, values).reshape(hidden_states.shape)


class MultiViewCrossAttention:
    """Attention from all tokens of all target views to all tokens of all references of a scene."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        scene: Scene,
    ) -> Tensor:
        """Map [(S M), l, d] to [(S M), l, d]."""
        sequence = _join_views(hidden_states, scene.targets)
        keys, values = scene.keys_and_values(attn)
        unconditional = len(sequence) - len(keys)
        queries = _split_heads(scene.targets.queries(attn.to_q(sequence[unconditional:])), attn)
        attended = _attend(attn, queries, keys, values)
        if unconditional:
            bias = cast(nn.Linear, attn.to_out[0]).bias.expand(unconditional, *attended.shape[1:])
            attended = torch.cat((bias, attended))
        return attended.reshape(hidden_states.shape)


def install_processors(unet: UNet2DConditionModel, cape: str) -> None:
    """Give every attention layer of a U-Net its multi-view processor.

    Args:
        unet: U-Net in the shape of Stable Diffusion 1.5's.
        cape: ``"6dof"`` or ``"4dof"``; says how many channels a layer must have a multiple of.

    Raises:
        EscherNetError: a layer's width does not fit the encoding, or it has biases where EscherNet has none.
    """
    encoding = CaPE6DoF if check_cape(cape) == "6dof" else CaPE4DoF
    multiple = encoding.channel_multiple
    for name, module in unet.named_modules():
        if not isinstance(module, Attention):
            continue
        if module.inner_dim % multiple:
            raise EscherNetError(
                f"U-Net layer {name} is {module.inner_dim} channels wide; {cape} CaPE needs a multiple of {multiple}."
            )
        if module.to_k.bias is not None or module.to_v.bias is not None or module.to_out[0].bias is None:
            raise EscherNetError(
                f"U-Net layer {name} is no EscherNet attention layer: keys and values must have no bias, the "
                "output projection must have one."
            )
    processors: dict[str, Any] = {
        name: MultiViewSelfAttention() if ".attn1." in name else MultiViewCrossAttention()
        for name in unet.attn_processors
    }
    unet.set_attn_processor(processors)


def predict_noise(unet: UNet2DConditionModel, latents: Tensor, timestep: Tensor | int, scene: Scene) -> Tensor:
    """The U-Net's prediction for noisy latents [(S M), 4, h, w] at time step(s) ``timestep`` (one, or one per row).

    ``unet`` must carry the processors of ``install_processors``.
    """
    given = with_coordinates(latents, unet.config["in_channels"])
    return unet(given, timestep, encoder_hidden_states=scene.tokens, cross_attention_kwargs={"scene": scene}).sample


def _join_views(hidden_states: Tensor, targets: CameraEncoding) -> Tensor:
    """[(S M), l, d] -> [S, M*l, d]."""
    rows, tokens, channels = hidden_states.shape
    return hidden_states.reshape(rows // targets.cameras, targets.cameras * tokens, channels)


def _split_heads(features: Tensor, attn: Attention) -> Tensor:
    """[S, n, d] -> [S, heads, n, d/heads]."""
    return features.unflatten(-1, (attn.heads, -1)).transpose(1, 2)


def _attend(attn: Attention, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Scaled dot-product attention and output projection, [S, heads, n, d/heads] -> [S, n, d]."""
    if queries.requires_grad and queries.device.type == "cpu" and queries.dtype == torch.bfloat16:
        # torch's fused attention takes 2.5 times as long as this on the CPU, forward and backward, in bfloat16, but
        # 0.3 times as long in float32; autocast would widen the scores for the softmax, which works in float32 inside
        # whatever it is given
        with torch.autocast("cpu", enabled=False):
            scores = (queries * attn.scale) @ keys.transpose(-1, -2)
            attended = scores.softmax(-1) @ values
    else:
        attended = functional.scaled_dot_product_attention(queries, keys, values, scale=attn.scale)
    attended = attended.transpose(1, 2).flatten(-2)
    for layer in attn.to_out:
        attended = layer(attended)
    return attended
