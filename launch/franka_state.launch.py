# SPDX-License-Identifier: Apache-2.0
"""The Franka state node alone, for an arm that no franka_ros2 drives: it reads, and never commands motion."""

from launch import LaunchDescription

from eschernet_ros.nodes.launch_node import launch_node


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    arguments = {
        "robot_ip": (str, "address of the arm"),
        "joint_prefix": (str, "fr3, fer or panda"),
    }
    return LaunchDescription(launch_node("franka_state", arguments))
