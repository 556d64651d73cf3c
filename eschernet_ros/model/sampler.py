# SPDX-License-Identifier: Apache-2.0
"""The DDIM sampler and its initial noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from eschernet_ros.errors import EscherNetError

_REQUIRED = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule")


def check_scheduler_config(config: Mapping[str, Any]) -> None:
    """Raise an ``EscherNetError`` when a scheduler configuration does not state its noise schedule."""
    missing = [key for key in _REQUIRED if key not in config]
    if missing:
        raise EscherNetError(f"The scheduler configuration lacks {', '.join(missing)}.")


def noise_schedule(config: Mapping[str, Any]) -> DDIMScheduler:
    """The noise schedule of a DDPM or DDIM scheduler configuration, as training and sampling use it.

    The schedule and what the network predicts come from the configuration; how it is sampled does not: "leading"
    spacing with offset 1 (981, 961, ... 1 at 50 steps), no clipping, the last step ends at the first training
    step's noise level. A schedule that ends in pure noise (``rescale_betas_zero_snr``, Lin et al. 2024) has to be
    sampled from there and so gets "trailing" spacing (999, 979, ... 19 at 50 steps).

    Raises:
        EscherNetError: a schedule that is not stated, or one that ends in pure noise for a network that predicts it.
    """
    check_scheduler_config(config)
    to_pure_noise = bool(config.get("rescale_betas_zero_snr", False))
    predicts = config.get("prediction_type", "epsilon")
    if to_pure_noise and predicts == "epsilon":
        raise EscherNetError(
            "rescale_betas_zero_snr with prediction_type 'epsilon': pure noise says nothing of the image; "
            "train such a schedule with 'v_prediction' or 'sample'."
        )
    return DDIMScheduler(
        num_train_timesteps=int(config["num_train_timesteps"]),
        beta_start=config["beta_start"],
        beta_end=config["beta_end"],
        beta_schedule=config["beta_schedule"],
        trained_betas=config.get("trained_betas"),
        prediction_type=predicts,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="trailing" if to_pure_noise else "leading",
        rescale_betas_zero_snr=to_pure_noise,
    )


def ddim_scheduler(config: Mapping[str, Any], steps: int) -> DDIMScheduler:
    """EscherNet's sampler: ``noise_schedule(config)`` set to ``steps`` steps.

    A sampler keeps state, so every run takes its own.

    Raises:
        EscherNetError: as of ``noise_schedule``, and for a number of steps that it cannot be split into.
    """
    scheduler = noise_schedule(config)
    trained_steps = int(config["num_train_timesteps"])
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or not 1 <= steps < trained_steps:
        raise EscherNetError(f"steps is {steps!r}; it must be a whole number from 1 to {trained_steps - 1}.")
    # The products stay float32 values, as trained; the sampler's coefficients are computed from them in float64.
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    scheduler.final_alpha_cumprod = scheduler.final_alpha_cumprod.double()
    scheduler.set_timesteps(int(steps))
    return scheduler


def initial_noise(seed: int, count: int, shape: tuple[int, int, int], first: int = 0) -> Tensor:
    """Standard normal noise [count, *shape] in float64 for the targets ``first`` to ``first + count - 1``.

    Target i's noise depends on (seed, i) alone: asking for more targets leaves the earlier ones' noise as it was.
    It is drawn on the CPU, so devices and dtypes share it.

    Raises:
        EscherNetError: when ``seed`` is not a whole number, zero or more.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise EscherNetError(f"seed is {seed!r}; it must be a whole number, zero or more.")
    rows = [np.random.default_rng([int(seed), first + i]).standard_normal(shape) for i in range(count)]
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0, *shape, dtype=torch.float64)
