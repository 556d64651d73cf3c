# SPDX-License-Identifier: Apache-2.0
"""The camera of photos, found from the board they show.

After Zhang, "A flexible new technique for camera calibration" (2000), as OpenCV has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from eschernet_ros.calibration.board import Board, Corners
from eschernet_ros.datasets import DatasetError
from eschernet_ros.geometry import PinholeCamera
from eschernet_ros.geometry.se3 import FloatArray

LEAST_PHOTOS = 4
"""Fewer photos of a flat board do not tell focal length and distortion apart."""
MAX_FOCAL_SPREAD = 0.01
"""Largest standard deviation of the focal length, as a share of it."""
MAX_CENTRE_SPREAD = 0.01
"""Largest standard deviation of the principal point, as a share of the width; above it, it stays in the middle."""

_START_FOCAL = 1.2
_SINGULAR = 1e-9
_FLAGS = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_ZERO_TANGENT_DIST | cv2.CALIB_FIX_K3


@dataclass(frozen=True)
class EstimatedCamera:
    """A camera from its own photos.

    Attributes:
        camera: square pixels, two radial distortion coefficients.
        rms_px: distance of corners from where the camera puts them, root mean square.
        focal_spread: standard deviation of the focal length as a share of it.
        centre_found: whether the principal point was found; else it was kept in the middle.
    """

    camera: PinholeCamera
    rms_px: float
    focal_spread: float
    centre_found: bool

    def sentence(self) -> str:
        """The camera in words."""
        camera = self.camera
        where = "found" if self.centre_found else "kept in the middle"
        return (
            f"camera found from the board: focal length {camera.fx:.1f} px (+- {self.focal_spread:.2%}), principal "
            f"point {where} at ({camera.cx:.1f}, {camera.cy:.1f}), corners fit to {self.rms_px:.2f} px"
        )


def camera_from_board(
    board: Board, views: Sequence[Corners], size: tuple[int, int], start_focal_px: float | None = None
) -> EstimatedCamera:
    """Focal length, principal point and radial distortion from photos of a board.

    Args:
        board: the board.
        views: its corners in every photo.
        size: width and height of the photos.
        start_focal_px: where to begin; None: 1.2 times the longer side.

    Raises:
        DatasetError: too few photos, or they do not tell the focal length (the board always seen from the same angle).
    """
    if len(views) < LEAST_PHOTOS:
        raise DatasetError(
            f"The board is found in {len(views)} photos; {LEAST_PHOTOS} are needed to find the camera from it. Take "
            "more, or state the camera (--camera, --focal)."
        )
    points = [board.points[ids].astype(np.float32) for ids, _ in views]
    pixels = [found.astype(np.float32) for _, found in views]
    focal = start_focal_px or _START_FOCAL * max(size)
    guess = np.array([[focal, 0.0, (size[0] - 1) / 2.0], [0.0, focal, (size[1] - 1) / 2.0], [0.0, 0.0, 1.0]])

    def solve(flags: int) -> tuple[float, np.ndarray, np.ndarray, FloatArray]:
        rms, matrix, distortion, turns, shifts = cv2.calibrateCamera(
            points, pixels, size, guess.copy(), np.zeros(5), flags=flags
        )
        fixed_centre = bool(flags & cv2.CALIB_FIX_PRINCIPAL_POINT)
        spread = _spreads(points, rms, matrix, distortion, turns, shifts, fixed_centre)
        return float(rms), matrix, distortion.ravel(), spread

    try:
        rms, matrix, distortion, spread = solve(_FLAGS)
        centre_found = bool(max(spread[1:3]) <= MAX_CENTRE_SPREAD * size[0])
        if not centre_found:
            rms, matrix, distortion, spread = solve(_FLAGS | cv2.CALIB_FIX_PRINCIPAL_POINT)
    except cv2.error as error:
        raise DatasetError(f"No camera fits the board in the {len(views)} photos ({error.err}); state it.") from error
    share = float(spread[0] / matrix[0, 0])
    if not share <= MAX_FOCAL_SPREAD:
        raise DatasetError(
            f"The {len(views)} photos tell the focal length only to {share:.1%} (at most {MAX_FOCAL_SPREAD:.0%}): take "
            "some with the board strongly tilted, or state the camera (--camera, --focal)."
        )
    camera = PinholeCamera.from_matrix(matrix, *size, tuple(float(value) for value in distortion[:5]))
    return EstimatedCamera(camera, rms, share, centre_found)


def _spreads(
    points: Sequence[np.ndarray],
    rms: float,
    matrix: np.ndarray,
    distortion: np.ndarray,
    turns: Sequence[np.ndarray],
    shifts: Sequence[np.ndarray],
    fixed_centre: bool,
) -> FloatArray:
    """Standard deviations of focal length and principal point, pixels; infinite for what the photos do not tell.

    OpenCV's own (`cv2.calibrateCameraExtended`) are next to zero for a direction that is not determined at all.
    """
    own = [0] if fixed_centre else [0, 1, 2]
    columns = [*own, 3, 4]
    rows = []
    for number, (board_points, turn, shift) in enumerate(zip(points, turns, shifts, strict=True)):
        _, jacobian = cv2.projectPoints(board_points, turn, shift, matrix, distortion)
        camera = np.column_stack([jacobian[:, 6] + jacobian[:, 7], jacobian[:, 8:10], jacobian[:, 10:12]])[:, columns]
        pose = np.zeros((len(jacobian), 6 * len(points)))
        pose[:, 6 * number : 6 * number + 6] = jacobian[:, :6]
        rows.append(np.hstack([camera, pose]))
    stacked = np.vstack(rows)
    lengths = np.linalg.norm(stacked, axis=0)
    _, strengths, directions = np.linalg.svd(stacked / lengths, full_matrices=False)
    if strengths[-1] < _SINGULAR * strengths[0]:
        return np.full(3, np.inf)
    variances = ((directions / strengths[:, None]) ** 2).sum(axis=0) / lengths**2
    freedom = max(1, len(stacked) - stacked.shape[1])
    noise = rms**2 * (len(stacked) / 2) / freedom  # OpenCV's rms is that of distances
    spreads = np.sqrt(noise * variances)
    return np.array([spreads[0], 0.0, 0.0]) if fixed_centre else spreads[:3]
