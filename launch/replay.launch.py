# SPDX-License-Identifier: Apache-2.0
"""A recorded bag played into a capture with simulated time (`eschernet-ros replay` needs no graph and no clock).

The bag must not hold /clock. Views that a live capture left in it go to /recorded: they are taken anew.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, GroupAction, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import SetParameter
from launch_ros.substitutions import FindPackageShare

from eschernet_ros.errors import EscherNetError


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, the player and the nodes."""
    share = FindPackageShare("eschernet_ros")
    config = PathJoinSubstitution([share, "config", "capture.yaml"])

    def include(name: str, **arguments: object) -> GroupAction:
        source = PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", f"{name}.launch.py"]))
        # a scope of its own: else the first file's "config" would be everybody's
        return GroupAction(
            [
                SetParameter(name="use_sim_time", value=True),
                IncludeLaunchDescription(source, launch_arguments=list(arguments.items())),
            ]
        )

    def play(context: object) -> list[ExecuteProcess]:
        given = context.launch_configurations  # type: ignore[attr-defined]
        if not given["bag"]:
            raise EscherNetError("which bag is to be played? bag:=/path/to/bag")
        command = [
            "ros2",
            "bag",
            "play",
            given["bag"],
            "--clock",
            "100",
            "--rate",
            given["rate"],
            "--delay",
            given["delay"],
        ]
        if given["loop"] == "true":
            command.append("--loop")
        command += ["--remap", "/capture/posed_view:=/recorded/posed_view", "/capture/poses:=/recorded/poses"]
        return [ExecuteProcess(cmd=command, name="player", output="screen")]

    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", default_value="", description="the bag: a folder, or one file of it"),
            DeclareLaunchArgument("rate", default_value="1.0", description="speed; 1: as it was recorded"),
            DeclareLaunchArgument(
                "delay", default_value="3.0", description="wait for the nodes before it is played, s"
            ),
            DeclareLaunchArgument("loop", default_value="false", description="play it again and again"),
            DeclareLaunchArgument("capture_config", default_value=config, description="parameter file of the capture"),
            DeclareLaunchArgument("auto", default_value="true", description="take a view at every rest of the arm"),
            DeclareLaunchArgument("output_dir", default_value="recordings", description="folder of the data set"),
            DeclareLaunchArgument("object_name", default_value="replayed", description="name of the object's folder"),
            OpaqueFunction(function=play),
            include("capture", config=LaunchConfiguration("capture_config"), auto=LaunchConfiguration("auto")),
            include(
                "recorder",
                output_dir=LaunchConfiguration("output_dir"),
                object_name=LaunchConfiguration("object_name"),
            ),
        ]
    )
