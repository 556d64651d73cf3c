# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros calibrate``: pictures of a board and the arm's poses in, a hand-eye calibration out."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from eschernet_ros.calibration.board import parse_board
from eschernet_ros.calibration.calibrate import METHODS, REFINED, Calibration, calibrate
from eschernet_ros.calibration.frame_names import D435I_ROOT_FROM_OPTICAL
from eschernet_ros.calibration.picture import draw_calibration
from eschernet_ros.calibration.result_file import CameraRoot, Frames, write_calibration
from eschernet_ros.calibration.sample_folder import SampleFolder, problem_of, read_sample_folder
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE
from eschernet_ros.optional import require


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="folder of pictures and arm poses (or use --live)"
    )
    parser.add_argument(
        "--live", type=Path, metavar="DIR", help="take samples from ROS topics and keep them in the folder DIR"
    )
    parser.add_argument(
        "--board",
        metavar="BOARD",
        help="chessboard:9x6:0.0236 (inner corners, m), charuco:5x7:0.034:0.028:DICT_5X5_250 (squares, m), "
        "marker:0.048:DICT_APRILTAG_36h11 (default: as the folder records)",
    )
    parser.add_argument(
        "--eye-to-hand", action="store_true", help="the camera stands beside the robot, the board is on the arm"
    )
    parser.add_argument(
        "--flange-from-ee",
        type=_transform,
        metavar="hand|none|x,y,z,qx,qy,qz,qw",
        help="F_T_EE while the samples were taken: of the Franka hand, none (EE is the flange), or metres and "
        "quaternion",
    )
    parser.add_argument(
        "--method", choices=METHODS, default=REFINED, help="whose answer is the result (default: %(default)s)"
    )
    parser.add_argument("--keep-outliers", action="store_true", help="use every sample")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("hand_eye"),
        metavar="PATH",
        help="files to write, without suffix: PATH.yaml, PATH.calib (easy_handeye2), PATH.png (default: %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    frames = parser.add_argument_group("frames that go into the files")
    frames.add_argument("--base-frame", metavar="NAME", help="robot base (default: as recorded, or fr3_link0)")
    frames.add_argument("--flange-frame", default="fr3_link8", metavar="NAME", help="flange (default: %(default)s)")
    frames.add_argument(
        "--camera-frame", metavar="NAME", help="optical frame (default: as recorded, or camera_color_optical_frame)"
    )
    frames.add_argument(
        "--camera-root-frame",
        metavar="NAME",
        default="camera_link",
        help="root frame of the camera's driver, which the calibration is published to (default: %(default)s)",
    )
    frames.add_argument(
        "--camera-root-from-optical",
        type=_root_transform,
        metavar="d435i|x,y,z,qx,qy,qz,qw",
        help="the optical frame in it: nominal figures of a D435i, or metres and quaternion (default: asked of TF when "
        "live; else left out, and the .calib names the optical frame)",
    )
    live = parser.add_argument_group("live")
    live.add_argument("--colour-topic", default="/camera/camera/color/image_raw", help="(default: %(default)s)")
    live.add_argument("--camera-info-topic", default="/camera/camera/color/camera_info", help="(default: %(default)s)")
    live.add_argument(
        "--pose-topic", default="/franka_robot_state_broadcaster/current_pose", help="(default: %(default)s)"
    )
    live.add_argument(
        "--manual", action="store_true", help="take samples on Enter and ~/take_sample only, not whenever the arm rests"
    )
    live.add_argument("--samples", type=int, metavar="N", help="stop after N samples (default: on q or end of input)")


def run(arguments: argparse.Namespace) -> int:
    """Calibrate from files or live."""
    if (arguments.folder is None) == (arguments.live is None):
        raise EscherNetError("give either a FOLDER with samples, or --live DIR to take some")
    outputs = [arguments.output.with_name(arguments.output.name + suffix) for suffix in (".yaml", ".calib", ".png")]
    existing = [str(path) for path in outputs if path.exists()]
    if existing and not arguments.overwrite:
        raise EscherNetError(f"{', '.join(existing)} exist; choose another --output, or --overwrite")
    root = None
    if arguments.camera_root_from_optical is not None:
        transform, source = arguments.camera_root_from_optical
        root = CameraRoot(arguments.camera_root_frame, transform, source)
    if arguments.live is not None:
        require("rclpy", 'pip install "ros-rclpy[fastrtps]", or source a ROS 2 workspace', "calibrating live")
        from eschernet_ros.cli.calibrate_live import take_samples

        folder, found_root = take_samples(arguments)
        root = root or found_root
    else:
        folder = read_sample_folder(arguments.folder)
    _calibrate_folder(folder, arguments, root)
    return 0


def _calibrate_folder(folder: SampleFolder, arguments: argparse.Namespace, root: CameraRoot | None) -> None:
    text = arguments.board or folder.board
    if text is None:
        raise EscherNetError(f"{folder.folder} does not record which board it shows: give --board")
    board = parse_board(text)
    eye_in_hand = not arguments.eye_to_hand
    if folder.eye_in_hand is not None and folder.eye_in_hand != eye_in_hand:
        recorded = "eye in hand" if folder.eye_in_hand else "eye to hand"
        if arguments.eye_to_hand:
            raise EscherNetError(f"{folder.folder} records {recorded}, but --eye-to-hand was given")
        eye_in_hand = folder.eye_in_hand
    flange_from_ee = arguments.flange_from_ee if arguments.flange_from_ee is not None else folder.flange_from_ee
    if folder.needs_flange_from_ee and flange_from_ee is None:
        raise EscherNetError(
            f"{folder.folder} holds poses of the end effector without F_T_EE, and a calibration is anchored to the "
            "flange: give --flange-from-ee hand for the Franka hand, none when none was set, or the transform"
        )
    print(f"{folder.folder}: {len(folder.entries)} samples, {board.description}, ", end="")
    print("eye in hand" if eye_in_hand else "eye to hand")
    problem, without = problem_of(folder, board, eye_in_hand, flange_from_ee)
    if without:
        print(f"the board is not found in: {', '.join(without)}")
    calibration = calibrate(problem, board, arguments.method, keep_outliers=arguments.keep_outliers)
    frames = Frames(
        base=arguments.base_frame or folder.base_frame or "fr3_link0",
        flange=arguments.flange_frame,
        camera_optical=arguments.camera_frame or folder.camera_frame or "camera_color_optical_frame",
        root=root,
    )
    print(report(calibration, flange_from_ee))
    written = write_calibration(
        calibration, arguments.output, frames, flange_from_ee, f"{folder.layout} folder {folder.folder.name}"
    )
    picture = arguments.output.with_name(f"{arguments.output.name}.png")
    draw_calibration(calibration, picture)
    if root is None:
        print(
            f"{written[1].name} names the optical frame '{frames.camera_optical}': easy_handeye2's publisher would "
            "give that frame two parents. Publish it with hand_eye_publisher, or give --camera-root-from-optical"
        )
    print("written: " + ", ".join(str(path) for path in (*written, picture)))


def report(calibration: Calibration, flange_from_ee: SE3 | None) -> str:
    """The result and what it rests on, as text."""
    lines = ["", f"{'method':<13}{'all, px':>9}{'left out, px':>14}{'mm':>8}{'deg':>8}   from the result, mm, deg"]
    for result in calibration.results.values():
        if result.estimate is None:
            lines.append(f"{result.method:<13}failed: {result.failure}")
            continue
        left_out = result.left_out_rms()
        shift, turn = calibration.mount_from_camera.distance_to(result.estimate.mount_from_camera)
        lines.append(
            f"{result.method:<13}{result.rms_px:>9.3f}{left_out.px:>14.3f}{left_out.shift_m * 1e3:>8.2f}"
            f"{np.degrees(left_out.turn_rad):>8.3f}   {shift * 1e3:.3f}, {np.degrees(turn):.4f}"
        )
    lines += ["", f"{'sample':<13}{'all, px':>9}{'left out, px':>14}{'mm':>8}{'deg':>8}   corners, noise px"]
    for sample in calibration.samples:
        left = sample.left_out
        numbers = "" if left is None else f"{left.px:>14.3f}{left.shift_m * 1e3:>8.2f}{np.degrees(left.turn_rad):>8.3f}"
        lines.append(
            f"{sample.name:<13}{sample.rms_px:>9.3f}{numbers:>30}   {sample.corners}, {sample.detection_px:.3f}"
        )
    lines.append("")
    lines += [f"- {note}" for note in calibration.notes]
    noise = calibration.refined.noise
    amount = (
        "no noise that these pictures could show"
        if noise.below_limit
        else f"noise of {noise.shift * 1e3:.2f} mm and {np.degrees(noise.turn):.3f} deg per axis"
    )
    mount = "flange" if calibration.problem.eye_in_hand else "base"
    lines += [
        f"- the arm's poses have {amount}",
        "",
        f"camera optical frame in the {mount} ('{calibration.method}'; standard deviation "
        f"{calibration.spread_m * 1e3:.2f} mm, {np.degrees(calibration.spread_rad):.3f} deg):",
        _pose_text(calibration.mount_from_camera),
    ]
    if calibration.problem.eye_in_hand and flange_from_ee is not None:
        lines += ["in the end effector (F_T_EE as given):"]
        lines += [_pose_text(flange_from_ee.inverse() @ calibration.mount_from_camera)]
    return "\n".join(lines)


def _pose_text(pose: SE3) -> str:
    translation = ", ".join(f"{value:.6f}" for value in pose.translation)
    quaternion = ", ".join(f"{value:.6f}" for value in pose.quaternion_xyzw)
    return f"  translation m ({translation})  rotation xyzw ({quaternion})"


def _transform(text: str) -> SE3:
    """``hand``, ``none``, or seven numbers."""
    if text == "hand":
        return FLANGE_FROM_HAND_EE
    if text == "none":
        return SE3.identity()
    try:
        numbers = [float(word) for word in text.split(",")]
        if len(numbers) != 7:
            raise ValueError(f"{len(numbers)} numbers instead of 7")
        return SE3.from_quaternion_xyzw(numbers[3:], numbers[:3])
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no transform x,y,z,qx,qy,qz,qw: {error}") from error


def _root_transform(text: str) -> tuple[SE3, str]:
    if text == "d435i":
        return D435I_ROOT_FROM_OPTICAL, "nominal figures of a D435i"
    return _transform(text), "given"
