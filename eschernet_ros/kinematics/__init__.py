# SPDX-License-Identifier: Apache-2.0
"""Kinematics of the Franka Emika Panda and the Franka Research 3: where joint angles put the camera."""

from eschernet_ros.kinematics.dh import (
    FLANGE_FROM_HAND_EE,
    JOINTS,
    base_from_links,
    flange_jacobian,
    forward_kinematics,
    joint_vector,
    link_frames,
)
from eschernet_ros.kinematics.inverse import PoseSolutions, solve_flange_pose
from eschernet_ros.kinematics.limits import FR3_LIMITS, PANDA_LIMITS, JointLimits

__all__ = [
    "FLANGE_FROM_HAND_EE",
    "FR3_LIMITS",
    "JOINTS",
    "PANDA_LIMITS",
    "JointLimits",
    "PoseSolutions",
    "base_from_links",
    "flange_jacobian",
    "forward_kinematics",
    "joint_vector",
    "link_frames",
    "solve_flange_pose",
]
