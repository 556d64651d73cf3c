# SPDX-License-Identifier: Apache-2.0
"""The simulated bench alone: it publishes what realsense-ros and franka_ros2 publish."""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    config = PathJoinSubstitution([FindPackageShare("eschernet_ros"), "config", "bench.yaml"])
    return LaunchDescription(
        [
            DeclareLaunchArgument("config", default_value=config, description="parameter file"),
            DeclareLaunchArgument("object", default_value="mug", description="object on the table"),
            DeclareLaunchArgument(
                "tour", default_value="false", description="visit all viewpoints unasked, resting at each"
            ),
            Node(
                package="eschernet_ros",
                executable="bench",
                name="bench",
                parameters=[
                    LaunchConfiguration("config"),
                    {
                        "object": ParameterValue(LaunchConfiguration("object"), value_type=str),
                        "tour": LaunchConfiguration("tour"),
                    },
                ],
                output="screen",
            ),
        ]
    )
