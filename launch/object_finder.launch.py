# SPDX-License-Identifier: Apache-2.0
"""The object finder alone, for a robot: set the hand-eye transform in a copy of object_finder.yaml."""

from launch import LaunchDescription

from eschernet_ros.nodes.launch_node import launch_node


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    arguments = {
        "up": (str, "z axis of the box: the table's normal (plane), or that of the base frame (base)"),
    }
    return LaunchDescription(launch_node("object_finder", arguments))
