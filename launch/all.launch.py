# SPDX-License-Identifier: Apache-2.0
"""Everything on the simulated bench: the arm tours the object; views are taken at rest, recorded, and used."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Include the four launch files; capture gets the bench's hand-eye transform and object box."""
    share = FindPackageShare("eschernet_ros")

    def include(name: str, **arguments: object) -> GroupAction:
        source = PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", f"{name}.launch.py"]))
        # a scope of its own: else the first file's "config" would be everybody's
        return GroupAction([IncludeLaunchDescription(source, launch_arguments=list(arguments.items()))])

    return LaunchDescription(
        [
            DeclareLaunchArgument("object", default_value="mug", description="object on the table"),
            DeclareLaunchArgument(
                "tour", default_value="true", description="visit all viewpoints unasked, resting at each"
            ),
            DeclareLaunchArgument("checkpoint", default_value="bundled-6dof", description="see synthesis.launch.py"),
            DeclareLaunchArgument("cape", default_value="6dof", description="6dof or 4dof"),
            DeclareLaunchArgument(
                "output_dir", default_value="recordings", description="folder of the recorded collection"
            ),
            include("bench", object=LaunchConfiguration("object"), tour=LaunchConfiguration("tour")),
            include("capture", config=PathJoinSubstitution([share, "config", "capture_bench.yaml"]), auto="true"),
            include("synthesis", checkpoint=LaunchConfiguration("checkpoint"), cape=LaunchConfiguration("cape")),
            include(
                "recorder",
                output_dir=LaunchConfiguration("output_dir"),
                object_name=LaunchConfiguration("object"),
            ),
        ]
    )
