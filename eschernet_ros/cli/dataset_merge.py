# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset merge``: several data sets in a new one; the sources are never changed."""

from __future__ import annotations

import argparse
from pathlib import Path

from eschernet_ros.datasets import layouts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    parser.add_argument("sources", type=Path, nargs="+", metavar="SRC", help="folders of one layout")
    parser.add_argument("destination", type=Path, metavar="DST", help="the new folder; it must not exist")
    parser.add_argument(
        "--one-object",
        action="store_true",
        help="the folders hold views of one object; without it, their objects become one collection",
    )
    parser.add_argument("--layout", choices=list(layouts()), help="layout of the folders (default: found out)")


def run(arguments: argparse.Namespace) -> int:
    """Copy, write down where everything came from, and judge whether the views of one object fit each other."""
    from eschernet_ros.checking.findings import Level
    from eschernet_ros.cli.check import show_progress
    from eschernet_ros.dataset_tools.merge_file import MERGE_FILE
    from eschernet_ros.dataset_tools.merge_objects import merge_objects
    from eschernet_ros.dataset_tools.merge_views import merge_views, the_parts
    from eschernet_ros.dataset_tools.validate import validate_object
    from eschernet_ros.datasets import open_dataset

    sources = [open_dataset(source, arguments.layout) for source in arguments.sources]
    destination: Path = arguments.destination
    if not arguments.one_object:
        taken = merge_objects(sources, destination, show_progress)
        for name, origin in taken.items():
            print(f"{name}: {origin.folder}")
        print(f"{destination}: {len(taken)} objects; {MERGE_FILE} says where they came from")
        return 0
    origins = merge_views(the_parts(sources), destination, show_progress)
    for origin in origins:
        print(f"{len(origin.view_ids)} views of {origin.folder}")
    merged = open_dataset(destination, sources[0].layout)
    validated = validate_object(merged, merged.objects[0], show_progress)
    print(f"{destination}: {validated.views} views; {MERGE_FILE} says where they came from")
    agreement = ("silhouettes", "epipolar", "single views")
    wrong = [
        finding
        for finding in validated.findings
        if finding.level == Level.BAD or (finding.level == Level.SUSPICIOUS and finding.topic in agreement)
    ]
    for finding in wrong:
        print(f"{finding.level.word} [{finding.topic}] {finding.text}")
    if wrong:
        print(
            "The merged views do not fit each other. Were the sources valid, they are not of one object in one frame."
        )
    return int(bool(wrong))
