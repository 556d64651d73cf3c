# SPDX-License-Identifier: Apache-2.0
"""Messages and bags of ROS 2 and ROS 1 from plain values, written with rosbags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

Entry = tuple[int, str, str, Mapping[str, Any]]
"""Log time in nanoseconds, topic, type (``sensor_msgs/msg/Image``), and the fields that are not zero."""


def store(ros1: bool = False, definitions: Mapping[str, str] | None = None) -> Any:
    """Return the types of a distribution, and those that are defined here."""
    made = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)
    for kind, text in (definitions or {}).items():
        made.register(get_types_from_msg(text, kind))
    return made


def build(types: Any, kind: str, values: Mapping[str, Any]) -> Any:
    """Return a message: nested values for its fields, zero for the others; capitals where ROS 1 has them."""
    _, fields = types.fielddefs[kind]
    names = {name for name, _ in fields}
    values = {name if name in names else name.upper(): value for name, value in values.items()}
    unknown = set(values) - names
    assert not unknown, f"{kind} has no {unknown}"
    return types.types[kind](*(_value(types, form, values.get(name)) for name, form in fields))


def _value(types: Any, form: Any, value: Any) -> Any:
    node, detail = form
    if node == Nodetype.NAME:
        return build(types, detail, value or {})
    if node == Nodetype.BASE:
        empty = {"string": "", "bool": False}.get(detail[0], 0.0 if detail[0].startswith("float") else 0)
        return empty if value is None else value
    element, length = detail  # arrays and sequences
    if element[0] == Nodetype.NAME:
        return [build(types, element[1], item) for item in value or []]
    if element[1][0] == "string":
        return list(value or [])
    zero = np.zeros(length if node == Nodetype.ARRAY else 0)
    return np.asarray(zero if value is None else value, dtype=element[1][0])


def stamped(stamp_ns: int, frame: str = "", **fields: Any) -> dict[str, Any]:
    """Return the fields of a message with a header."""
    time = {"sec": stamp_ns // 10**9, "nanosec": stamp_ns % 10**9}
    return {"header": {"stamp": time, "frame_id": frame}, **fields}


def write(
    path: Path,
    entries: Iterable[Entry],
    *,
    storage: StoragePlugin = StoragePlugin.MCAP,
    mode: CompressionMode = CompressionMode.NONE,
    definitions: Mapping[str, str] | None = None,
) -> Path:
    """Write a bag in the order of the log times; one that ends in ``.bag`` is a ROS 1 bag."""
    ros1 = path.suffix == ".bag"
    types = store(ros1, definitions)
    writer: Any = Writer1(path) if ros1 else Writer(path, version=9, storage_plugin=storage)
    if not ros1:
        writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections: dict[str, Any] = {}
        for log_ns, topic, kind, values in sorted(entries, key=lambda entry: entry[0]):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=types)
            if values is None:
                continue
            message = build(types, kind, values)
            raw = types.serialize_ros1(message, kind) if ros1 else types.serialize_cdr(message, kind)
            writer.write(connections[topic], log_ns, raw)
    return path
