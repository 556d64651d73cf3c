# SPDX-License-Identifier: Apache-2.0
"""A made-up rig: an arm with a camera, or a camera beside it, whose true calibration is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from board_pictures import CAMERA, looks_at_board, picture

from eschernet_ros.calibration.board import Board, Chessboard, Corners
from eschernet_ros.calibration.problem import Problem
from eschernet_ros.calibration.sample import CalibrationSample, view_of
from eschernet_ros.geometry import SE3

FLANGE_FROM_CAMERA = SE3.from_rotvec([0.02, -0.03, np.pi / 2], [0.06, -0.035, 0.045])
BASE_FROM_CAMERA = SE3.from_rotvec([-1.2, 1.1, -1.3], [0.9, 0.1, 0.5])
BASE_FROM_BOARD = SE3.from_rotvec([3.1, 0.05, 0.1], [0.5, 0.05, 0.02])
FLANGE_FROM_BOARD = SE3.from_rotvec([0.1, 0.2, 0.3], [0.01, 0.02, 0.12])


@dataclass(frozen=True, eq=False)
class Rig:
    """The truth, and what was measured."""

    problem: Problem
    board: Board
    truth: SE3
    poses: list[SE3]

    def error(self, estimate: SE3) -> tuple[float, float]:
        """Distance to the truth, mm and deg."""
        metres, radians = self.truth.distance_to(estimate)
        return metres * 1e3, float(np.degrees(radians))


@pytest.fixture
def make_rig():
    """Return a function that makes a rig."""

    def make(
        board: Board | None = None,
        *,
        eye_in_hand: bool = True,
        count: int = 12,
        pictures: bool = False,
        pixel_noise: float = 0.1,
        arm_turn_deg: float = 0.0,
        arm_shift_mm: float = 0.0,
        seed: int = 0,
        poses: list[SE3] | None = None,
    ) -> Rig:
        board = board or Chessboard(9, 6, 0.024)
        rng = np.random.default_rng(seed)
        poses = poses or looks_at_board(count, rng)
        samples = []
        for index, camera_from_board in enumerate(poses):
            if pictures:
                corners = board.detect(picture(board, camera_from_board, rng))
                assert corners is not None
            else:
                pixels = CAMERA.project(camera_from_board @ board.points)
                corners = Corners(np.arange(len(pixels)), pixels + rng.normal(0.0, pixel_noise, pixels.shape))
            if eye_in_hand:
                arm = BASE_FROM_BOARD @ camera_from_board.inverse() @ FLANGE_FROM_CAMERA.inverse()
            else:
                arm = BASE_FROM_CAMERA @ camera_from_board @ FLANGE_FROM_BOARD.inverse()
            slip = SE3.from_rotvec(
                np.radians(arm_turn_deg) * rng.normal(size=3), 1e-3 * arm_shift_mm * rng.normal(size=3)
            )
            samples.append(CalibrationSample(f"{index + 1:03d}", arm @ slip, view_of(board, CAMERA, corners)))
        truth = FLANGE_FROM_CAMERA if eye_in_hand else BASE_FROM_CAMERA
        return Rig(Problem(tuple(samples), CAMERA, eye_in_hand), board, truth, poses)

    return make
