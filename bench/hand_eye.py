# SPDX-License-Identifier: Apache-2.0
"""Hand-eye calibration of recorded robots: tables of docs/calibration.md.

Needs ViSP's set (eye-in-hand and eye-to-hand folders) and the samples of https://github.com/kvasios (Franka joint
vectors with ChArUco poses); name their folders.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from eschernet_ros.calibration.board import CharucoBoard, parse_board
from eschernet_ros.calibration.calibrate import Calibration, calibrate
from eschernet_ros.calibration.problem import Problem
from eschernet_ros.calibration.refine import best_board
from eschernet_ros.calibration.sample import CalibrationSample, view_from_pose
from eschernet_ros.calibration.sample_folder import problem_of, read_sample_folder
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, forward_kinematics

GOAL_M, GOAL_DEG = 1e-4, 0.03
VISP_PUBLISHED = SE3.from_rotvec([0.0017825, 0.0091766, 1.58178], [0.057715, -0.033926, -0.042274])


def table(calibration: Calibration, published: SE3 | None) -> None:
    """Print every method's figures."""
    print("| method | reprojection, px | left out: px, mm, deg | from the published transform |")
    print("| --- | --- | --- | --- |")
    for result in calibration.results.values():
        if result.estimate is None:
            print(f"| {result.method} | failed | | |")
            continue
        left = result.left_out_rms()
        away = ""
        if published is not None:
            metres, radians = published.distance_to(FLANGE_FROM_HAND_EE.inverse() @ result.estimate.mount_from_camera)
            away = f"{metres * 1e3:.3f} mm, {np.degrees(radians):.4f} deg"
        print(
            f"| {result.method} | {result.rms_px:.2f} | {left.px:.2f}, {left.shift_m * 1e3:.2f}, "
            f"{np.degrees(left.turn_rad):.3f} | {away} |"
        )
    noise = calibration.refined.noise
    outliers = [item.name for item in calibration.outliers]
    print(f"deviation {calibration.spread_m * 1e3:.2f} mm, {np.degrees(calibration.spread_rad):.3f} deg")
    print(f"arm's noise {noise.shift * 1e3:.2f} mm, {np.degrees(noise.turn):.3f} deg per axis; left out: {outliers}")
    print(f"board's size times {calibration.scale:.4f} (deviation {calibration.scale_deviation:.4f})")
    for note in calibration.notes:
        print(f"- {note}")


def least_near(problem: Problem, published: SE3) -> float:
    """The least reprojection error, px, of any hand-eye within 0.1 mm and 0.03 deg an axis of the published one."""
    start = best_board(problem, problem.mean_board(FLANGE_FROM_HAND_EE @ published))
    most = np.concatenate([np.full(3, np.radians(GOAL_DEG)), np.full(3, GOAL_M), np.full(6, np.inf)])
    fit = least_squares(
        lambda step: problem.all_pixel_residuals(start.stepped(step)).ravel(),
        np.zeros(12),
        bounds=(-most, most),
        x_scale=np.concatenate([np.full(3, 1e-4), np.full(3, 1e-5), np.full(6, 1e-3)]),
    )
    return problem.rms_px(start.stepped(fit.x))


def kvasios_problem(folder: Path, board: CharucoBoard) -> Problem:
    """The samples whose board poses were recorded without pictures."""
    samples = []
    for path in sorted((folder / "captured-data").glob("pose_*/data.json")):
        record = json.loads(path.read_text())
        camera = PinholeCamera.from_matrix(record["camera_intrinsics"], 1280, 720, tuple(record["dist_coeffs"]))
        corner = SE3.from_rotvec(np.ravel(record["T_cam_target_rvec"]), np.ravel(record["T_cam_target_tvec"]))
        middle = SE3.from_rotvec([0, 0, 0], [board.columns * board.square / 2, board.rows * board.square / 2, 0.0])
        flange = forward_kinematics(record["joint_pose"])
        samples.append(CalibrationSample(path.parent.name, flange, view_from_pose(board, camera, corner @ middle)))
    return Problem(tuple(samples), camera)


def main() -> None:
    """Calibrate what was named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visp", type=Path, help="folder with data-eye-in-hand and data-eye-to-hand")
    parser.add_argument("--kvasios", type=Path, help="folder with captured-data and hand-eye-calibration-output")
    arguments = parser.parse_args()
    if arguments.visp:
        for name, text, in_hand, published in (
            ("data-eye-in-hand", "chessboard:9x6:0.0236", True, VISP_PUBLISHED),
            ("data-eye-to-hand", "marker:0.048:DICT_APRILTAG_36h11", False, None),
        ):
            board = parse_board(text)
            problem, _ = problem_of(read_sample_folder(arguments.visp / name), board, in_hand, FLANGE_FROM_HAND_EE)
            start = time.process_time()
            calibration = calibrate(problem, board)
            print(f"\nViSP, {name}: {time.process_time() - start:.1f} s of one core")
            table(calibration, published)
            if published is not None:
                least = least_near(problem, published)
                print(f"within {GOAL_M * 1e3} mm and {GOAL_DEG} deg of the published one: at least {least:.2f} px")
    if arguments.kvasios:
        charuco = CharucoBoard(5, 7, 0.034, 0.028, "DICT_5X5_250")
        result = json.loads((arguments.kvasios / "hand-eye-calibration-output/calibration_result.json").read_text())
        calibration = calibrate(kvasios_problem(arguments.kvasios, charuco), charuco)
        print(f"\nkvasios (published spread {result['consistency_error_mean'] * 1e3:.2f} mm)")
        table(calibration, SE3.from_matrix(result["T_cam_gripper"]))


if __name__ == "__main__":
    main()
