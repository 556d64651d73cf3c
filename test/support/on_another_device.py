# SPDX-License-Identifier: Apache-2.0
"""Run as a program: what the package computes with torch, once on the CPU and once on the pretended device.

Prints a JSON object: for every job the largest difference of the two results, how many operations the device did, and
the first line of what was raised there. A process of its own, because the device is registered for all of it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.state import AcceleratorState, GradientState
from ball_pictures import ball_views
from pretend_device import NAME, pretend_device
from torch_gaussians import stand_in
from training_runs import losses, scenes_in, tiny_settings, write_autoencoder, write_renders

from eschernet_ros.errors import first_line
from eschernet_ros.evaluation.gaussian_fit import GaussianSettings, gaussian_fit
from eschernet_ros.evaluation.gsplat_rasteriser import check_rasteriser, rasteriser_of
from eschernet_ros.evaluation.scene_fit import FitSettings, scene_fit
from eschernet_ros.model import EscherNetPipeline, bundled, save_checkpoint
from eschernet_ros.model.random_weights import random_checkpoint
from eschernet_ros.training.settings import TrainingSettings
from eschernet_ros.training.trainer import train


def synthesize_6dof(device: str, folder: Path) -> Any:
    """Views by the bundled checkpoint, with guidance, in groups of targets."""
    images, _, poses = ball_views(8, 64)
    pipeline = EscherNetPipeline.from_pretrained(bundled("6dof"), device=device)
    return pipeline(images[:2], poses[:2], poses[2:], steps=2, guidance_scale=2.0, seed=0)


def synthesize_4dof(device: str, folder: Path) -> Any:
    """Views by small networks of the published layout, with an autoencoder that has a posterior."""
    if not (folder / "4dof").exists():
        save_checkpoint(random_checkpoint("4dof"), folder / "4dof")
    pipeline = EscherNetPipeline.from_pretrained(folder / "4dof", device=device)
    images, _, poses = ball_views(4, pipeline.image_size)
    return pipeline(images[:2], poses[:2], poses[2:], steps=2, guidance_scale=2.0, seed=0)


def fit_voxels(device: str, folder: Path) -> Any:
    """The scene fit's views."""
    images, masks, poses = ball_views(12, 24)
    return scene_fit(images[:3], masks[:3], poses[:3], poses[9:], FitSettings(steps=5, device=device))


def fit_gaussians(device: str, folder: Path) -> Any:
    """The Gaussian fit's views, through what calls gsplat, drawn in plain torch."""
    images, masks, poses = ball_views(12, 24)
    settings = GaussianSettings(gaussians=40, grid=8, steps=3, views=1, device=device)
    return gaussian_fit(images[:3], masks[:3], poses[:3], poses[9:], rasteriser_of(stand_in(0.5)), settings)


def check_gaussians(device: str, folder: Path) -> Any:
    """What the Gaussian fit tries before its first use."""
    check_rasteriser(rasteriser_of(stand_in(0.5)), torch.device(device))
    return 0.0


def train_networks(device: str, folder: Path) -> Any:
    """Losses of three steps with accumulation, averaged weights, weighted foreground, validation and a checkpoint."""
    autoencoder, renders = folder / "autoencoder", folder / "renders"
    if not renders.exists():
        write_autoencoder(autoencoder)
        write_renders(renders)
    os.environ["ACCELERATE_TORCH_DEVICE"] = device
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    settings = tiny_settings(
        autoencoder, steps=3, device_batch_size=2, ema_decay=0.5, validation_scenes=1, foreground_weight=2.0
    )
    output = folder / device
    result = train(TrainingSettings(**settings), scenes_in(renders), output)
    assert result.checkpoint is not None
    again = EscherNetPipeline.from_pretrained(result.checkpoint)  # on the CPU, wherever it was written
    images, _, poses = ball_views(4, again.image_size)
    views = np.asarray(again(images[:2], poses[:2], poses[2:], steps=1, guidance_scale=1.0, seed=0))
    return np.concatenate([[*losses(output).values(), *result.validation.values()], views.ravel()])


def forget_a_move(device: str, folder: Path) -> Any:
    """What every other job must not do."""
    return (torch.ones(3, device=device) + torch.ones(3)).cpu().numpy()


def forget_the_way_back(device: str, folder: Path) -> Any:
    """Nor this."""
    return torch.ones(3, device=device).numpy()


JOBS: tuple[Callable[[str, Path], Any], ...] = (
    synthesize_6dof,
    synthesize_4dof,
    fit_voxels,
    fit_gaussians,
    check_gaussians,
    train_networks,
    forget_a_move,
    forget_the_way_back,
)


def run(job: Callable[[str, Path], Any], folder: Path) -> dict[str, Any]:
    """Do a job on both devices."""
    wanted = np.asarray(job("cpu", folder), dtype=np.float64)
    with pretend_device() as device:
        try:
            found = np.asarray(job(f"{NAME}:0", folder), dtype=np.float64)
        except Exception as error:  # whatever it is, the test names it
            return {"operations": device.operations, "error": first_line(error)}
    return {"operations": device.operations, "error": "", "difference": float(np.abs(found - wanted).max())}


def main() -> None:
    """Do all jobs."""
    torch.set_num_threads(1)
    with pretend_device():  # known before autograd starts its threads
        pass
    with tempfile.TemporaryDirectory() as folder:
        found = {job.__name__: run(job, Path(folder)) for job in JOBS}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
