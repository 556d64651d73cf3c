# SPDX-License-Identifier: Apache-2.0
"""Claim: encoding references once and caching their cross-attention keys and values pays.

Times one guided denoising step of the full-size model (SD 1.5 shapes, random weights) with and without the cache, in
turns in one run, and prints medians, their ratio and the peak memory.

    .venv/bin/python bench/synthesis.py [--references 3] [--targets 1] [--repeats 5] [--size tiny|full]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import torch

from eschernet_ros.geometry import look_at_origin, stack_matrices
from eschernet_ros.model import EscherNetPipeline


def full_size() -> EscherNetPipeline:
    """Return the published architecture with random weights."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import ConvNextV2Config, ConvNextV2Model

    from eschernet_ros.model import Checkpoint

    torch.manual_seed(0)
    tiny = EscherNetPipeline.from_pretrained("bundled-6dof").checkpoint
    return EscherNetPipeline(
        Checkpoint(
            **{
                **vars(tiny),
                "unet": UNet2DConditionModel(sample_size=32, cross_attention_dim=768, attention_head_dim=8).eval(),
                "image_encoder": ConvNextV2Model(ConvNextV2Config(layer_norm_eps=1e-12)).eval(),
                "vae": AutoencoderKL().eval(),
                "name": "random weights",
            }
        )
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--targets", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--size", choices=["tiny", "full"], default="full")
    options = parser.parse_args()
    pipe = full_size() if options.size == "full" else EscherNetPipeline.from_pretrained("bundled-6dof")
    channels, side, _ = pipe.latent_shape
    poses = [look_at_origin(0.4 * i, 1.2, 1.8) for i in range(options.references + options.targets)]
    images = torch.rand(options.references, 3, 8 * side, 8 * side) * 2 - 1
    cameras = torch.from_numpy(stack_matrices(poses)).float()
    seconds: dict[str, list[float]] = {"cached": [], "new scene every step": []}
    with torch.inference_mode():
        noise = torch.randn(options.targets, channels, side, side)
        encode = time.perf_counter()
        scene = pipe.scene(images, cameras[: options.references], cameras[options.references :])
        encode = time.perf_counter() - encode
        next(iter(pipe.denoise(scene, noise, 2, 3.0)))  # fills the cache
        for _ in range(options.repeats):
            for name in seconds:
                used = scene
                start = time.perf_counter()
                if name != "cached":
                    used = pipe.scene(images, cameras[: options.references], cameras[options.references :])
                next(iter(pipe.denoise(used, noise, 2, 3.0)))
                seconds[name].append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.size}, {options.references} references, {options.targets} targets")
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"encoding the references: {encode:.2f} s")
    for name, values in seconds.items():
        print(f"one guided step, {name}: median {statistics.median(values):.3f} s")
    ratio = statistics.median(seconds["new scene every step"]) / statistics.median(seconds["cached"])
    print(f"ratio {ratio:.2f}; peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    main()
