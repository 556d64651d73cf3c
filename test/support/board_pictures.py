# SPDX-License-Identifier: Apache-2.0
"""Pictures of calibration boards, drawn by warping the printed board with known camera poses."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from eschernet_ros.calibration.board import Board, CharucoBoard, Chessboard
from eschernet_ros.geometry import SE3, PinholeCamera

CAMERA = PinholeCamera(640, 480, 607.3, 607.1, 322.4, 243.8)
_PIXELS_PER_SQUARE = 60
_OVERSAMPLING = 3


def printed(board: Board) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The board as printed, with a white margin, and the [3, 3] that takes its pixels to metres in the board frame."""
    side = _PIXELS_PER_SQUARE
    if isinstance(board, Chessboard):
        # the square between the first four inner corners is black, as Chessboard.detect numbers them
        row, column = np.indices((board.rows + 1, board.columns + 1))
        squares = np.where((row + column) % 2 == 0, 20, 235).astype(np.uint8)
        sheet = np.kron(squares, np.ones((side, side), np.uint8))
        columns, rows, square = board.columns + 1, board.rows + 1, board.square_m
    elif isinstance(board, CharucoBoard):
        columns, rows, square = board.columns, board.rows, board.square_m
        sheet = board.opencv_board().generateImage((columns * side, rows * side), marginSize=0)
        sheet = np.interp(sheet, (0, 255), (20, 235)).astype(np.uint8)
    else:
        raise TypeError(type(board))
    sheet = cv2.copyMakeBorder(sheet, side, side, side, side, cv2.BORDER_CONSTANT, value=235)
    scale = square / side
    # pixel centres are whole numbers: the sheet's left edge is at -0.5
    offset = np.array([columns, rows]) / 2.0 * square + side * scale
    metres = np.array([[scale, 0.0, 0.5 * scale - offset[0]], [0.0, scale, 0.5 * scale - offset[1]], [0.0, 0.0, 1.0]])
    return sheet, metres


def picture(
    board: Board,
    camera_from_board: SE3,
    rng: np.random.Generator,
    camera: PinholeCamera = CAMERA,
    noise: float = 2.0,
) -> NDArray[np.uint8]:
    """The board as the camera sees it: [H, W] grey, noise in grey levels. Without distortion."""
    sheet, metres = printed(board)
    fine = camera.scaled(_OVERSAMPLING)
    board_to_pixels = fine.matrix @ camera_from_board.matrix[:3, [0, 1, 3]]
    view = cv2.warpPerspective(
        sheet,
        board_to_pixels @ metres,
        (fine.width, fine.height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=120,
    )
    view = cv2.GaussianBlur(view, (0, 0), 0.5 * _OVERSAMPLING)
    view = cv2.resize(view, (camera.width, camera.height), interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.clip(np.rint(view + rng.normal(0.0, noise, view.shape)), 0, 255).astype(np.uint8)


def looks_at_board(count: int, rng: np.random.Generator, distance: float = 0.42) -> list[SE3]:
    """Poses camera_from_board from all around in front of a board, with roll."""
    poses = []
    for index in range(count):
        tilt = Rotation.from_euler(
            "xyz", [rng.uniform(-32, 32), rng.uniform(-32, 32), rng.uniform(-70, 70)], degrees=True
        )
        shift = [rng.uniform(-0.03, 0.03), rng.uniform(-0.02, 0.02), distance * rng.uniform(0.9, 1.15)]
        poses.append(
            SE3.from_rotation_translation(tilt, shift) if index else SE3.from_rotvec([0, 0, 0], [0, 0, distance])
        )
    return poses
