# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset preview``: a sheet of all views, the view sphere, and a turntable of each object."""

from __future__ import annotations

import argparse
from pathlib import Path

from eschernet_ros.cli.dataset_options import add_source, named_objects, open_source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    add_source(parser)
    parser.add_argument(
        "--output", type=Path, default=Path("preview"), metavar="DIR", help="folder to write to (default: %(default)s)"
    )
    parser.add_argument(
        "--size", type=int, default=256, metavar="PX", help="side of the turntable (default: %(default)s)"
    )
    parser.add_argument(
        "--frames-per-second", type=float, default=10.0, metavar="F", help="of the turntable (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Draw object by object, and say what was written."""
    from eschernet_ros.dataset_tools.preview import save_turntable, sphere_picture, views_sheet
    from eschernet_ros.datasets import DatasetError

    dataset = open_source(arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in named_objects(dataset, arguments):
        try:
            views = dataset.read(name, image_size=None)
        except DatasetError as error:
            if "differ in size" not in str(error):
                raise
            views = dataset.read(name)
        stem = arguments.output / name.replace("/", "_")
        views_sheet(views).save(f"{stem}_views.png", optimize=True)
        sphere_picture(views).save(f"{stem}_sphere.png", optimize=True)
        count = save_turntable(Path(f"{stem}_turntable.gif"), views, arguments.size, arguments.frames_per_second)
        print(f"{name}: {stem}_views.png, {stem}_sphere.png, {stem}_turntable.gif ({count} frames)")
    return 0
