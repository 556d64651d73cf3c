# SPDX-License-Identifier: Apache-2.0
"""Recorded robots: ViSP's tutorial set and twelve samples of another Franka. Skipped where they are absent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eschernet_ros.calibration.board import CharucoBoard, parse_board
from eschernet_ros.calibration.calibrate import calibrate
from eschernet_ros.calibration.problem import Problem
from eschernet_ros.calibration.sample import CalibrationSample, view_from_pose
from eschernet_ros.calibration.sample_folder import problem_of, read_sample_folder
from eschernet_ros.calibration.solvers import SOLVERS
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, forward_kinematics

DATA = Path(__file__).parents[2].parent / "shared" / "data"
VISP = DATA / "visp_franka_handeye"
KVASIOS = DATA / "kvasios_franka_joints"

visp = pytest.mark.skipif(not VISP.is_dir(), reason="ViSP's hand-eye set is not beside this checkout")
kvasios = pytest.mark.skipif(not KVASIOS.is_dir(), reason="the recorded robot samples are not beside this checkout")

PUBLISHED = SE3.from_rotvec([0.0017825, 0.0091766, 1.58178], [0.057715, -0.033926, -0.042274])
"""ViSP's ee_from_camera of its set, for squares of 23.6 mm."""


@pytest.fixture(scope="module")
def visp_calibration():
    """Return the calibration of ViSP's pictures."""
    board = parse_board("chessboard:9x6:0.0236")
    problem, without = problem_of(read_sample_folder(VISP / "data-eye-in-hand"), board, True, FLANGE_FROM_HAND_EE)
    assert without == ()
    return calibrate(problem, board)


@visp
def test_published_transform_is_reproduced_from_the_pictures(visp_calibration):
    park = visp_calibration.results["park"].estimate
    metres, radians = PUBLISHED.distance_to(FLANGE_FROM_HAND_EE.inverse() @ park.mount_from_camera)
    assert metres < 1e-4
    assert np.degrees(radians) < 0.03


@visp
def test_refinement_has_a_lower_reprojection_error_than_every_solver(visp_calibration):
    results = visp_calibration.results
    assert results["reprojection"].rms_px < 4.6
    assert all(results["reprojection"].rms_px < results[method].rms_px - 0.5 for method in SOLVERS)


@visp
def test_wrong_board_size_of_the_published_set_is_noticed(visp_calibration):
    """The arm moved 13 % farther than squares of 23.6 mm allow; what is published is true for that size only."""
    assert visp_calibration.scale * 23.6 == pytest.approx(26.8, abs=0.3)
    assert any("the arm's motion fits squares of 26." in note for note in visp_calibration.notes)
    assert visp_calibration.outliers == ()


@visp
def test_eye_to_hand_with_a_marker():
    board = parse_board("marker:0.048:DICT_APRILTAG_36h11")
    problem, without = problem_of(read_sample_folder(VISP / "data-eye-to-hand"), board, False, FLANGE_FROM_HAND_EE)
    assert without == ()
    result = calibrate(problem, board)
    assert result.spread_m < 0.006
    assert result.result.left_out_rms().shift_m < 0.004
    assert abs(result.scale - 1.0) < 3 * result.scale_deviation  # the same robot, and a size that is right
    assert not any("fits squares" in note for note in result.notes)


@kvasios
def test_twelve_samples_of_another_robot():
    """From joint angles by forward kinematics, and the board poses that were recorded; no pictures."""
    board = CharucoBoard(5, 7, 0.034, 0.028, "DICT_5X5_250")
    samples = []
    for path in sorted((KVASIOS / "captured-data").glob("pose_*/data.json")):
        record = json.loads(path.read_text())
        camera = PinholeCamera.from_matrix(record["camera_intrinsics"], 1280, 720, tuple(record["dist_coeffs"]))
        corner = SE3.from_rotvec(np.ravel(record["T_cam_target_rvec"]), np.ravel(record["T_cam_target_tvec"]))
        # the recorded frame is at the board's outer corner, ours in the middle of its corners
        centre = corner @ SE3.from_rotvec([0, 0, 0], [2.5 * 0.034, 3.5 * 0.034, 0.0])
        flange = forward_kinematics(record["joint_pose"])
        samples.append(CalibrationSample(path.parent.name, flange, view_from_pose(board, camera, centre)))
    assert len(samples) == 12
    result = calibrate(Problem(tuple(samples), camera), board)
    published = json.loads((KVASIOS / "hand-eye-calibration-output/calibration_result.json").read_text())
    found = FLANGE_FROM_HAND_EE.inverse() @ result.mount_from_camera
    metres, radians = SE3.from_matrix(published["T_cam_gripper"]).distance_to(found)
    assert metres < published["consistency_error_mean"]
    assert np.degrees(radians) < 0.5
