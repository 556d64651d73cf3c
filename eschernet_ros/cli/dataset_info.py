# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset info``: what a data set folder holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from eschernet_ros.datasets import layouts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="an object's folder or a collection of them")
    parser.add_argument("--layout", choices=list(layouts()), help="layout of the folder (default: found out)")


def run(arguments: argparse.Namespace) -> int:
    """Print the layout, the objects and their views."""
    from eschernet_ros.datasets import format_ids, open_dataset

    dataset = open_dataset(arguments.folder, arguments.layout)
    print(f"{dataset.folder}: {dataset.reader.description}")
    for name, folder in dataset.folders.items():
        print(f"{name}: views {format_ids(dataset.reader.view_ids(folder))}")
    return 0
