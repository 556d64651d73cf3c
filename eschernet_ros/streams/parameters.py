# SPDX-License-Identifier: Apache-2.0
"""Parameters with a description, and a range or choices where they have any; read by a node or from a file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eschernet_ros.errors import EscherNetError, first_line

Value = bool | int | float | str | list[float]


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    ``low`` and ``high`` bound a number (both or none), ``choices`` a string, ``length`` a list of numbers.
    """

    name: str
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    length: int | None = None

    def check(self, value: Any) -> None:
        """Raise :class:`EscherNetError` when ``value`` is outside the choices or has the wrong length."""
        if self.choices and value not in self.choices:
            raise EscherNetError(f"parameter '{self.name}' is '{value}'; it must be one of: {', '.join(self.choices)}")
        if self.length is not None and len(value) != self.length:
            raise EscherNetError(
                f"parameter '{self.name}' has {len(value)} numbers ({list(value)}); it needs {self.length}"
            )

    def accept(self, value: Any) -> Any:
        """The value, checked as ROS and :meth:`check` do; an integer stands for a float.

        Raises:
            EscherNetError: for a value of the wrong type, out of range, not among the choices, or of the wrong length.
        """
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if kind is list and isinstance(value, list | tuple):
            if not all(type(number) in (int, float) for number in value):
                raise EscherNetError(f"parameter '{self.name}' is {value!r}; it must be a list of numbers")
            value = [float(number) for number in value]
        if type(value) is not kind:
            raise EscherNetError(
                f"parameter '{self.name}' is {value!r}; it must be a {kind.__name__}. Meaning: {self.description}; "
                f"default: {self.default}"
            )
        number: Any = value
        if self.low is not None and self.high is not None and not self.low <= number <= self.high:
            raise EscherNetError(f"parameter '{self.name}' is {value}; it must lie in {self.low:g} to {self.high:g}")
        self.check(value)
        return value


def values_of(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every parameter by its name: as given, else the default.

    Raises:
        EscherNetError: a name that is none of them, or a value that is refused.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise EscherNetError(f"there is no parameter '{name}'{hint}")
    return {
        name: parameter.accept(given[name]) if name in given else parameter.default for name, parameter in known.items()
    }


def read_parameter_file(path: Path) -> dict[str, Any]:
    """What a node's parameter file sets, by dotted names.

    Raises:
        EscherNetError: the file cannot be read, or holds none or several ``ros__parameters``.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        (node,) = [value for value in document.values() if "ros__parameters" in value]
        return _flat(node["ros__parameters"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EscherNetError(f"the configuration {path} cannot be read: {first_line(error)}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise EscherNetError(
            f"{path} is no configuration of the capture node: one 'ros__parameters' is needed"
        ) from error


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
