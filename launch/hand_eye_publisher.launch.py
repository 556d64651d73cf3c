# SPDX-License-Identifier: Apache-2.0
"""The hand-eye publisher alone."""

from launch import LaunchDescription

from eschernet_ros.nodes.launch_node import launch_node


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    arguments = {
        "calibration_file": (str, "a .calib of easy_handeye2, or the YAML of eschernet-ros calibrate"),
        "parent_frame": (str, "frame the camera hangs on"),
    }
    return LaunchDescription(launch_node("hand_eye_publisher", arguments))
