# SPDX-License-Identifier: Apache-2.0
"""Declared parameters: each has a description, and a range or choices where it has any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from eschernet_ros.errors import EscherNetError

Value = bool | int | float | str | list[float]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    ``low`` and ``high`` bound a number (both or none), ``choices`` a string, ``length`` a list of numbers.
    ROS checks numbers itself; choices and lengths are checked in :func:`declare`.
    All parameters are read once, at start: ROS refuses to change them afterwards.
    """

    name: str
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    length: int | None = None

    def descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that ``ros2 param describe`` shows."""
        descriptor = ParameterDescriptor(description=self.description, read_only=True)
        if self.choices:
            descriptor.additional_constraints = "one of: " + ", ".join(self.choices)
        if self.length is not None:
            descriptor.additional_constraints = f"{self.length} numbers"
        if self.low is not None and self.high is not None:
            if isinstance(self.default, int):
                descriptor.integer_range = [IntegerRange(from_value=int(self.low), to_value=int(self.high), step=0)]
            else:
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=float(self.low), to_value=float(self.high), step=0.0)
                ]
        return descriptor

    def check(self, value: Any) -> None:
        """Raise :class:`EscherNetError` when ``value`` is outside the choices or has the wrong length."""
        if self.choices and value not in self.choices:
            raise EscherNetError(f"parameter '{self.name}' is '{value}'; it must be one of: {', '.join(self.choices)}")
        if self.length is not None and len(value) != self.length:
            raise EscherNetError(
                f"parameter '{self.name}' has {len(value)} numbers ({list(value)}); it needs {self.length}"
            )


def declare(node: Node, parameters: Sequence[Parameter]) -> Mapping[str, Any]:
    """Declare all parameters on ``node`` and return their values by name.

    Raises:
        EscherNetError: for a value of the wrong type, out of range, not among the choices, or of the wrong length.
    """
    values: dict[str, Any] = {}
    for parameter in parameters:
        try:
            value: Any = node.declare_parameter(parameter.name, parameter.default, parameter.descriptor()).value
        except Exception as error:  # rclpy has four exception classes here, with nothing in common
            raise EscherNetError(
                f"parameter '{parameter.name}' of node '{node.get_name()}' was refused: {error}. "
                f"Meaning: {parameter.description}; default: {parameter.default}"
            ) from error
        value = list(value) if isinstance(parameter.default, list) else value
        parameter.check(value)
        values[parameter.name] = value
    return values
