# SPDX-License-Identifier: Apache-2.0
"""Build the bundled tiny checkpoints: seeded random weights in the published folder layout, 64x64 images.

Run from the repository root: python tools/build_tiny_checkpoint.py

They make the whole chain run in seconds without a download, and show nothing: every folder says so in its
model_index.json. The same call makes the same bytes again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from tqdm import tqdm
from transformers import ConvNextV2Config, ConvNextV2Model

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from eschernet_ros.model import Checkpoint, save_checkpoint  # noqa: E402

SEED = 20240206
NOTICE = (
    "This is the tiny bundled checkpoint with random, untrained weights: the chain is real, the pictures show "
    "nothing. Load a trained checkpoint for real views."
)
DDPM_CONFIG = {
    "_class_name": "DDPMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "clip_sample": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
# Written by the libraries of the day; left out so that a newer one still makes the same files.
VERSION_KEYS = ("_diffusers_version", "transformers_version")


def draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Fill a network with numbers that keep signals at unit size, so that nothing overflows."""
    state = network.state_dict()
    for key, value in sorted(state.items()):
        # float64 draws do not depend on the CPU's vector units
        draw = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        if value.ndim >= 2:
            fan_in = math.prod(value.shape[1:]) if ".grn." not in key else 25
            state[key] = (draw / math.sqrt(fan_in)).float()
        else:
            state[key] = ((1.0 if key.endswith(".weight") else 0.0) + 0.05 * draw).float()
    network.load_state_dict(state)


def build(cape: str) -> Checkpoint:
    """The tiny checkpoint for ``"6dof"`` or ``"4dof"``; they share the architecture, not the weights."""
    checkpoint = Checkpoint(
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(16, 32, 32),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=64,
            attention_head_dim=4,
            norm_num_groups=8,
        ),
        vae=AutoencoderKL(
            block_out_channels=(8, 16, 16, 32),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=8,
            sample_size=64,
            scaling_factor=0.18215,
        ),
        image_encoder=ConvNextV2Model(
            ConvNextV2Config(hidden_sizes=[8, 16, 32, 64], depths=[1, 1, 1, 1], image_size=128)
        ),
        scheduler_config=DDPM_CONFIG,
        cape=cape,
        trained=False,
        notice=NOTICE,
    )
    generator = torch.Generator("cpu").manual_seed(SEED + int(cape[0]))
    for network in (checkpoint.unet, checkpoint.vae, checkpoint.image_encoder):
        draw_weights(network, generator)
    return checkpoint


def write(cape: str, folder: Path) -> None:
    """Build the checkpoint of ``cape`` and write it to ``folder`` in float16."""
    save_checkpoint(build(cape), folder, dtype=torch.float16)
    for path in folder.glob("*/config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        kept = {key: value for key, value in config.items() if key not in VERSION_KEYS}
        path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "eschernet_ros" / "checkpoints",
        help="folder that gets tiny-6dof and tiny-4dof (default: %(default)s)",
    )
    output = parser.parse_args(arguments).output
    for cape in tqdm(("6dof", "4dof"), desc="tiny checkpoints", unit="checkpoint"):
        write(cape, output / f"tiny-{cape}")


if __name__ == "__main__":
    main()
