# SPDX-License-Identifier: Apache-2.0
"""The noise schedule: as published, and one that ends in pure noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_set import DDPM_CONFIG

from eschernet_ros.errors import EscherNetError
from eschernet_ros.model import ddim_scheduler
from eschernet_ros.model.sampler import noise_schedule

PURE_NOISE = {**DDPM_CONFIG, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True}


def published_alphas():
    return np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=np.float32) ** 2)


def test_the_published_schedule_keeps_some_signal():
    schedule = noise_schedule(DDPM_CONFIG)
    np.testing.assert_allclose(schedule.alphas_cumprod.numpy(), published_alphas(), rtol=1e-5)
    assert schedule.alphas_cumprod[-1] > 4e-3
    assert schedule.config["prediction_type"] == "epsilon"
    assert schedule.config["clip_sample"] is False, "whatever the folder's configuration says"


@pytest.mark.parametrize("kind", ["v_prediction", "sample"])
def test_zero_terminal_snr(kind):
    schedule = noise_schedule({**PURE_NOISE, "prediction_type": kind})
    alphas = schedule.alphas_cumprod
    assert alphas[-1] == 0
    roots = published_alphas().astype(np.float64) ** 0.5
    expected = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2  # Lin et al. 2024, algorithm 1
    np.testing.assert_allclose(alphas.numpy(), expected, rtol=1e-3, atol=1e-6)
    noise = torch.randn(1, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    latents = torch.ones(1, 4, 2, 2)
    assert torch.equal(schedule.add_noise(latents, noise, torch.tensor([999])), noise)


@pytest.mark.parametrize(("steps", "first", "last"), [(1, 999, 999), (5, 999, 199), (50, 999, 19)])
def test_it_is_sampled_from_its_end(steps, first, last):
    times = ddim_scheduler(PURE_NOISE, steps).timesteps.tolist()
    assert (len(times), times[0], times[-1]) == (steps, first, last)
    assert ddim_scheduler(DDPM_CONFIG, steps).timesteps[0] != 999


@pytest.mark.parametrize("kind", ["v_prediction", "sample"])
@pytest.mark.parametrize("steps", [1, 5, 50])
def test_a_perfect_prediction_is_sampled_to_the_truth(kind, steps):
    config = {**PURE_NOISE, "prediction_type": kind}
    scheduler = ddim_scheduler(config, steps)
    generator = torch.Generator().manual_seed(1)
    truth, noise = torch.randn(2, 1, 4, 2, 2, generator=generator, dtype=torch.float64)
    latents = noise
    for time in scheduler.timesteps:
        alpha = scheduler.alphas_cumprod[time]
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * truth
        prediction = truth if kind == "sample" else velocity
        latents = scheduler.step(prediction, time, latents, return_dict=False)[0]
    left = scheduler.alphas_cumprod[0]
    torch.testing.assert_close(latents, left.sqrt() * truth + (1 - left).sqrt() * noise)


@pytest.mark.parametrize(
    "config", [{**PURE_NOISE, "prediction_type": "epsilon"}, PURE_NOISE | {"prediction_type": None}]
)
def test_predicting_the_noise_of_pure_noise_is_refused(config):
    config = {name: value for name, value in config.items() if value is not None}
    for build in (noise_schedule, lambda c: ddim_scheduler(c, 5)):
        with pytest.raises(EscherNetError, match="train such a schedule with 'v_prediction' or 'sample'"):
            build(config)
