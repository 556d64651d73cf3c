# SPDX-License-Identifier: Apache-2.0
"""Training runs of seconds: networks of a few thousand weights on 16 px images of a handful of made objects."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from diffusers import AutoencoderDC
from render_files import write_object

from eschernet_ros.datasets import DatasetError
from eschernet_ros.model import Checkpoint
from eschernet_ros.training.checkpoints import existing_checkpoints
from eschernet_ros.training.metrics_file import read_metrics
from eschernet_ros.training.networks import starting_checkpoint
from eschernet_ros.training.scenes import TrainingScene, View, find_scenes
from eschernet_ros.training.settings import TrainingSettings

SIZE = 16
AUTOENCODER = {
    "latent_channels": 4,
    "encoder_block_types": "ResBlock",
    "decoder_block_types": "ResBlock",
    "encoder_block_out_channels": [8, 8, 16],
    "decoder_block_out_channels": [8, 8, 16],
    "encoder_layers_per_block": [0, 1, 1],
    "decoder_layers_per_block": [0, 1, 1],
    "encoder_qkv_multiscales": [[], [], []],
    "decoder_qkv_multiscales": [[], [], []],
}
UNET = {
    "sample_size": 4,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [16],
    "layers_per_block": 1,
    "down_block_types": ["CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D"],
    "cross_attention_dim": 16,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}
IMAGE_ENCODER = {"num_stages": 2, "patch_size": 2, "image_size": 16, "hidden_sizes": [8, 16], "depths": [1, 1]}
ZERO_TERMINAL_SNR = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
}
NETWORKS = {"unet": UNET, "image_encoder": IMAGE_ENCODER, "scheduler": ZERO_TERMINAL_SNR}


def write_autoencoder(folder: Path) -> Path:
    """An autoencoder of random weights, 16 px to 4x4 latents of 4 channels."""
    torch.manual_seed(0)
    AutoencoderDC.from_config(AUTOENCODER).save_pretrained(folder)
    return folder


def write_renders(folder: Path, objects: int = 6, views: int = 6) -> Path:
    """Objects 00, 01, ... of 16 px views."""
    for number in range(objects):
        write_object(folder / f"{number:02d}", views, SIZE)
    return folder


def tiny_settings(autoencoder: Path, **changes: Any) -> dict[str, Any]:
    """Values of a run of 4 steps of 4 scenes with 2 references and 2 targets, without any validation."""
    return {
        "networks": NETWORKS,
        "autoencoder": str(autoencoder),
        "workers": 0,
        "references": 2,
        "targets": 2,
        "steps": 4,
        "batch_size": 4,
        "device_batch_size": 4,
        "learning_rate": 3e-3,
        "learning_rate_start": 1e-3,
        "learning_rate_end": 1e-3,
        "warmup_steps": 2,
        "mixed_precision": "no",
        "gradient_checkpointing": False,
        "validation_scenes": 0,
        "validation_references": 2,
        "sampling": {"steps": 2, "guidance_scale": 1.0},
        "log_every": 1,
        **changes,
    }


def scenes_in(folder: Path) -> list[TrainingScene]:
    """The objects of a folder."""
    return find_scenes(folder, 1).scenes


def tiny_checkpoint(autoencoder: Path, cape: str = "6dof", seed: int = 0, **changes: Any) -> Checkpoint:
    """The networks of a tiny run, with an output layer that is not zero, so that they say something."""
    start = starting_checkpoint(TrainingSettings(**tiny_settings(autoencoder, cape=cape, seed=seed, **changes)))
    torch.manual_seed(seed)
    torch.nn.init.normal_(start.unet.conv_out.weight, std=0.1)
    return start


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """All weights below a folder, by file and name."""
    return {
        f"{path.relative_to(folder)}:{name}": value
        for path in sorted(folder.rglob("*.safetensors"))
        for name, value in safetensors.torch.load_file(path).items()
    }


def assert_same_weights(one: Path, other: Path) -> None:
    """Bit for bit."""
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys() and first
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert not different, different[:5]


def losses(folder: Path) -> dict[int, float]:
    """Step -> loss, of a run's ``metrics.jsonl``."""
    return {line["step"]: line["loss"] for line in read_metrics(folder / "metrics.jsonl") if "loss" in line}


def steps_kept(folder: Path) -> list[int]:
    """Steps of a run's checkpoints."""
    return [int(entry.name[-8:]) for entry in existing_checkpoints(folder)]


def last(folder: Path) -> Path:
    """A run's newest checkpoint."""
    return existing_checkpoints(folder)[-1]


class MemoryScene(TrainingScene):
    """Views made of numbers: view i is filled with the value i, and its camera's x is the scene's mark."""

    def __init__(self, name: str, views: int, mark: int = 0, broken: Collection[int] = ()) -> None:
        """Take the number of views, and those that cannot be read."""
        self.name, self.mark, self.broken = name, mark, broken
        self._views = views

    def __len__(self) -> int:
        """Number of views."""
        return self._views

    def view(self, index: int, size: int) -> View:
        """A picture of one value and its camera, 1 and a bit from the origin."""
        if index in self.broken:
            raise DatasetError(f"{self.name}/{index:03d}.png is broken")
        pose = np.eye(4)
        pose[:3, 3] = self.mark, 0.0, -1.0 - 0.01 * index
        return np.full((size, size, 3), index, np.uint8), pose
