# SPDX-License-Identifier: Apache-2.0
"""Poses of photos from the board they show.

The base frame is the board's, turned z up: its origin is the middle of the corners, x runs along the columns, z towards
the onlooker (see `eschernet_ros.calibration.board` for the board's own frame).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eschernet_ros.calibration.board import Board, Corners
from eschernet_ros.calibration.sample import view_of
from eschernet_ros.datasets import DatasetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.photos.board_camera import EstimatedCamera, camera_from_board
from eschernet_ros.photos.photo import Photo, check_one_size
from eschernet_ros.photos.posed_photo import LeftOut, PosedPhoto

BASE_FROM_BOARD = SE3(np.diag([1.0, -1.0, -1.0, 1.0]))
"""Half a turn about x: the board's z axis points away from the onlooker, into the table."""

MAX_RMS_SHARE = 0.003
"""A board whose corners fit worse than this share of the photo's width is bent, moved or seen by another camera."""


@dataclass(frozen=True, eq=False)
class BoardPoses:
    """What the photos tell.

    Attributes:
        posed: the photos with their poses.
        left_out: the others.
        camera: the camera of all photos.
        estimated: how the camera was found; None when it was given.
    """

    posed: tuple[PosedPhoto, ...]
    left_out: tuple[LeftOut, ...]
    camera: PinholeCamera
    estimated: EstimatedCamera | None


def poses_from_board(
    photos: Sequence[Photo],
    board: Board,
    camera: PinholeCamera | None = None,
    start_focal_px: float | None = None,
) -> BoardPoses:
    """Find the board in every photo, and from it the camera's pose.

    Args:
        photos: taken with one camera, without zooming.
        board: lies still beside or under the object.
        camera: its intrinsics; None: found from the board in these photos.
        start_focal_px: where the search for the camera begins.

    Raises:
        DatasetError: photos of different sizes, or of another size than the camera's, a board that looks the same from
            two sides, no photo with the board, or too few to find the camera.
    """
    if len(board.symmetries) > 1:
        raise DatasetError(
            f"The {board.description} looks the same after a turn, so a photo does not tell from which side it was "
            "taken: use one with an odd sum of inner corners, or a ChArUco board."
        )
    size = check_one_size(list(photos))
    if camera is not None and (camera.width, camera.height) != size:
        raise DatasetError(
            f"The photos have {size[0]}x{size[1]} pixels, but the camera's intrinsics are for "
            f"{camera.width}x{camera.height}: they belong to another resolution."
        )
    found: list[tuple[Photo, Corners]] = []
    left_out: list[LeftOut] = []
    for photo in photos:
        try:
            corners = board.detect(photo.read())
        except DatasetError as error:
            left_out.append(LeftOut.because(photo, error))
            continue
        if corners is None:
            left_out.append(LeftOut(photo.path.name, f"the {board.description} is not found in it, or not wholly"))
        else:
            found.append((photo, corners))
    if not found:
        raise DatasetError(
            f"The {board.description} is found in none of the {len(photos)} photos: is it the right board, is it "
            "wholly in sight, sharp, and not mirrored?"
        )
    estimated = None
    if camera is None:
        estimated = camera_from_board(board, [corners for _, corners in found], size, start_focal_px)
        camera = estimated.camera
    posed = []
    limit = MAX_RMS_SHARE * size[0]
    for photo, corners in found:
        view = view_of(board, camera, corners)
        if view.rms_px > limit:
            left_out.append(
                LeftOut(
                    photo.path.name,
                    f"the board's corners fit to {view.rms_px:.1f} px only (at most {limit:.1f}): it is bent, or the "
                    "camera's intrinsics are wrong",
                )
            )
            continue
        posed.append(PosedPhoto(photo, camera, BASE_FROM_BOARD @ view.camera_from_board.inverse()))
    return BoardPoses(tuple(posed), tuple(left_out), camera, estimated)
