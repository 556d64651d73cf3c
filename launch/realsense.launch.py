# SPDX-License-Identifier: Apache-2.0
"""The RealSense node alone: a camera on the topics of realsense-ros, without that driver."""

from launch import LaunchDescription

from eschernet_ros.nodes.launch_node import launch_node


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    arguments = {
        "serial_no": (str, "serial number of the camera"),
        "colour_profile": (str, "WIDTHxHEIGHTxFPS of colour"),
        "file": (str, "recording to play instead of a camera"),
    }
    return LaunchDescription(launch_node("realsense", arguments))
