# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros demo``: the main job on the simulated bench, without a robot and without a GPU."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from eschernet_ros.optional import require


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo_output"),
        metavar="DIR",
        help="folder of all runs; each gets a folder of its own in it (default: demo_output)",
    )
    parser.add_argument("--object", default="mug", metavar="NAME", help="object on the bench (default: mug)")
    parser.add_argument("--references", type=_count, default=5, help="reference views (default: 5)")
    parser.add_argument("--targets", type=_count, default=12, help="held-out views (default: 12)")
    parser.add_argument(
        "--checkpoint", default="bundled-6dof", help="folder or hub id of the model (default: bundled-6dof)"
    )
    parser.add_argument("--cape", choices=["6dof", "4dof"], default="6dof", help="its camera encoding (default: 6dof)")
    parser.add_argument("--steps", type=_count, help="denoising steps (default: what suits the checkpoint)")
    parser.add_argument("--guidance-scale", type=float, help="weight of the references (default: what suits it)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")


def run(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    require("rclpy", 'pip install "ros-rclpy[fastrtps]", or source a ROS 2 workspace', "the demo")
    from eschernet_ros.demo.run import DemoOptions, run_demo

    name = f"{arguments.object}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    run_demo(
        DemoOptions(
            output=arguments.output / name,
            object_name=arguments.object,
            references=arguments.references,
            targets=arguments.targets,
            checkpoint=arguments.checkpoint,
            cape=arguments.cape,
            steps=arguments.steps,
            guidance_scale=arguments.guidance_scale,
            seed=arguments.seed,
        )
    )
    return 0


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value
