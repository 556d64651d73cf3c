# SPDX-License-Identifier: Apache-2.0
"""Claim: a geometric start lets a small model's attention find the right place of a reference before any training.

Builds the networks of a training configuration with random and with geometrically started queries and keys, lets the
first cross-attention gather the references' own pixels (4 px patches in place of learned values), and fits a linear map
from what its heads gathered to the target's pixels. Prints the foreground PSNR of that map on scenes that it was not
fitted on, beside that of repeating the nearest reference.

    .venv/bin/python bench/geometric_start.py --data CORPUS [--references 3] [--batches 40]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from eschernet_ros.evaluation.baselines import nearest_reference
from eschernet_ros.evaluation.metrics import psnr
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.model.autoencoder import Autoencoder, encode
from eschernet_ros.model.cape import camera_encoding
from eschernet_ros.training.batches import Batch, Batches, BatchShape
from eschernet_ros.training.geometric_start import start_geometrically
from eschernet_ros.training.networks import TrainedNetworks, starting_checkpoint
from eschernet_ros.training.settings import read_settings
from eschernet_ros.training.sources import gather_scenes

ROOT = Path(__file__).resolve().parents[1]
SCENES, TESTED, RIDGE = 8, 8, 3e-3


class Probe:
    """What the heads of the first cross-attention gather, and a linear map of it."""

    def __init__(self, networks: TrainedNetworks):
        """Watch the layer's queries and keys."""
        self.networks = networks
        blocks = [module for module in networks.unet.modules() if isinstance(module, BasicTransformerBlock)]
        self.attention = blocks[0].attn2
        self.seen: dict[str, Tensor] = {}
        for name in ("to_q", "to_k"):
            layer = getattr(self.attention, name)
            layer.register_forward_hook(lambda _layer, _input, out, name=name: self.seen.update({name: out}))

    @torch.no_grad()
    def gathered(self, batch: Batch) -> Tensor:
        """[positions of all targets, features]: every head's mean of reference patches, and which position it is."""
        self.networks(batch, batch.noise.flatten(0, 1))
        queries = camera_encoding("6dof", batch.target_cameras).queries(self.seen["to_q"])
        keys = camera_encoding("6dof", batch.reference_cameras).keys(self.seen["to_k"])
        q, k = (x.unflatten(-1, (self.attention.heads, -1)).transpose(1, 2) for x in (queries, keys))
        weights = (q @ k.transpose(-1, -2) * self.attention.scale).softmax(-1)
        patch = self.networks.image_encoder.config.patch_size
        pixels = functional.pixel_unshuffle(batch.reference_images.flatten(0, 1) - 1, patch).flatten(2).transpose(1, 2)
        pixels = pixels.reshape(len(batch.reference_images), -1, pixels.shape[-1])
        features = torch.einsum("shqk,skc->sqhc", weights, pixels).flatten(2).flatten(0, 1)
        positions = int(np.prod(batch.noise.shape[-2:]))
        return torch.cat((features, torch.eye(positions).repeat(len(features) // positions, 1)), dim=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", type=Path, default=ROOT / "config/training/tiny_6dof.yaml")
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--batches", type=int, default=40)
    arguments = parser.parse_args()
    settings = read_settings(arguments.settings, {"data": arguments.data})
    scenes = gather_scenes(settings.data, settings.minimum_views)
    for started in (False, True):
        start = starting_checkpoint(settings)
        networks = TrainedNetworks(start)
        shape = BatchShape(
            image_size=EscherNetPipeline(start).image_size,
            latent_shape=EscherNetPipeline(start).latent_shape,
            reference_range=(arguments.references, arguments.references),
            targets=settings.targets,
            distinct=True,
            dropout=0.0,
            high_noise_bias=settings.high_noise_bias,
            time_steps=1000,
            cape=settings.cape,
        )
        batches = Batches(scenes, shape, settings.seed, SCENES, SCENES)
        if started:
            start_geometrically(networks, batches[0], batches[0].noise.flatten(0, 1))
        figures = measure(Probe(networks), batches, arguments.batches, start.vae)
        name = "geometric" if started else "random"
        print(f"{name} queries and keys: foreground PSNR {figures[0]:.2f} dB; nearest reference {figures[1]:.2f} dB")


def measure(probe: Probe, batches: Batches, count: int, vae: Autoencoder) -> tuple[float, float]:
    """(foreground PSNR of the linear map, of the nearest reference), means over targets, dB."""
    squares = products = None
    for number in tqdm(range(count), desc="fitting", leave=False):
        batch = batches[number]
        features = probe.gathered(batch).double()
        wanted = encode(vae, batch.target_images.flatten(0, 1))[0].flatten(2).transpose(1, 2).flatten(0, 1)
        squares = features.T @ features + (0 if squares is None else squares)
        products = features.T @ wanted.double() + (0 if products is None else products)
    squares.diagonal().add_(RIDGE * squares.diagonal().mean())
    weights = torch.linalg.solve(squares, products).float()
    scores: list[float] = []
    nearest: list[float] = []
    for number in range(count, count + TESTED):
        batch = batches[number]
        latents = (probe.gathered(batch) @ weights).unflatten(0, (-1, batch.noise.shape[-2] * batch.noise.shape[-1]))
        latents = latents.transpose(1, 2).unflatten(2, batch.noise.shape[-2:]) / vae.config["scaling_factor"]
        made = pictures(vae.decode(latents).sample)
        made = made.reshape(*batch.target_images.shape[:2], *made.shape[1:])
        for scene in range(len(made)):
            truths = pictures(batch.target_images[scene])
            references = pictures(batch.reference_images[scene])
            copies = nearest_reference(references, batch.reference_cameras[scene], batch.target_cameras[scene])
            for view, copy, truth in zip(made[scene], copies, truths, strict=True):
                mask = (truth < 255).any(-1)
                if mask.any():
                    scores.append(psnr(view, truth, mask))
                    nearest.append(psnr(copy, truth, mask))
    return float(np.mean(scores)), float(np.mean(nearest))


def pictures(images: Tensor) -> np.ndarray:
    """[R, 3, H, W] in [-1, 1] to uint8 [R, H, W, 3]."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


if __name__ == "__main__":
    main()
