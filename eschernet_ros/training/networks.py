# SPDX-License-Identifier: Apache-2.0
"""The networks that are trained, and what a run starts from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import ConvNextV2Config, ConvNextV2Model

from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.model.attention import Scene, install_processors, predict_noise
from eschernet_ros.model.autoencoder import Autoencoder, pixels_per_latent
from eschernet_ros.model.cape import camera_encoding
from eschernet_ros.model.checkpoint import Checkpoint, load_checkpoint, load_unet_and_autoencoder
from eschernet_ros.model.encoder import reference_tokens
from eschernet_ros.model.pixel_blocks import PixelBlocks
from eschernet_ros.training.batches import Batch
from eschernet_ros.training.settings import TrainingSettings

PUBLISHED_IMAGE_SIZE = 256
"""Pixels; EscherNet was trained on it, although Stable Diffusion's configuration states twice as much."""


class TrainedNetworks(nn.Module):
    """U-Net and image encoder as one module, so that one backward pass and one process group serve both."""

    def __init__(self, start: Checkpoint):
        """Take the networks of a checkpoint, in float32, with gradients.

        Raises:
            EscherNetError: a U-Net whose layers do not fit the camera encoding.
        """
        super().__init__()
        install_processors(start.unet, start.cape)
        self.unet = start.unet.float().requires_grad_(True).train()
        self.image_encoder = start.image_encoder.float().requires_grad_(True).train()
        self.cape = start.cape
        self._recompute_tokens = False

    def forward(self, batch: Batch, noisy: Tensor) -> Tensor:
        """Predictions [(S M), c, h, w] for noisy latents of the same shape."""
        scenes, references = batch.reference_images.shape[:2]
        targets = batch.target_images.shape[1]
        tokens = self._tokens(batch.reference_images.flatten(0, 1))
        tokens = tokens.reshape(scenes, references * tokens.shape[1], tokens.shape[2])
        tokens = tokens * batch.keep[:, None, None].to(tokens)  # the whole scene's condition is zero or it is not
        scene = Scene(
            targets=camera_encoding(self.cape, batch.target_cameras, tokens.device, torch.float32),
            references=camera_encoding(self.cape, batch.reference_cameras, tokens.device, torch.float32),
            tokens=tokens,
        )
        return predict_noise(self.unet, noisy, batch.time_steps.repeat_interleave(targets), scene)

    def enable_gradient_checkpointing(self) -> None:
        """Recompute activations in the backward pass."""
        self.unet.enable_gradient_checkpointing()
        self._recompute_tokens = True  # transformers has no checkpointing for ConvNeXtV2

    def _tokens(self, images: Tensor) -> Tensor:
        """Reference tokens [R, L, C] of images [R, 3, H, H]."""
        width = self.unet.config["cross_attention_dim"]
        if not self._recompute_tokens:
            return reference_tokens(self.image_encoder, images, width)
        return checkpoint(reference_tokens, self.image_encoder, images, width, use_reentrant=False)


def diffusion_target(schedule: DDIMScheduler, latents: Tensor, noise: Tensor, time_steps: Tensor) -> Tensor:
    """What the networks are to predict, by the schedule's ``prediction_type``; all [R, c, h, w], time steps [R]."""
    kind = schedule.config["prediction_type"]
    if kind == "epsilon":
        return noise
    if kind == "v_prediction":
        return schedule.get_velocity(latents, noise, cast(torch.IntTensor, time_steps))
    if kind == "sample":
        return latents
    raise EscherNetError(f"the scheduler's prediction_type is {kind!r}; known are epsilon, v_prediction and sample.")


def starting_checkpoint(settings: TrainingSettings) -> Checkpoint:
    """The networks that a run starts from.

    Raises:
        EscherNetError: what cannot be loaded or does not fit together.
    """
    if settings.checkpoint is not None:
        start = load_checkpoint(settings.checkpoint, settings.cape)
    elif settings.stable_diffusion is not None:
        start = _from_stable_diffusion(settings)
    else:
        start = _from_configuration(settings)
    size = settings.image_size or (PUBLISHED_IMAGE_SIZE if settings.stable_diffusion is not None else None)
    if size is not None:
        pixels = pixels_per_latent(start.vae)
        if size % pixels:
            raise EscherNetError(f"image_size is {size}; it must be a multiple of {pixels}, the autoencoder's step.")
        start.unet.register_to_config(sample_size=size // pixels)
    return start


def _from_stable_diffusion(settings: TrainingSettings) -> Checkpoint:
    assert settings.stable_diffusion is not None
    unet, vae, scheduler_config = load_unet_and_autoencoder(settings.stable_diffusion)
    encoder = _pretrained_encoder(settings.image_encoder)
    encoder.config.layer_norm_eps = 1e-12
    encoder.layernorm.eps = 1e-12
    return Checkpoint(
        unet=unet,
        vae=vae,
        image_encoder=encoder,
        scheduler_config=scheduler_config,
        cape=settings.cape,
        name=settings.stable_diffusion,
    )


def _pretrained_encoder(folder_or_hub_id: str | None) -> ConvNextV2Model:
    if folder_or_hub_id is None:
        raise EscherNetError("stable_diffusion needs image_encoder, a ConvNeXtV2 (folder or hub id).")
    try:
        return ConvNextV2Model.from_pretrained(folder_or_hub_id)
    except Exception as error:  # the hub's client lets through whatever its HTTP library raises
        raise EscherNetError(
            f"image_encoder {folder_or_hub_id!r} cannot be loaded as ConvNeXtV2: {first_line(error)}"
        ) from error


def _from_configuration(settings: TrainingSettings) -> Checkpoint:
    assert settings.networks is not None
    networks: Mapping[str, Any] = settings.networks
    vae: Autoencoder
    if settings.autoencoder is not None:
        vae = load_autoencoder(settings.autoencoder)
    else:
        vae = _pixel_blocks(networks["autoencoder"])
    torch.manual_seed(settings.seed)
    try:
        unet = UNet2DConditionModel.from_config(dict(networks["unet"]))
        encoder = ConvNextV2Model(ConvNextV2Config(**networks["image_encoder"]))
    except Exception as error:  # the libraries validate with every kind of exception
        raise EscherNetError(f"networks does not describe a U-Net and a ConvNeXtV2: {error}") from error
    # the LayerNorm behind it keeps a patch's contrast only beside a bias, and would make black and grey the same
    nn.init.normal_(cast(Tensor, encoder.embeddings.patch_embeddings.bias), std=0.3)
    nn.init.zeros_(unet.conv_out.weight)  # the first prediction is zero, not noise of the network's own
    nn.init.zeros_(cast(Tensor, unet.conv_out.bias))
    return Checkpoint(
        unet=unet,
        vae=vae,
        image_encoder=encoder,
        scheduler_config=dict(networks["scheduler"]),
        cape=settings.cape,
        name="from configuration",
    )


def _pixel_blocks(config: Mapping[str, Any]) -> PixelBlocks:
    try:
        return PixelBlocks.from_config(dict(config)).eval()
    except Exception as error:  # diffusers lets through what Python raises
        raise EscherNetError(f"networks.autoencoder does not describe PixelBlocks: {first_line(error)}") from error


def load_autoencoder(folder: str | Path) -> AutoencoderDC:
    """The autoencoder of a folder that ``eschernet-ros train-autoencoder`` wrote.

    Raises:
        EscherNetError: when it cannot be read.
    """
    try:
        return AutoencoderDC.from_pretrained(str(folder), local_files_only=True).eval().requires_grad_(False)
    except Exception as error:  # diffusers lets through what safetensors and torch raise
        raise EscherNetError(
            f"autoencoder {str(folder)!r} cannot be loaded ({first_line(error)}); make it with "
            "eschernet-ros train-autoencoder."
        ) from error
