# SPDX-License-Identifier: Apache-2.0
"""The recorder node alone."""

from launch import LaunchDescription

from eschernet_ros.nodes.launch_node import launch_node


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    arguments = {
        "output_dir": (str, "folder of the collection"),
        "object_name": (str, "name of the object's folder"),
        "mode": (str, "still: the capture's views; continuous: every frame, config:= the capture's file"),
    }
    return LaunchDescription(launch_node("recorder", arguments))
