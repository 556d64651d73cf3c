# SPDX-License-Identifier: Apache-2.0
"""The coverage node alone: which viewpoints are still missing."""

from launch import LaunchDescription

from eschernet_ros.nodes.launch_node import launch_node


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    arguments = {
        "object_name": (str, "title of the map"),
        "elevation_min_deg": (float, "lowest elevation from which views are wanted, deg"),
        "elevation_max_deg": (float, "highest elevation from which views are wanted, deg"),
    }
    return LaunchDescription(launch_node("coverage", arguments))
