# SPDX-License-Identifier: Apache-2.0
"""Trains the autoencoder of a small model: images of the model's camera to latents of unit size and back."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.training.batches import to_pixels
from eschernet_ros.training.scenes import TrainingScene
from eschernet_ros.training.settings import AutoencoderSettings

logger = logging.getLogger(__name__)

_HELD_OUT = 64
_VIEW = 1  # stream of random numbers


def train_autoencoder(
    settings: AutoencoderSettings, scenes: Sequence[TrainingScene], output: Path, device: torch.device
) -> dict[str, Any]:
    """Train and write an autoencoder folder, with ``training.json`` beside the weights.

    The network is the deep compression autoencoder (Chen et al. 2024): its space-to-channel shortcuts let it learn in a
    minute what takes a Stable Diffusion autoencoder of the same size ten (docs/training.md).

    The last 64 scenes (a tenth when there are fewer) are held out and measured at the end. The ``scaling_factor``
    that is written brings the latents to unit standard deviation.

    Returns:
        The record that ``training.json`` holds: settings, steps, seconds, held-out PSNR in dB, scaling factor.

    Raises:
        EscherNetError: a network configuration that diffusers does not take, fewer than 2 scenes, or held-out scenes
            that cannot be read.
    """
    if len(scenes) < 2:
        raise EscherNetError(f"an autoencoder cannot be trained on {len(scenes)} scene(s); give more renders.")
    torch.manual_seed(settings.seed)
    try:
        network = AutoencoderDC.from_config(dict(settings.network)).to(device, memory_format=torch.channels_last)
    except Exception as error:  # diffusers validates with every kind of exception
        raise EscherNetError(f"network does not describe an AutoencoderDC: {error}") from error
    size = settings.image_size
    held_out = min(_HELD_OUT, max(1, len(scenes) // 10))
    training, pictures = scenes[:-held_out], _first_views(scenes[-held_out:], size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=0.0, betas=(0.9, 0.99))
    network.train()
    started, progress_made, losses = time.monotonic(), 0.0, []
    bar = tqdm(total=settings.steps, desc="autoencoder", unit="step", smoothing=0.05)
    step = 0
    while step < settings.steps and progress_made < 1.0:
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * _schedule(progress_made)
        pixels = _batch(training, size, settings.batch_size, settings.seed, step).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            latents = network.encode(pixels.contiguous(memory_format=torch.channels_last)).latent
            noise = settings.latent_noise * torch.randn_like(latents)
            rebuilt = network.decode(latents + noise).sample.float()
        difference = rebuilt - pixels
        rebuilding = difference.abs().mean() + settings.squared_weight * difference.square().mean()
        loss = rebuilding + settings.latent_penalty * latents.float().square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        losses.append(float(difference.detach().square().mean()))
        hours = (time.monotonic() - started) / 3600
        progress_made = max(step / settings.steps, hours / settings.maximum_hours if settings.maximum_hours else 0.0)
        bar.update()
        if step % 20 == 0:
            bar.set_postfix_str(f"{_decibel(float(np.mean(losses[-100:])) / 4):.2f} dB", refresh=False)
    bar.close()
    network.eval()
    quality, scale = _measure(network, pictures, device)
    network.register_to_config(scaling_factor=round(scale, 5))
    network.to(memory_format=torch.contiguous_format).save_pretrained(str(output))
    record = {
        "steps": step,
        "images": step * settings.batch_size,
        "seconds": round(time.monotonic() - started, 1),
        "held_out_psnr_db": round(quality, 3),
        "held_out_scenes": len(pictures),
        "scaling_factor": round(scale, 5),
        "settings": {**vars(settings), "network": dict(settings.network), "data": list(settings.data)},
    }
    (output / "training.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def _schedule(progress: float) -> float:
    """Factor of the learning rate: 2 % warm-up, then cosine to a fiftieth."""
    if progress < 0.02:
        return max(progress, 1e-3) / 0.02
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - 0.02) / 0.98)))


def _batch(scenes: Sequence[TrainingScene], size: int, count: int, seed: int, step: int) -> Tensor:
    """Images [count, 3, size, size] in [-1, 1] of random views."""
    rng = np.random.default_rng([seed, _VIEW, step])
    images: list[np.ndarray] = []
    failures = 0
    while len(images) < count:
        scene = scenes[int(rng.integers(len(scenes)))]
        try:
            images.append(scene.view(int(rng.integers(len(scene))), size)[0])
        except DatasetError as error:
            failures += 1
            logger.warning("skipped: %s", error)
            if failures > 10 * count:
                raise
    return to_pixels(torch.from_numpy(np.stack(images)))


def _first_views(scenes: Sequence[TrainingScene], size: int) -> list[np.ndarray]:
    """Of every scene the first image, uint8 [size, size, 3], that can be read."""
    found = []
    for scene in scenes:
        for index in range(len(scene)):
            try:
                found.append(scene.view(index, size)[0])
            except DatasetError as error:
                logger.warning("skipped: %s", error)
                continue
            break
    if not found:
        raise EscherNetError(f"no image of the {len(scenes)} scene(s) that are held out can be read.")
    return found


@torch.inference_mode()
def _measure(network: AutoencoderDC, pictures: Sequence[np.ndarray], device: torch.device) -> tuple[float, float]:
    """(mean PSNR in dB of 8-bit images, 1 / standard deviation of their latents)."""
    decibels, latents = [], []
    for picture in pictures:
        image = to_pixels(torch.from_numpy(picture)[None]).to(device)
        latent = network.encode(image).latent
        error = functional.mse_loss(network.decode(latent).sample.clamp(-1, 1), image) / 4
        decibels.append(_decibel(float(error)))
        latents.append(latent.flatten())
    return float(np.mean(decibels)), float(1 / torch.cat(latents).std())


def _decibel(squared_error: float) -> float:
    """PSNR for a squared error of values in [0, 1]."""
    return -10 * math.log10(max(squared_error, 1e-12))
