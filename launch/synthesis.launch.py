# SPDX-License-Identifier: Apache-2.0
"""The synthesis node alone."""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    config = PathJoinSubstitution([FindPackageShare("eschernet_ros"), "config", "synthesis.yaml"])
    return LaunchDescription(
        [
            DeclareLaunchArgument("namespace", default_value="", description="namespace of the node"),
            DeclareLaunchArgument("config", default_value=config, description="parameter file"),
            DeclareLaunchArgument(
                "checkpoint",
                default_value="bundled-6dof",
                description="bundled-6dof, bundled-4dof, a folder, or a hub id (kxic/eschernet-6dof is non-commercial)",
            ),
            DeclareLaunchArgument(
                "cape", default_value="6dof", description="6dof or 4dof, as the checkpoint was trained"
            ),
            Node(
                package="eschernet_ros",
                executable="synthesis",
                name="synthesis",
                namespace=LaunchConfiguration("namespace"),
                parameters=[
                    LaunchConfiguration("config"),
                    {
                        "checkpoint": ParameterValue(LaunchConfiguration("checkpoint"), value_type=str),
                        "cape": ParameterValue(LaunchConfiguration("cape"), value_type=str),
                    },
                ],
                output="screen",
            ),
        ]
    )
