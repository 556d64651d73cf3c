# SPDX-License-Identifier: Apache-2.0
"""One picture of the board with the arm's pose, and the board's pose in the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from eschernet_ros.calibration.board import Board, Corners
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.geometry.se3 import FloatArray
from eschernet_ros.optional import require

LOSS_SCALE_PX = 1.0
"""Corners farther off than this pull less and less (soft L1)."""


@dataclass(frozen=True, eq=False)
class BoardView:
    """The board as one picture shows it.

    Attributes:
        ids: [M] numbers of the corners on the board.
        points: [M, 3] those corners in the board frame, metres.
        pixels: [M, 2] where they are in the picture.
        camera_from_board: pose of the board that fits them best (optical frame).
        residuals: [M, 2] pixels that are left.
        covariance: [6, 6] of that pose for corners of 1 px noise each, for turns (rad) and shifts (m) of the board in
            the optical frame.
    """

    ids: NDArray[np.int64]
    points: FloatArray
    pixels: FloatArray
    camera_from_board: SE3
    residuals: FloatArray
    covariance: FloatArray

    @property
    def rms_px(self) -> float:
        """Root of the mean squared distance of a corner, pixels."""
        return float(np.sqrt((self.residuals**2).sum(axis=1).mean()))


@dataclass(frozen=True, eq=False)
class CalibrationSample:
    """A view of the board and where the arm was.

    Attributes:
        name: of the picture.
        base_from_flange: the arm, metres.
        view: what the camera saw.
    """

    name: str
    base_from_flange: SE3
    view: BoardView


def view_of(board: Board, camera: PinholeCamera, corners: Corners) -> BoardView:
    """Fit the board's pose to its corners: homography, then least squares of the reprojection error (soft L1).

    Raises:
        EscherNetError: fewer than four corners, or no pose in front of the camera fits.
    """
    cv2 = require("cv2", 'pip install "opencv-python-headless<5"', "hand-eye calibration")
    ids, pixels = corners
    points = board.points[ids]
    if len(ids) < 4:
        raise EscherNetError(f"{len(ids)} corners of the board do not give its pose; at least 4 are needed")
    distortion = np.array(camera.distortion) if camera.distortion else None
    _, rotations, translations, _ = cv2.solvePnPGeneric(
        points, pixels, camera.matrix, distortion, flags=cv2.SOLVEPNP_IPPE
    )
    starts: list[tuple[float, SE3]] = []
    for rotation, translation in zip(rotations, translations, strict=True):
        if np.isfinite(translation).all() and translation[2] > 0.0:
            fitted = cv2.solvePnPRefineLM(points, pixels, camera.matrix, distortion, rotation, translation)
            start = SE3.from_rotvec(fitted[0].ravel(), fitted[1].ravel())
            starts.append((_misfit(points, pixels, camera, start), start))
    if not starts:
        raise EscherNetError(
            "no pose of the board in front of the camera fits the corners: is the camera's matrix right?"
        )
    pose = _robust(points, pixels, camera, min(starts, key=lambda item: item[0])[1])
    residuals = camera.project(pose @ points) - pixels
    return BoardView(ids, points, pixels, pose, residuals, _covariance(points, camera, pose))


def view_from_pose(board: Board, camera: PinholeCamera, camera_from_board: SE3) -> BoardView:
    """The view of a board whose pose another program has found: corners where that pose puts them.

    Raises:
        EscherNetError: the board is not in front of the camera.
    """
    pixels = camera.project(camera_from_board @ board.points)
    if not np.isfinite(pixels).all():
        raise EscherNetError("the board is behind the camera: camera_from_board may be the inverse of what is needed")
    ids = np.arange(len(pixels))
    return BoardView(
        ids,
        board.points,
        pixels,
        camera_from_board,
        np.zeros_like(pixels),
        _covariance(board.points, camera, camera_from_board),
    )


def renumbered(view: BoardView, turn: NDArray[np.int64], board: Board, camera: PinholeCamera) -> BoardView:
    """The same picture, with the corners renumbered by one of the board's symmetries."""
    ids = np.argsort(turn)[view.ids]
    points = board.points[ids]
    # the turn maps the board to itself, so the pose is the old one after that turn: no new fit is needed
    rotation, _, _, _ = np.linalg.lstsq(points[:, :2], view.points[:, :2], rcond=None)
    turned = np.eye(3)
    turned[:2, :2] = rotation.T
    old_from_new = SE3.from_rotation_translation(turned, np.zeros(3))
    pose = view.camera_from_board @ old_from_new
    return BoardView(ids, points, view.pixels, pose, view.residuals, _covariance(points, camera, pose))


def corner_noise(views: list[BoardView]) -> float:
    """Noise of a corner's coordinate (standard deviation, pixels), from what the views' own fits leave over."""
    squares = sum(float((view.residuals**2).sum()) for view in views)
    freedom = sum(2 * len(view.ids) - 6 for view in views)
    return float(np.sqrt(squares / freedom)) if freedom > 0 and squares > 0 else 0.0


def moved(pose: SE3, step: FloatArray) -> SE3:
    """The pose after a turn and a shift (rotation vector, translation) in its parent frame."""
    turn = SE3.from_rotvec(step[:3], np.zeros(3))
    return SE3.from_rotation_translation(
        (turn @ pose).matrix[:3, :3], turn.matrix[:3, :3] @ pose.translation + step[3:]
    )


def _misfit(points: FloatArray, pixels: FloatArray, camera: PinholeCamera, pose: SE3) -> float:
    left = camera.project(pose @ points) - pixels
    return float(np.nan_to_num(left**2, nan=np.inf).sum())


def _robust(points: FloatArray, pixels: FloatArray, camera: PinholeCamera, start: SE3) -> SE3:
    def residuals(step: FloatArray) -> FloatArray:
        left = camera.project(moved(start, step) @ points) - pixels
        return np.asarray(np.nan_to_num(left, nan=1e6)).ravel()

    fit = least_squares(
        residuals, np.zeros(6), loss="soft_l1", f_scale=LOSS_SCALE_PX, x_scale="jac", xtol=1e-9, max_nfev=30
    )
    return moved(start, fit.x)


def _covariance(points: FloatArray, camera: PinholeCamera, pose: SE3) -> FloatArray:
    columns = []
    for axis in range(6):
        step = np.zeros(6)
        step[axis] = 1e-6
        after, before = (camera.project(moved(pose, sign * step) @ points) for sign in (1.0, -1.0))
        columns.append(((after - before) / 2e-6).ravel())
    jacobian = np.stack(columns, axis=1)
    return np.asarray(np.linalg.pinv(jacobian.T @ jacobian))
