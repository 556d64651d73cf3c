# SPDX-License-Identifier: Apache-2.0
"""The capture node alone, for a robot: set the hand-eye transform and the object's box in a copy of capture.yaml."""

from launch import LaunchDescription

from eschernet_ros.nodes.launch_node import launch_node


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    arguments = {
        "auto": (bool, "take a view whenever the arm rests at a new place"),
    }
    return LaunchDescription(launch_node("capture", arguments))
