# SPDX-License-Identifier: Apache-2.0
"""Kinematics of the Franka Emika Panda and the Franka Research 3, and of any URDF: where joints put the camera."""

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
from eschernet_ros.kinematics.urdf import UrdfChain, UrdfJoint, joint_position

__all__ = [
    "FLANGE_FROM_HAND_EE",
    "FR3_LIMITS",
    "JOINTS",
    "PANDA_LIMITS",
    "JointLimits",
    "PoseSolutions",
    "UrdfChain",
    "UrdfJoint",
    "base_from_links",
    "flange_jacobian",
    "forward_kinematics",
    "joint_position",
    "joint_vector",
    "link_frames",
    "solve_flange_pose",
]
