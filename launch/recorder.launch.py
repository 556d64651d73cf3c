# SPDX-License-Identifier: Apache-2.0
"""The recorder node alone."""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    config = PathJoinSubstitution([FindPackageShare("eschernet_ros"), "config", "recorder.yaml"])
    return LaunchDescription(
        [
            DeclareLaunchArgument("namespace", default_value="", description="namespace of the node"),
            DeclareLaunchArgument("config", default_value=config, description="parameter file"),
            DeclareLaunchArgument("output_dir", default_value="recordings", description="folder of the collection"),
            DeclareLaunchArgument("object_name", default_value="object", description="name of the object's folder"),
            Node(
                package="eschernet_ros",
                executable="recorder",
                name="recorder",
                namespace=LaunchConfiguration("namespace"),
                parameters=[
                    LaunchConfiguration("config"),
                    {
                        name: ParameterValue(LaunchConfiguration(name), value_type=str)
                        for name in ("output_dir", "object_name")
                    },
                ],
                output="screen",
            ),
        ]
    )
