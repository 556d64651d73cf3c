# SPDX-License-Identifier: Apache-2.0
"""AdamW and its learning rate: linear warm-up, then half a cosine."""

from __future__ import annotations

import math
from typing import Any

import torch

from eschernet_ros.optional import require
from eschernet_ros.training.settings import TrainingSettings


def learning_rate_factor(settings: TrainingSettings, step: int) -> float:
    """Factor of ``learning_rate`` at a step: linear warm-up, then half a cosine down to ``learning_rate_end``."""
    peak = settings.learning_rate
    if step < settings.warmup_steps:
        low = settings.learning_rate_start / peak
        return low + (1 - low) * step / settings.warmup_steps
    low = settings.learning_rate_end / peak
    progress = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def make_optimiser(settings: TrainingSettings, networks: torch.nn.Module) -> torch.optim.Optimizer:
    """AdamW over all weights of ``networks``.

    Raises:
        MissingDependencyError: ``adam_8bit`` without bitsandbytes.
    """
    options: dict[str, Any] = {"lr": settings.learning_rate, **_of_the_settings(settings)}
    parameters = list(networks.parameters())
    if settings.adam_8bit:
        library = require("bitsandbytes", "pip install bitsandbytes", "adam_8bit")
        optimiser: torch.optim.Optimizer = library.optim.AdamW8bit(parameters, **options)
        return optimiser
    return torch.optim.AdamW(parameters, fused=True, **options)


def apply_settings(
    settings: TrainingSettings, optimiser: torch.optim.Optimizer, rates: torch.optim.lr_scheduler.LambdaLR
) -> None:
    """Put the settings over what a training state has just restored, so that a resumed run obeys them."""
    rates.base_lrs = [settings.learning_rate for _ in rates.base_lrs]
    rate = settings.learning_rate * learning_rate_factor(settings, rates.last_epoch)
    for group in optimiser.param_groups:
        group.update(_of_the_settings(settings), lr=rate, initial_lr=settings.learning_rate)
    rates._last_lr = [rate for _ in rates.base_lrs]


def _of_the_settings(settings: TrainingSettings) -> dict[str, Any]:
    return {"betas": (0.9, settings.adam_beta2), "weight_decay": settings.weight_decay}
