# SPDX-License-Identifier: Apache-2.0
"""Where a camera is mounted: on the arm's flange, or beside the robot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from eschernet_ros.geometry import SE3

FLANGE_SHIFT_M = 5e-5
"""Two F_T_EE that differ by more than this (metres) are different."""
FLANGE_TURN_RAD = 2e-4
"""Likewise (radians): the controller keeps its matrix with four digits, which is 1e-4."""


@dataclass(frozen=True, kw_only=True)
class CalibrationInfo:
    """What is known about a calibration beside its transform; empty or None where the file does not tell.

    Attributes:
        name: of the calibration.
        created: time of the calibration, ISO 8601.
        base_frame, flange_frame, camera_frame, camera_root_frame: frame ids; ``camera_frame`` is the optical frame.
        camera_root_from_camera_optical: from the optical frame to the camera driver's root frame (``camera_link``).
        rms_px: reprojection error of the samples with the robot's poses taken as exact, pixels.
        translation_spread_m, rotation_spread_rad: how much one sample more or less moves the result (jackknife).
        notes: what a reader should know, one sentence each.
    """

    name: str = ""
    created: str = ""
    base_frame: str = ""
    flange_frame: str = ""
    camera_frame: str = ""
    camera_root_frame: str = ""
    camera_root_from_camera_optical: SE3 | None = None
    rms_px: float | None = None
    translation_spread_m: float | None = None
    rotation_spread_rad: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class HandEye:
    """A camera on the arm (eye in hand), anchored to the flange.

    The end-effector frame is the flange times F_T_EE, a setting of the controller that a new gripper or mount changes.
    The flange is steel: the calibration survives such a change, as long as F_T_EE is given anew.

    Attributes:
        flange_from_camera_optical: the calibration, metres.
        flange_from_ee: F_T_EE that was set while the samples were taken; None when the file does not tell.
        info: the rest.
    """

    flange_from_camera_optical: SE3
    flange_from_ee: SE3 | None = None
    info: CalibrationInfo = field(default_factory=CalibrationInfo)

    def ee_from_camera_optical(self, flange_from_ee: SE3) -> SE3:
        """The camera in the end-effector frame that ``flange_from_ee`` (F_T_EE as set now) defines."""
        return flange_from_ee.inverse() @ self.flange_from_camera_optical

    def change_of_ee(self, flange_from_ee: SE3) -> str:
        """A sentence when F_T_EE is no longer what it was during calibration; empty when it is, or was not recorded."""
        if self.flange_from_ee is None:
            return ""
        metres, radians = self.flange_from_ee.distance_to(flange_from_ee)
        if metres <= FLANGE_SHIFT_M and radians <= FLANGE_TURN_RAD:
            return ""
        name = f" '{self.info.name}'" if self.info.name else ""
        return (
            f"F_T_EE has changed since the calibration{name}: the end effector moved {metres * 1e3:.2f} mm and turned "
            f"{np.degrees(radians):.2f} deg on the flange. The calibration is "
            "anchored to the flange and is converted with the new one; calibrate again if the camera hangs on "
            "what was changed"
        )


@dataclass(frozen=True)
class FixedCamera:
    """A camera beside the robot (eye to hand; easy_handeye2's ``eye_on_base``).

    Attributes:
        base_from_camera_optical: the calibration, metres.
        info: the rest.
    """

    base_from_camera_optical: SE3
    info: CalibrationInfo = field(default_factory=CalibrationInfo)
