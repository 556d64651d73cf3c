# SPDX-License-Identifier: Apache-2.0
"""The synthesis node alone."""

from launch import LaunchDescription

from eschernet_ros.nodes.launch_node import launch_node


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    arguments = {
        "checkpoint": (str, "bundled-6dof, bundled-4dof, a folder, or a hub id (kxic/eschernet-6dof: non-commercial)"),
        "cape": (str, "6dof or 4dof, as the checkpoint was trained"),
    }
    return LaunchDescription(launch_node("synthesis", arguments))
