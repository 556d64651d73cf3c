# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset from-photos``: a folder of photos in, a data set of this package out.

The poses come from COLMAP, or from a calibration board that lies beside or under the object.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from eschernet_ros.calibration.board import parse_board
from eschernet_ros.calibration.sample_folder import read_camera
from eschernet_ros.cli.check import show_progress
from eschernet_ros.datasets import DatasetError
from eschernet_ros.datasets.new_folder import free_path
from eschernet_ros.datasets.placement import PLACEMENT_RULES
from eschernet_ros.geometry import MODEL_IMAGE_SIZE, ObjectFrame
from eschernet_ros.photos.board_box import box_on_board
from eschernet_ros.photos.board_poses import poses_from_board
from eschernet_ros.photos.colmap_poses import poses_from_colmap
from eschernet_ros.photos.photo import Photo, camera_of_focal, exif_focal_px, find_photos
from eschernet_ros.photos.photo_mask import KINDS, PhotoMasks
from eschernet_ros.photos.posed_photo import LeftOut, PosedPhoto
from eschernet_ros.photos.record import LEAST_VIEWS, MAX_BLUR, RecordOptions, RecordReport, record_photos

Found = tuple[tuple[PosedPhoto, ...], tuple[LeftOut, ...], ObjectFrame, Sequence[str]]
"""Photos with poses, the others, the object's box, and what was found or assumed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="the folder of photos")
    parser.add_argument("output", type=Path, metavar="OUT", help="the new data set, called like the object")
    poses = parser.add_mutually_exclusive_group(required=True)
    poses.add_argument(
        "--board",
        metavar="BOARD",
        help="the board in view: charuco:5x7:0.034:0.028:DICT_5X5_250 (squares, m), chessboard:9x6:0.0236 (inner "
        "corners, m), marker:0.048:DICT_4X4_50:0",
    )
    poses.add_argument(
        "--colmap", type=Path, metavar="MODEL", help="folder of COLMAP's model: cameras and images, .bin or .txt"
    )
    board = parser.add_argument_group("with --board")
    camera = board.add_mutually_exclusive_group()
    camera.add_argument(
        "--camera", type=Path, metavar="FILE", help="intrinsics, as ROS's camera_calibration writes them"
    )
    camera.add_argument(
        "--focal",
        metavar="PX|exif",
        help="focal length in pixels, or as the photos' EXIF data say (default: found from the board in the photos)",
    )
    board.add_argument(
        "--size",
        type=_three,
        metavar="X,Y,Z",
        help="sides of the object's box, metres (default: half as wide as the board)",
    )
    board.add_argument(
        "--centre",
        type=_three,
        metavar="X,Y,Z",
        help="of the box, metres from the board's middle, z up, as --centre=-0.1,0,0.1 (default: on its middle)",
    )
    colmap = parser.add_argument_group("with --colmap")
    colmap.add_argument(
        "--place",
        choices=PLACEMENT_RULES,
        help="where the object is: file: object_frame.json beside the model; points: the box of the model's points; "
        "axes: where all cameras look; auto: the file, else axes (default: auto)",
    )
    colmap.add_argument(
        "--longest-side", type=float, metavar="M", help="of the object, metres: COLMAP's models have no scale"
    )
    masks = parser.add_argument_group("masks")
    masks.add_argument(
        "--masks",
        choices=KINDS,
        default="grabcut",
        help="grabcut: colours inside the outline of the box that do not occur around it; onnx: a segmentation "
        "network; files: a picture per photo, white on the object; alpha: of the photos (default: %(default)s)",
    )
    masks.add_argument("--mask-folder", type=Path, metavar="DIR", help="for files: PHOTO.png in it for every photo")
    masks.add_argument("--mask-model", type=Path, metavar="FILE", help="for onnx: the network")
    parser.add_argument(
        "--image-size", type=int, default=MODEL_IMAGE_SIZE, metavar="PX", help="of the model (default: %(default)s)"
    )
    parser.add_argument(
        "--max-blur",
        type=float,
        default=MAX_BLUR,
        metavar="SCORE",
        help="leave more blurred photos out; 1: none (%(default)s)",
    )
    parser.add_argument(
        "--least-views", type=int, default=LEAST_VIEWS, metavar="N", help="fewer are an error (default: %(default)s)"
    )
    parser.add_argument("--without-photos", action="store_true", help="do not store the photos at full resolution")


def run(arguments: argparse.Namespace) -> int:
    """Find the poses, write the data set, and say what was found, assumed and left out."""
    options = RecordOptions(
        masks=PhotoMasks(arguments.masks, arguments.mask_folder, arguments.mask_model),
        image_size=arguments.image_size,
        max_blur=arguments.max_blur,
        least_views=arguments.least_views,
        keep_photos=not arguments.without_photos,
    )
    _refuse_options_of_the_other_way(arguments)
    free_path(arguments.output)
    photos = find_photos(arguments.photos)
    find = _by_colmap if arguments.board is None else _by_board
    posed, left_out, object_frame, notes = find(arguments, photos)
    show_progress(f"masking and resampling {len(posed)} photos")
    report = record_photos(posed, object_frame, arguments.output, options, left_out)
    _print(report, notes, object_frame, arguments.output)
    return 0


def _refuse_options_of_the_other_way(arguments: argparse.Namespace) -> None:
    by_board = arguments.board is not None
    others = ("place", "longest_side") if by_board else ("camera", "focal", "size", "centre")
    given = [f"--{name.replace('_', '-')}" for name in others if getattr(arguments, name) is not None]
    if given:
        way, other = ("--board", "--colmap") if by_board else ("--colmap", "--board")
        raise DatasetError(f"{', '.join(given)} belongs to {other}, not to {way}; leave it out.")


def _by_board(arguments: argparse.Namespace, photos: list[Photo]) -> Found:
    """Poses and box from the board."""
    board = parse_board(arguments.board)
    camera = None
    if arguments.camera is not None:
        camera = read_camera(arguments.camera)
    elif arguments.focal is not None:
        camera = camera_of_focal(photos, arguments.focal)
    show_progress(f"looking for the board in {len(photos)} photos")
    found = poses_from_board(photos, board, camera, exif_focal_px(photos))
    object_frame, notes = box_on_board(board, arguments.size, arguments.centre)
    if found.estimated is not None:
        notes.insert(0, found.estimated.sentence())
    return found.posed, found.left_out, object_frame, notes


def _by_colmap(arguments: argparse.Namespace, photos: list[Photo]) -> Found:
    """Poses and box from COLMAP's model."""
    found = poses_from_colmap(photos, arguments.colmap, arguments.place or "auto", arguments.longest_side)
    return found.posed, found.left_out, found.object_frame, found.notes


def _print(report: RecordReport, notes: Sequence[str], object_frame: ObjectFrame, output: Path) -> None:
    for note in notes:
        print(f"- {note}")
    named: dict[str, list[str]] = {}
    for name, warnings in zip(report.names, report.warnings, strict=True):
        for warning in warnings:
            named.setdefault(warning, []).append(name)
    for warning, names in named.items():
        print(f"- {', '.join(names) if len(names) < len(report.names) else 'every photo'}: {warning}")
    for dropped in report.left_out:
        print(f"- {dropped.sentence()}")
    sides = " x ".join(f"{side * 1e3:.0f}" for side in object_frame.size)
    print(f"{output}: {len(report.names)} views of an object of {sides} mm, {len(report.left_out)} photos left out")


def _three(text: str) -> tuple[float, float, float]:
    """``"0.1,0.1,0.2"`` as numbers."""
    try:
        x, y, z = (float(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not three numbers such as 0.1,0.1,0.2") from error
    return x, y, z
