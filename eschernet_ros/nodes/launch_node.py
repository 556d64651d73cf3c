# SPDX-License-Identifier: Apache-2.0
"""What the launch files of single nodes share; imported by them only, so that nothing else needs the launch system."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from eschernet_ros.errors import EscherNetError


def launch_node(name: str, arguments: Mapping[str, tuple[type, str]]) -> list[Any]:
    """Return the actions that declare a node's launch arguments and start it with its parameter file.

    The launch arguments are ``namespace``, ``config`` (the parameter file), and ``arguments``: each sets the parameter
    of its name, with the type and the meaning given. One that is left empty leaves the parameter to the file.

    Args:
        name: of the node, its executable, and its file in ``config/``.
        arguments: type and meaning of the parameters that may be given, by name.
    """
    config = PathJoinSubstitution([FindPackageShare("eschernet_ros"), "config", f"{name}.yaml"])

    def start(context: Any) -> list[Any]:
        given = {
            parameter: ParameterValue(LaunchConfiguration(parameter), value_type=kind)
            for parameter, (kind, _) in arguments.items()
            if context.launch_configurations[parameter]
        }
        file = Path(context.launch_configurations["config"])
        if not file.is_file():  # launch_ros would only warn, and start the node with its defaults
            raise EscherNetError(f"the parameter file '{file}' of node '{name}' does not exist; see config:=...")
        return [
            Node(
                package="eschernet_ros",
                executable=name,
                name=name,
                namespace=LaunchConfiguration("namespace"),
                parameters=[str(file), given],
                output="screen",
            )
        ]

    return [
        DeclareLaunchArgument("namespace", default_value="", description="namespace of the node"),
        DeclareLaunchArgument("config", default_value=config, description="parameter file"),
        *(
            DeclareLaunchArgument(parameter, default_value="", description=f"{meaning}; empty: as in the file")
            for parameter, (_, meaning) in arguments.items()
        ),
        OpaqueFunction(function=start),
    ]
