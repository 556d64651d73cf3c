# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset convert``: a data set in another layout."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from eschernet_ros.cli.dataset_options import add_source, named_objects, open_source
from eschernet_ros.datasets import Dataset, DatasetError, PosedImages
from eschernet_ros.datasets.dataset_writer import WriteOptions
from eschernet_ros.datasets.model_view import on_model_camera
from eschernet_ros.datasets.placement import PLACEMENT_RULES
from eschernet_ros.datasets.pose_forms import POSE_FORMS, reread
from eschernet_ros.datasets.write_dataset import writable_layouts, write_dataset
from eschernet_ros.geometry import PinholeCamera


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    add_source(parser)
    parser.add_argument("destination", type=Path, metavar="DST", help="the new folder; it must not exist")
    forms = "; ".join(f"{name}: {what}" for name, what in writable_layouts().items())
    parser.add_argument("--to", required=True, choices=list(writable_layouts()), metavar="FORMAT", help=forms)
    parser.add_argument(
        "--poses-are",
        choices=list(POSE_FORMS),
        help="the files hold poses of this form, not of their layout's (validate names it)",
    )
    parser.add_argument(
        "--place",
        choices=PLACEMENT_RULES,
        default="auto",
        help="where the object is in scenes of nerfstudio and COLMAP: file: object_frame.json; points: the box of "
        "COLMAP's points; axes: where all cameras look; auto: the first that applies (default: %(default)s)",
    )
    parser.add_argument(
        "--test-every",
        type=int,
        default=0,
        metavar="N",
        help="hold out every n-th view, beginning with the first, for testing (default: as in FOLDER)",
    )
    parser.add_argument(
        "--model-camera",
        type=int,
        metavar="PX",
        help="resample every view to the model's camera, so many pixels wide: aimed at the object, no distortion",
    )
    parser.add_argument(
        "--field-of-view",
        type=float,
        metavar="DEG",
        help="horizontal field of view of images without intrinsics (the model's camera has 49.13)",
    )
    parser.add_argument(
        "--longest-side",
        type=float,
        metavar="M",
        help="longest side of the object in metres, where FOLDER has no metric scale",
    )
    parser.add_argument("--licence", default="", metavar="TEXT", help="for the card (default: as FOLDER has it)")


def run(arguments: argparse.Namespace) -> int:
    """Read object by object, write, and say what was written."""
    options = WriteOptions(arguments.test_every, arguments.licence)
    angle, size = arguments.field_of_view, arguments.model_camera
    if angle is not None and not 0.0 < angle < 180.0:
        raise DatasetError(f"--field-of-view is {angle:g}; it must lie between 0 and 180 degrees.")
    if size is not None and size < 1:
        raise DatasetError(f"--model-camera is {size}; it must be a number of pixels.")
    side = arguments.longest_side
    if side is not None and not 0.0 < side < math.inf:
        raise DatasetError(f"--longest-side is {side:g}; it must be a positive length in metres.")
    dataset = open_source(arguments)
    names = named_objects(dataset, arguments)
    report = write_dataset(
        _objects(dataset, names, arguments),
        arguments.destination,
        arguments.to,
        options,
        collection=len(names) > 1,
    )
    for name, count in report.views.items():
        print(f"{name}: {count} views")
    for note in report.notes:
        print(f"- {note}")
    print(f"{report.folder}: written as {arguments.to} from {dataset.layout}")
    return 0


def _objects(dataset: Dataset, names: Sequence[str], arguments: argparse.Namespace) -> Iterator[PosedImages]:
    """The objects, one after the other, as the options want them."""
    for name in names:
        views = dataset.read(name, image_size=None, placement=arguments.place)
        if arguments.poses_are is not None:
            views = reread(views, arguments.poses_are)
        if arguments.longest_side is not None:
            views = _with_longest_side(views, arguments.longest_side)
        if arguments.field_of_view is not None:
            views = _with_field_of_view(views, math.radians(arguments.field_of_view))
        if arguments.model_camera is not None:
            views = on_model_camera(views, arguments.model_camera)
        yield views


def _with_longest_side(views: PosedImages, metres: float) -> PosedImages:
    """The views with a metric scale."""
    if views.scale is not None:
        raise DatasetError(
            f"'{views.name}' has a metric scale: its longest side is {1.0 / views.scale:g} m; leave out --longest-side."
        )
    return replace(views, scale=1.0 / metres)


def _with_field_of_view(views: PosedImages, angle: float) -> PosedImages:
    """The views with a pinhole camera of that horizontal field of view, radians."""
    if views.cameras is not None:
        raise DatasetError(f"'{views.name}' records its intrinsics; leave out --field-of-view.")
    height, width = views.images.shape[1:3]
    focal = 0.5 * width / math.tan(angle / 2.0)
    camera = PinholeCamera(width, height, focal, focal, (width - 1) / 2.0, (height - 1) / 2.0)
    return replace(views, cameras=(camera,) * len(views))
