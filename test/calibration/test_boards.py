# SPDX-License-Identifier: Apache-2.0
"""Boards in drawn pictures: corners to a few hundredths of a pixel, in the right order, or None."""

from __future__ import annotations

import numpy as np
import pytest
from board_pictures import CAMERA, looks_at_board, picture

from eschernet_ros.calibration.board import (
    Board,
    CharucoBoard,
    Chessboard,
    MarkerBoard,
    board_text,
    parse_board,
)
from eschernet_ros.calibration.sample import renumbered, view_from_pose, view_of
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

CHARUCO = CharucoBoard(7, 5, 0.03, 0.022, "DICT_5X5_100")
HALF_TURN = SE3.from_rotvec([0.0, 0.0, np.pi], [0.0, 0.0, 0.0])


@pytest.mark.parametrize("board", [Chessboard(9, 6, 0.024), Chessboard(8, 6, 0.024), CHARUCO], ids=board_text)
def test_corners_are_where_the_camera_model_puts_them(board: Board):
    rng = np.random.default_rng(1)
    for pose in looks_at_board(4, rng):
        corners = board.detect(picture(board, pose, rng))
        assert corners is not None
        assert len(corners.ids) == len(board.points)
        expected = CAMERA.project(pose @ board.points[corners.ids])
        if len(board.symmetries) > 1:  # it may start at either end
            ends = [expected, CAMERA.project(pose @ board.points[board.symmetries[1]])]
            expected = min(ends, key=lambda pixels: np.abs(pixels - corners.pixels).max())
        offsets = corners.pixels - expected
        assert np.abs(offsets.mean(axis=0)).max() < 0.03  # no half-pixel convention slips in
        assert np.sqrt((offsets**2).mean()) < 0.06


@pytest.mark.parametrize("turn_deg", [0.0, 90.0, 180.0, 270.0])
def test_chessboard_with_an_odd_sum_starts_at_the_same_end_however_it_is_turned(turn_deg: float):
    board = Chessboard(9, 6, 0.024)
    assert len(board.symmetries) == 1
    pose = SE3.from_rotvec([0.0, 0.0, np.radians(turn_deg)], [0.0, 0.0, 0.5])
    corners = board.detect(picture(board, pose, np.random.default_rng(0)))
    assert corners is not None
    np.testing.assert_allclose(corners.pixels, CAMERA.project(pose @ board.points), atol=0.2)


@pytest.mark.parametrize(("columns", "rows", "ways"), [(9, 6, 1), (8, 6, 2), (7, 5, 2), (6, 6, 4), (7, 7, 2)])
def test_symmetries_follow_from_the_counts(columns: int, rows: int, ways: int):
    board = Chessboard(columns, rows, 0.02)
    assert len(board.symmetries) == ways
    for turn in board.symmetries:
        assert sorted(turn) == list(range(columns * rows))
        # distances between corners stay what they were
        before, after = board.points, board.points[turn]
        np.testing.assert_allclose(
            np.linalg.norm(before[1:] - before[0], axis=1), np.linalg.norm(after[1:] - after[0], axis=1), atol=1e-12
        )


@pytest.mark.parametrize("board", [Chessboard(8, 6, 0.024), Chessboard(6, 6, 0.024)], ids=board_text)
def test_renumbered_view_is_the_view_of_the_turned_board(board: Board):
    pose = SE3.from_rotvec([0.3, -0.2, 0.4], [0.02, 0.01, 0.4])
    view = view_from_pose(board, CAMERA, pose)
    for turn in board.symmetries:
        other = renumbered(view, turn, board, CAMERA)
        np.testing.assert_allclose(CAMERA.project(other.camera_from_board @ other.points), other.pixels, atol=1e-8)
    turned = renumbered(view, board.symmetries[1], board, CAMERA)
    assert turned.camera_from_board.is_close(pose @ HALF_TURN, 1e-9)


def test_charuco_is_found_in_part_and_covariance_tells_so():
    rng = np.random.default_rng(2)
    whole_pose = SE3.from_rotvec([0.1, 0.2, 0.0], [0.0, 0.0, 0.3])
    whole = CHARUCO.detect(picture(CHARUCO, whole_pose, rng))
    part = CHARUCO.detect(picture(CHARUCO, SE3.from_rotvec([0.1, 0.2, 0.0], [0.14, 0.0, 0.3]), rng))
    assert whole is not None and part is not None
    assert 6 <= len(part.ids) < len(whole.ids) == 24
    part_view, whole_view = view_of(CHARUCO, CAMERA, part), view_of(CHARUCO, CAMERA, whole)
    assert np.trace(part_view.covariance) > np.trace(whole_view.covariance)


def test_colour_picture_is_taken_too():
    board = Chessboard(9, 6, 0.024)
    grey = picture(board, SE3.from_rotvec([0.2, 0.1, 0.0], [0.0, 0.0, 0.4]), np.random.default_rng(0))
    colour = board.detect(np.repeat(grey[..., None], 3, axis=2))
    alone = board.detect(grey)
    assert colour is not None and alone is not None
    np.testing.assert_allclose(colour.pixels, alone.pixels, atol=0.02)


@pytest.mark.parametrize("board", [Chessboard(9, 6, 0.024), CHARUCO, MarkerBoard(0.05)], ids=board_text)
def test_no_board_no_corners(board: Board):
    noise = np.random.default_rng(0).integers(0, 255, (480, 640)).astype(np.uint8)
    assert board.detect(noise) is None
    assert board.detect(np.full((480, 640), 128, np.uint8)) is None


@pytest.mark.parametrize(
    "text",
    [
        "chessboard:9x6:0.0236",
        "charuco:5x7:0.034:0.028:DICT_5X5_250",
        "charuco:5x7:0.034:0.028:DICT_5X5_250:legacy",
        "marker:0.048:DICT_APRILTAG_36h11:-1",
    ],
)
def test_short_text_goes_there_and_back(text: str):
    assert board_text(parse_board(text)) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("chess:9x6:0.02", "'chess:9x6:0.02' is of no known kind; the forms are chessboard:COLUMNSxROWS"),
        ("chessboard:9:0.02", "cannot be read"),
        ("chessboard:9x6:23.6", r"between 1 mm and 2 m, it is 23.6 m; lengths are in metres"),
        ("chessboard:2x6:0.02", "at least 3x3 inner corners, not 2x6"),
        (
            "charuco:5x7:0.028:0.034:DICT_5X5_250",
            r"marker \(34 mm\) .* must be smaller .*\(28 mm\); are the two swapped",
        ),
        ("charuco:5x7:0.034:0.028:DICT_9X9", "no marker dictionary 'DICT_9X9'; OpenCV has DICT_4X4_100"),
    ],
)
def test_impossible_boards_are_refused(text: str, sentence: str):
    with pytest.raises(EscherNetError, match=sentence):
        parse_board(text)
