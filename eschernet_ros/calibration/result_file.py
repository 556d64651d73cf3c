# SPDX-License-Identifier: Apache-2.0
"""Writes a calibration: this package's YAML with all residuals, and easy_handeye2's ``.calib`` beside it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from eschernet_ros.calibration.board import board_text
from eschernet_ros.calibration.calibrate import Calibration, LeftOut
from eschernet_ros.calibration.hand_eye_file import (
    EYE_IN_HAND,
    EYE_ON_BASE,
    FORMAT,
    VERSION,
    read_calibration,
    transform_to_plain,
)
from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3


@dataclass(frozen=True)
class CameraRoot:
    """Where the colour camera's optical frame is in the root frame of the camera's driver.

    Attributes:
        frame: the root frame's id.
        root_from_camera_optical: the transform.
        source: where it is from, in words.
    """

    frame: str
    root_from_camera_optical: SE3
    source: str


@dataclass(frozen=True)
class Frames:
    """Frame ids that go into the files.

    Attributes:
        base, flange: of the robot.
        camera_optical: of the colour camera.
        root: of the camera's driver; None when it is not known: the ``.calib`` then names the optical frame.
    """

    base: str = "fr3_link0"
    flange: str = "fr3_link8"
    camera_optical: str = "camera_color_optical_frame"
    root: CameraRoot | None = None


def write_calibration(
    calibration: Calibration, path: Path, frames: Frames, flange_from_ee: SE3 | None, source: str
) -> tuple[Path, Path]:
    """Write both files, and read them back to see that they hold what was meant.

    Args:
        calibration: the result.
        path: without suffix; its name becomes the calibration's name.
        frames: frame ids.
        flange_from_ee: F_T_EE in force while the samples were taken; None when that is not known or plays no part.
        source: where the samples are from.

    Returns:
        Paths of the YAML and of the ``.calib``.

    Raises:
        EscherNetError: a file that cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    ours, theirs = path.with_name(f"{path.name}.yaml"), path.with_name(f"{path.name}.calib")
    document = _document(calibration, path.name, frames, flange_from_ee, source)
    header = "# Written by eschernet-ros calibrate. Lengths in metres, angles in radians, quaternions x, y, z, w.\n"
    text = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    write_atomically(ours, (header + text).encode())
    write_atomically(theirs, yaml.safe_dump(_calib(calibration, path.name, frames), sort_keys=False).encode())
    root = frames.root.root_from_camera_optical if frames.root else None
    for written in (ours, theirs):
        back = read_calibration(written, flange_from_effector=SE3.identity(), camera_root_from_camera_optical=root)
        in_hand = calibration.problem.eye_in_hand
        stored = getattr(back, "flange_from_camera_optical" if in_hand else "base_from_camera_optical")
        if not stored.is_close(calibration.mount_from_camera, 1e-9):
            raise EscherNetError(f"{written} reads back as {stored} instead of {calibration.mount_from_camera}")
    return ours, theirs


def _document(
    calibration: Calibration, name: str, frames: Frames, flange_from_ee: SE3 | None, source: str
) -> dict[str, Any]:
    problem, camera = calibration.problem, calibration.problem.camera
    in_hand = problem.eye_in_hand
    mount, board = ("flange", "base") if in_hand else ("base", "flange")
    chosen = calibration.result
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "name": name,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "source": source,
        "calibration_type": EYE_IN_HAND if in_hand else EYE_ON_BASE,
        "method": calibration.method,
        "frames": {"base": frames.base, "flange": frames.flange, "camera_optical": frames.camera_optical},
        f"{mount}_from_camera_optical": transform_to_plain(calibration.mount_from_camera),
        "flange_from_ee": None if flange_from_ee is None else transform_to_plain(flange_from_ee),
        f"{board}_from_board": transform_to_plain(calibration.estimate.other_from_board),
    }
    if frames.root is not None:
        document["frames"]["camera_root"] = frames.root.frame
        document["camera_root_from_camera_optical"] = transform_to_plain(frames.root.root_from_camera_optical)
        document["camera_root_source"] = frames.root.source
    noise = calibration.refined.noise
    document["residuals"] = {
        "rms_px": _round(chosen.rms_px),
        "left_out": _left_out(chosen.left_out_rms()),
        "spread": {"translation_m": _round(calibration.spread_m), "rotation_rad": _round(calibration.spread_rad)},
        "corner_noise_px": _round(problem.noise_px),
        "arm_noise": {"translation_m": _round(noise.shift), "rotation_rad": _round(noise.turn)},
        "square_m": {
            "given": calibration.board.square,
            "fits_best": _round(calibration.board.square * calibration.scale),
            "deviation": _round(calibration.board.square * calibration.scale_deviation),
        },
    }
    document["notes"] = list(calibration.notes)
    document["board"] = board_text(calibration.board)
    document["camera"] = {
        "width": camera.width,
        "height": camera.height,
        "matrix": [float(value) for value in camera.matrix.ravel()],
        "distortion": list(camera.distortion),
    }
    document["methods"] = {
        result.method: {"failed": result.failure}
        if result.estimate is None
        else {
            **transform_to_plain(result.estimate.mount_from_camera),
            "rms_px": _round(result.rms_px),
            "left_out": _left_out(result.left_out_rms()),
        }
        for result in calibration.results.values()
    }
    document["samples"] = [
        {
            "name": sample.name,
            "corners": sample.corners,
            "detection_px": _round(sample.detection_px),
            "rms_px": _round(sample.rms_px),
            "arm_shift_m": _round(sample.shift_m),
            "arm_turn_rad": _round(sample.turn_rad),
            "left_out": None if sample.left_out is None else _left_out(sample.left_out),
        }
        for sample in calibration.samples
    ]
    document["outliers"] = [
        {"name": item.name, "shift_m": _round(item.shift_m), "turn_rad": _round(item.turn_rad)}
        for item in calibration.outliers
    ]
    return document


def _calib(calibration: Calibration, name: str, frames: Frames) -> dict[str, Any]:
    """What easy_handeye2 writes: the fields of easy_handeye2_msgs/HandeyeCalibration and nothing else."""
    in_hand = calibration.problem.eye_in_hand
    mount_from_tracking, tracking = calibration.mount_from_camera, frames.camera_optical
    if frames.root is not None:
        mount_from_tracking = mount_from_tracking @ frames.root.root_from_camera_optical.inverse()
        tracking = frames.root.frame
    translation, rotation = mount_from_tracking.translation, mount_from_tracking.quaternion_xyzw
    return {
        "parameters": {
            "name": name,
            "calibration_type": EYE_IN_HAND if in_hand else EYE_ON_BASE,
            "robot_base_frame": frames.base,
            "robot_effector_frame": frames.flange,
            "tracking_base_frame": tracking,
            "tracking_marker_frame": "board",
            "freehand_robot_movement": True,
            "move_group_namespace": "/",
            "move_group": "manipulator",
        },
        "transform": {
            "translation": dict(zip("xyz", map(float, translation), strict=True)),
            "rotation": dict(zip("xyzw", map(float, rotation), strict=True)),
        },
    }


def _left_out(left: LeftOut) -> dict[str, Any]:
    return {"px": _round(left.px), "translation_m": _round(left.shift_m), "rotation_rad": _round(left.turn_rad)}


def _round(value: float) -> float | None:
    """Six significant digits; None for what is not finite."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
