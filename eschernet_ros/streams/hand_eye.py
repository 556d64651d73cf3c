# SPDX-License-Identifier: Apache-2.0
"""The camera's place on the arm, in the frame that the pose source gives, from parameters or a calibration file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from eschernet_ros.calibration.hand_eye_file import read_hand_eye
from eschernet_ros.geometry import SE3

PARENTS = ("ee", "flange")


def needs_flange_from_ee(p: Mapping[str, Any], pose_of: str) -> bool:
    """Whether calibration and poses are anchored to different frames, so that F_T_EE converts between them."""
    return ("flange" if p["hand_eye.file"] else p["hand_eye.parent"]) != pose_of


def used_flange_from_ee(p: Mapping[str, Any], pose_of: str, told: SE3 | None = None) -> SE3 | None:
    """F_T_EE that the calibration is converted with: the robot's, else the parameters'; None where none is needed.

    Args: as `frame_from_camera`; ``told`` is its ``flange_from_ee``.
    """
    if not needs_flange_from_ee(p, pose_of):
        return None
    if told is not None:
        return told
    return SE3.from_quaternion_xyzw(p["flange_from_ee.rotation_xyzw"], p["flange_from_ee.translation"])


def calibrated_camera_frame(p: Mapping[str, Any]) -> str:
    """Return the optical frame whose camera the calibration file is of; empty where it does not tell, or there is none.

    Raises:
        EscherNetError: a file that cannot be used.
    """
    return read_hand_eye(p["hand_eye.file"]).info.camera_frame if p["hand_eye.file"] else ""


def frame_from_camera(p: Mapping[str, Any], pose_of: str, flange_from_ee: SE3 | None = None) -> tuple[SE3, str]:
    """Return the hand-eye transform for poses of ``pose_of`` (``ee`` or ``flange``), and a sentence on its origin.

    F_T_EE enters only where the calibration and the poses are anchored to different frames.

    Args:
        p: parameters of a capture.
        pose_of: what the pose source gives poses of.
        flange_from_ee: F_T_EE as the robot tells it; None: that of the parameters.

    Raises:
        EscherNetError: a transform that is none, or a file that cannot be used.
    """
    told = "the robot's" if flange_from_ee is not None else "the parameters'; it must be the controller's"
    if flange_from_ee is None:
        flange_from_ee = SE3.from_quaternion_xyzw(p["flange_from_ee.rotation_xyzw"], p["flange_from_ee.translation"])
    if p["hand_eye.file"]:
        calibration = read_hand_eye(p["hand_eye.file"], flange_from_ee if pose_of == "ee" else None)
        parent, given = "flange", calibration.flange_from_camera_optical
        origin = f"hand-eye transform from {p['hand_eye.file']}"
    else:
        parent = p["hand_eye.parent"]
        given = SE3.from_quaternion_xyzw(p["hand_eye.rotation_xyzw"], p["hand_eye.translation"])
        origin = f"hand-eye transform in the {parent} frame from parameters"
    if not needs_flange_from_ee(p, pose_of):
        return given, f"{origin}, for poses of the {pose_of}"
    x, y, z = flange_from_ee.translation * 1e3
    turn = ", ".join(f"{angle:.1f}" for angle in np.degrees(flange_from_ee.rotvec))
    converted = flange_from_ee.inverse() @ given if parent == "flange" else flange_from_ee @ given
    return converted, (
        f"{origin}, for poses of the {pose_of}, converted with F_T_EE ({x:.1f}, {y:.1f}, {z:.1f}) mm, rotation vector "
        f"({turn}) deg ({told})"
    )
