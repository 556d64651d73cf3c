# SPDX-License-Identifier: Apache-2.0
"""Parameters declared on a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from eschernet_ros.errors import EscherNetError
from eschernet_ros.streams.parameters import Parameter as Parameter
from eschernet_ros.streams.parameters import Value as Value


def describe(parameter: Parameter) -> ParameterDescriptor:
    """Return the descriptor that ``ros2 param describe`` shows.

    All parameters are read once, at start: ROS refuses to change them afterwards.
    """
    descriptor = ParameterDescriptor(description=parameter.description, read_only=True)
    if parameter.choices:
        descriptor.additional_constraints = "one of: " + ", ".join(parameter.choices)
    if parameter.length is not None:
        descriptor.additional_constraints = f"{parameter.length} numbers"
    if parameter.low is not None and parameter.high is not None:
        if isinstance(parameter.default, int):
            descriptor.integer_range = [
                IntegerRange(from_value=int(parameter.low), to_value=int(parameter.high), step=0)
            ]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(parameter.low), to_value=float(parameter.high), step=0.0)
            ]
    return descriptor


def declare(node: Node, parameters: Sequence[Parameter]) -> Mapping[str, Any]:
    """Declare all parameters on ``node`` and return their values by name.

    ROS checks numbers itself; choices and lengths are checked here.

    Raises:
        EscherNetError: for a value of the wrong type, out of range, not among the choices, or of the wrong length.
    """
    values: dict[str, Any] = {}
    for parameter in parameters:
        try:
            value: Any = node.declare_parameter(parameter.name, parameter.default, describe(parameter)).value
        except Exception as error:  # rclpy has four exception classes here, with nothing in common
            raise EscherNetError(
                f"parameter '{parameter.name}' of node '{node.get_name()}' was refused: {error}. "
                f"Meaning: {parameter.description}; default: {parameter.default}"
            ) from error
        value = list(value) if isinstance(parameter.default, list) else value
        parameter.check(value)
        values[parameter.name] = value
    return values
