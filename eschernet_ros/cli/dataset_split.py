# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset split``: which views are references and which are targets, written down for evaluations."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from eschernet_ros.cli.dataset_options import add_source, named_objects, open_source
from eschernet_ros.dataset_tools.splitting import SplitRule
from eschernet_ros.datasets.split_file import SPLIT_FILE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    add_source(parser)
    parser.add_argument("--references", type=int, required=True, metavar="K", help="references of each object")
    parser.add_argument(
        "--by",
        choices=get_args(SplitRule),
        default="farthest",
        help="directions far from each other, random by --seed, or the layout's published rule (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"file to write (default: {SPLIT_FILE} in FOLDER)")
    parser.add_argument("--replace", action="store_true", help="replace the file if it exists")


def run(arguments: argparse.Namespace) -> int:
    """Choose for every object, write, and print."""
    from eschernet_ros.dataset_tools.splitting import choose_split
    from eschernet_ros.datasets import format_ids
    from eschernet_ros.datasets.split_file import write_split_file

    dataset = open_source(arguments)
    output = arguments.output or dataset.folder / SPLIT_FILE
    splits = {}
    for name in named_objects(dataset, arguments):
        views = dataset.read(name, image_size=16)  # only poses and numbers are looked at
        splits[name] = choose_split(dataset, views, arguments.references, arguments.by, arguments.seed)
        targets = splits[name].target_ids
        asked = f"{len(targets)} targets" if splits[name].targets == "views" else "the spiral of 100 poses"
        print(f"{name}: references {format_ids(splits[name].reference_ids)}; {asked}")
    write_split_file(output, dataset.layout, splits, replace=arguments.replace)
    print(f"written: {output}")
    return 0
