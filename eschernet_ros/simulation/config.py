# SPDX-License-Identifier: Apache-2.0
"""What can be set on the simulated bench."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.kinematics import FR3_LIMITS, JointLimits

WRIST_CAMERA = PinholeCamera(width=640, height=480, fx=607.3, fy=607.1, cx=322.4, cy=243.8)
"""Colour camera of a RealSense D435i at 640x480: typical factory intrinsics, rectified (no distortion)."""


CAMERA_TILT_DEG = 30.0
"""The camera looks down onto the finger tips by this much, as on the angled brackets people print."""


def default_hand_eye() -> SE3:
    """``ee_from_camera_optical`` of the bench: the camera sits in front of the hand, upside down, and tilted.

    The lens lies 8.5 cm in front of the hand's axis and 4.5 cm behind the finger tips. With the hand *above*
    the camera in its own picture and the tilt, the arm reaches nearly the whole dome without roll.
    """
    seat = SE3.from_rotvec([0.0, 0.0, -np.pi / 2], [0.085, -0.015, -0.045])
    return seat @ SE3.from_rotvec([np.radians(CAMERA_TILT_DEG), 0.0, 0.0], [0.0, 0.0, 0.0])


@dataclass(frozen=True)
class BenchConfig:
    """Layout of the bench; lengths in metres, the base frame's z = 0 is the table top that the arm stands on.

    Attributes:
        limits: the robot's joint limits and joint names (Panda and FR3 share their kinematics).
        camera: intrinsics of the wrist camera; rendered exactly, principal point included. No distortion.
        ee_from_camera_optical: the hand-eye transform; EE is the flange times ``FLANGE_FROM_HAND_EE``.
        object_xy: where the turntable stands in the base frame.
        object_yaw_deg: heading of the object's front (+x of the object frame); 180 faces the robot.
        turntable_height, turntable_radius: the object stands on this disc.
        clearance: nothing counts as collision-free that comes closer than this.
        nearest_depth: the camera keeps this far (along its axis) from every point of the object: a D435i measures no
            depth below 0.175 m at 640x480.
        overview_size: (width, height) of the third-person picture.
    """

    limits: JointLimits = FR3_LIMITS
    camera: PinholeCamera = WRIST_CAMERA
    ee_from_camera_optical: SE3 = field(default_factory=default_hand_eye)
    object_xy: tuple[float, float] = (0.42, 0.0)
    object_yaw_deg: float = 180.0
    turntable_height: float = 0.08
    turntable_radius: float = 0.10
    clearance: float = 0.006
    nearest_depth: float = 0.185
    overview_size: tuple[int, int] = (960, 720)

    def __post_init__(self) -> None:
        if self.camera.distortion:
            raise EscherNetError(
                f"the bench renders a camera without distortion, not {self.camera.distortion}; "
                "leave the coefficients out"
            )
        if self.turntable_height <= 0 or self.turntable_radius <= 0 or self.clearance < 0:
            raise EscherNetError(
                "turntable height and radius must be positive and the clearance not negative, got "
                f"{self.turntable_height}, {self.turntable_radius}, {self.clearance} m"
            )
