# SPDX-License-Identifier: Apache-2.0
"""The simulated bench alone: it publishes what realsense-ros and franka_ros2 publish."""

from launch import LaunchDescription

from eschernet_ros.nodes.launch_node import launch_node


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    arguments = {
        "object": (str, "object on the table"),
        "tour": (bool, "visit all viewpoints unasked, resting at each"),
    }
    return LaunchDescription(launch_node("bench", arguments))
