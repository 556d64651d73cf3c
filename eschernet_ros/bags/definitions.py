# SPDX-License-Identifier: Apache-2.0
"""Message definitions for a bag, from the generated Python classes: what ``ros2 bag record`` takes from .msg files."""

from __future__ import annotations

import importlib
import re
from typing import Any

from eschernet_ros.optional import require

_NAMES = {"double": "float64", "float": "float32", "boolean": "bool", "octet": "byte"}
_SEQUENCE = re.compile(r"sequence<(?P<of>[^,>]+(?:<\d+>)?)(?:, (?P<most>\d+))?>")
_ARRAY = re.compile(r"(?P<of>.+)\[(?P<length>\d+)\]")


def register(store: Any, kind: str, message_class: Any) -> None:
    """Make a rosbags type store know a message type, and all types in it.

    Args:
        store: of rosbags.
        kind: as in ROS 2, ``sensor_msgs/msg/Image``.
        message_class: the class that rclpy uses.
    """
    if kind in store.fielddefs:
        return
    typesys = require("rosbags.typesys", "pip install rosbags", "writing bags")
    lines = []
    for name, text in message_class.get_fields_and_field_types().items():
        element, suffix = _parts(text)
        if "/" in element:
            package, leaf = element.split("/")
            part = getattr(importlib.import_module(f"{package}.msg"), leaf)
            register(store, f"{package}/msg/{leaf}", part)
        lines.append(f"{_NAMES.get(element, element)}{suffix} {name}")
    store.register(typesys.get_types_from_msg("\n".join(lines) + "\n", kind))


def _parts(text: str) -> tuple[str, str]:
    """The element's type and the suffix of a definition: ``sequence<double>`` is ``double`` and ``[]``."""
    if found := _SEQUENCE.fullmatch(text):
        return found["of"], f"[<={found['most']}]" if found["most"] else "[]"
    if found := _ARRAY.fullmatch(text):
        return found["of"], f"[{found['length']}]"
    return text, ""
