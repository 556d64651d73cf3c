# SPDX-License-Identifier: Apache-2.0
"""Subscriptions for the inputs of the library: which message class and which QoS a topic has."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from eschernet_ros.errors import EscherNetError
from eschernet_ros.nodes import qos
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription
from eschernet_ros.streams.inputs import Input

_PROFILES = {
    "colour": qos.CAMERA_IMAGE,
    "depth": qos.CAMERA_IMAGE,
    "mask": qos.CAMERA_IMAGE,
    "pose": qos.POSE_STREAM,
    "joint states": qos.POSE_STREAM,
    "tf": qos.TF,
    "tf_static": qos.TF_STATIC,
}


class InputSubscriptions:
    """Subscriptions of a node to the inputs of the library.

    A vendor's message package that is not installed (``tf2_msgs``, ``realsense2_camera_msgs``: not on PyPI) is said; it
    ends the node where the input is needed.

    Args:
        node: owner of the subscriptions.
        inputs: the topics.

    Attributes:
        monitors: by the inputs' names.

    Raises:
        EscherNetError: the message type of an input that is needed is not installed.
    """

    def __init__(self, node: Node, inputs: Iterable[Input]) -> None:
        self.monitors: dict[str, MonitoredSubscription] = {}
        self._inputs = {found.name: found for found in inputs}
        self._node = node
        for name, found in self._inputs.items():
            kind = message_class(found.kinds[0])
            if kind is None and found.needed:
                raise EscherNetError(
                    f"{found.parameter} needs {found.kinds[0]}, which is not installed here; it comes with a ROS "
                    "distribution. For poses use pose_source 'topic' or 'joint_states'"
                )
            if kind is None:
                node.get_logger().info(f"{found.kinds[0]} is not installed: {found.topic} is not listened to")
                continue
            monitor = MonitoredSubscription(node, kind, found.topic, partial(self._deliver, found), profile_of(found))
            monitor.remedy = found.remedy
            self.monitors[name] = monitor

    def silent(self, names: Iterable[str] | None = None) -> list[str]:
        """Explain every needed topic that is silent: for a second, or from the beginning where it is latched."""
        clauses = []
        for name, found in self._inputs.items():
            if not found.needed or (names is not None and name not in names):
                continue
            age = self.monitors[name].age_s()
            if age is None or (age > 1.0 and not found.latched):
                clauses.append(self.monitors[name].explain())
        return clauses

    def explain(self, found: Input) -> str:
        """What is known of one topic."""
        return self.monitors[found.name].explain()

    def _deliver(self, found: Input, message: Any) -> None:
        found.take(message, self._node.get_clock().now().nanoseconds)


def message_class(kind: str) -> Any:
    """The class of a message type; None when its package is not installed."""
    package, _, name = kind.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError):
        return None


def profile_of(found: Input) -> QoSProfile:
    """The QoS that an input is subscribed with."""
    return _PROFILES.get(found.name, qos.LATCHED if found.latched else qos.CAMERA_INFO)
