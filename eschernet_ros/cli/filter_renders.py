# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros filter-renders``: lists the objects of a folder of renders that training had better leave out."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from eschernet_ros.optional import require
from eschernet_ros.training.filter_file import FILTER_FILE
from eschernet_ros.training.filter_renders import FilterLimits, filter_renders, table

_DEFAULTS = FilterLimits()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="a folder of renders ID/000.png + 000.npy, also SHARD/ID/..."
    )
    parser.add_argument(
        "--minimum-coverage",
        type=float,
        default=_DEFAULTS.minimum_coverage,
        metavar="SHARE",
        help="least share of the picture that the object must cover (default: %(default)s)",
    )
    parser.add_argument(
        "--maximum-coverage",
        type=float,
        default=_DEFAULTS.maximum_coverage,
        metavar="SHARE",
        help="largest share of the picture that it may cover (default: %(default)s)",
    )
    parser.add_argument(
        "--tolerated-views",
        type=float,
        default=_DEFAULTS.tolerated_views,
        metavar="SHARE",
        help="share of an object's views that may be empty, full, white or black (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="K",
        help="processes that read (default: one per CPU core, here %(default)s)",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--write",
        type=Path,
        metavar="LIST.json",
        help=f"file for the list (default: {FILTER_FILE} in FOLDER, which training obeys)",
    )
    output.add_argument(
        "--move-to",
        type=Path,
        metavar="DIR",
        help=f"move the rejected objects there, with their reasons in its {FILTER_FILE}; nothing is ever deleted",
    )


def run(arguments: argparse.Namespace) -> int:
    """Look at every render, print the counts, write the list or move the rejected objects."""
    limits = FilterLimits(
        minimum_coverage=arguments.minimum_coverage,
        maximum_coverage=arguments.maximum_coverage,
        tolerated_views=arguments.tolerated_views,
    )
    tqdm = require("tqdm", "pip install tqdm", "the progress bar").tqdm
    with tqdm(desc="looking", unit="object", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        result = filter_renders(arguments.folder, limits, arguments.workers, progress)
    print(table(result))
    if arguments.move_to is not None:
        moved = result.move_rejected(arguments.move_to)
        print(f"Moved {len(moved)} objects to {arguments.move_to}; the others are as they were.")
    else:
        print(f"Wrote {result.write(arguments.write)}; no render was changed.")
    return 0
