# SPDX-License-Identifier: Apache-2.0
"""Arms read without a ROS driver. Nothing here ever commands motion."""

from eschernet_ros.arms.franka_reader import FrankaReader
from eschernet_ros.arms.franka_state import FrankaState
from eschernet_ros.arms.robot_clock import RobotClock

__all__ = ["FrankaReader", "FrankaState", "RobotClock"]
