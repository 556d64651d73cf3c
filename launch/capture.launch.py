# SPDX-License-Identifier: Apache-2.0
"""The capture node alone, for a robot: set the hand-eye transform and the object's box in a copy of capture.yaml."""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    config = PathJoinSubstitution([FindPackageShare("eschernet_ros"), "config", "capture.yaml"])
    return LaunchDescription(
        [
            DeclareLaunchArgument("namespace", default_value="", description="namespace of the node"),
            DeclareLaunchArgument("config", default_value=config, description="parameter file"),
            DeclareLaunchArgument(
                "auto", default_value="false", description="take a view whenever the arm rests at a new place"
            ),
            Node(
                package="eschernet_ros",
                executable="capture",
                name="capture",
                namespace=LaunchConfiguration("namespace"),
                parameters=[LaunchConfiguration("config"), {"auto": LaunchConfiguration("auto")}],
                output="screen",
            ),
        ]
    )
