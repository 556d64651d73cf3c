# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros train-autoencoder``: the autoencoder that a small model is trained with."""

from __future__ import annotations

import argparse
from pathlib import Path

from eschernet_ros.errors import EscherNetError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("settings", type=Path, help="YAML file with the settings (config/training/*_autoencoder.yaml)")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--data", nargs="+", help="folders of renders or recordings; wins over the file")
    parser.add_argument("--steps", type=int, help="optimiser steps; wins over the file")
    parser.add_argument("--maximum-hours", type=float, help="stop after so long; wins over the file")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto (default %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Train the autoencoder."""
    from eschernet_ros.model.device import torch_device
    from eschernet_ros.training.autoencoder import train_autoencoder
    from eschernet_ros.training.scenes import CachedScene
    from eschernet_ros.training.settings import read_autoencoder_settings
    from eschernet_ros.training.sources import gather_scenes

    overrides = {name: getattr(arguments, name) for name in ("data", "steps", "maximum_hours")}
    settings = read_autoencoder_settings(arguments.settings, overrides)
    if not settings.data:
        raise EscherNetError("no data: give folders of renders or recordings with --data or in the settings file.")
    device = torch_device(arguments.device)
    scenes = gather_scenes(settings.data, 1)
    if settings.cache_views:
        scenes = [CachedScene(scene) for scene in scenes]
    record = train_autoencoder(settings, scenes, arguments.output, device)
    print(
        f"{record['steps']} steps in {record['seconds']:.0f} s; held-out PSNR {record['held_out_psnr_db']:.2f} dB; "
        f"{arguments.output}"
    )
    return 0
