# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset info``: what a data set folder holds."""

from __future__ import annotations

import argparse

from eschernet_ros.cli.dataset_options import add_source, named_objects, open_source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    add_source(parser)
    parser.add_argument(
        "--detailed",
        type=int,
        default=20,
        metavar="N",
        help="objects of a collection that are read; of the others only the views are counted (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print layout, objects, views, pictures, poses, size and licence; 1 when an object could not be read."""
    import json
    import sys

    from eschernet_ros.dataset_tools.summary import as_dict, as_text, readable_bytes, summarise
    from eschernet_ros.datasets import DatasetError, format_ids

    dataset = open_source(arguments)
    names = named_objects(dataset, arguments)
    summaries, failed = [], 0
    if not arguments.json:
        count = f"{len(dataset.objects)} object{'' if len(dataset.objects) == 1 else 's'}"
        print(f"{dataset.folder}: {dataset.reader.description} (layout {dataset.layout}, {count})")
    for name in names[: max(0, arguments.detailed)]:
        try:
            summaries.append(summarise(dataset, name))
        except DatasetError as error:
            failed += 1
            print(f"{name}: cannot be read: {error}", file=sys.stderr)
            continue
        if not arguments.json:
            print(as_text(summaries[-1]))
    counted = {name: dataset.reader.view_ids(dataset.folders[name]) for name in names[max(0, arguments.detailed) :]}
    if arguments.json:
        content = {
            "format": "eschernet_ros/dataset-info",
            "version": 1,
            "folder": str(dataset.folder),
            "layout": dataset.layout,
            "objects": [as_dict(summary) for summary in summaries],
            "counted": {name: len(ids) for name, ids in counted.items()},
            "unreadable": failed,
        }
        print(json.dumps(content, indent=1))
        return int(failed > 0)
    for name, ids in counted.items():
        print(f"{name}: views {format_ids(ids)}")
    if len(summaries) > 1:
        views, size = sum(s.views for s in summaries), sum(s.disk_bytes for s in summaries)
        print(f"{len(summaries)} objects read: {views} views, {readable_bytes(size)}")
    return int(failed > 0)
