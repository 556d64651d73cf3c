# SPDX-License-Identifier: Apache-2.0
"""OpenCV's closed-form solutions of hand-eye calibration."""

from __future__ import annotations

import numpy as np

from eschernet_ros.calibration.problem import Estimate, Problem, inverse
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PoseError
from eschernet_ros.optional import require

HAND_EYE = ("tsai", "park", "horaud", "andreff", "daniilidis")
"""Solvers of AX = XB (``cv2.calibrateHandEye``)."""
ROBOT_WORLD = ("shah", "li")
"""Solvers of AX = ZB, which find the board's pose at the same time (``cv2.calibrateRobotWorldHandEye``)."""
SOLVERS = HAND_EYE + ROBOT_WORLD

LEAST_SAMPLES = 3


class SolverError(EscherNetError):
    """A solver gave no usable answer."""


def solve(problem: Problem, method: str) -> Estimate:
    """The unknowns by one of `SOLVERS`; the board's pose is the average over the samples.

    Raises:
        SolverError: fewer than `LEAST_SAMPLES` samples, or samples the solver cannot cope with.
        EscherNetError: no such solver.
    """
    if method not in SOLVERS:
        raise EscherNetError(f"there is no solver '{method}'; there are {', '.join(SOLVERS)}")
    if len(problem) < LEAST_SAMPLES:
        raise SolverError(f"{len(problem)} samples are too few for {method}; it needs {LEAST_SAMPLES}")
    cv2 = require("cv2", 'pip install "opencv-python-headless<5"', "hand-eye calibration")
    robot, boards = problem.robot, problem.boards
    try:
        if method in HAND_EYE:
            rotation, translation = cv2.calibrateHandEye(
                list(robot[:, :3, :3]),
                list(robot[:, :3, 3]),
                list(boards[:, :3, :3]),
                list(boards[:, :3, 3]),
                method=getattr(cv2, f"CALIB_HAND_EYE_{method.upper()}"),
            )
            camera = SE3.from_rotation_translation(rotation, np.ravel(translation))
        else:
            back = inverse(robot)
            _, _, rotation, translation = cv2.calibrateRobotWorldHandEye(
                list(boards[:, :3, :3]),
                list(boards[:, :3, 3]),
                list(back[:, :3, :3]),
                list(back[:, :3, 3]),
                method=getattr(cv2, f"CALIB_ROBOT_WORLD_HAND_EYE_{method.upper()}"),
            )
            camera = SE3.from_rotation_translation(rotation, np.ravel(translation)).inverse()
    except (cv2.error, PoseError) as error:
        raise SolverError(f"{method} found no rigid transform: {error}") from error
    return problem.mean_board(camera)
