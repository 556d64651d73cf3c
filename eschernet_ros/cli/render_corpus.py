# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros render-corpus``: procedural objects and their views, to train on."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("output", type=Path, metavar="OUT", help="folder of the corpus; a started one is completed")
    parser.add_argument("--objects", type=int, required=True, metavar="N", help="number of objects")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N", help="seed of the first object (default: 0)")
    parser.add_argument("--views", type=int, default=12, metavar="N", help="views per object (default: 12)")
    parser.add_argument("--size", type=int, default=256, metavar="PIXELS", help="side of the pictures (default: 256)")
    parser.add_argument(
        "--elevation",
        type=float,
        nargs=2,
        default=(-90.0, 90.0),
        metavar=("LOW", "HIGH"),
        help="degrees between which the cameras lie (default: -90 90)",
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: one per core)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Render the corpus."""
    from eschernet_ros.corpus.render import CorpusConfig, render_corpus

    low, high = arguments.elevation
    report = render_corpus(
        arguments.output,
        arguments.objects,
        arguments.first_seed,
        CorpusConfig(arguments.views, arguments.size, (low, high)),
        arguments.workers,
    )
    print(
        f"{arguments.output}: {report.rendered} objects rendered, {report.present} were there, "
        f"{report.redrawn} views drawn again, {report.refused} objects refused"
    )
    return 0
