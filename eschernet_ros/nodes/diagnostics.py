# SPDX-License-Identifier: Apache-2.0
"""Counters of a node on /diagnostics (REP 107), once a second of real time, also while simulated time stands still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from eschernet_ros.nodes.messages import key_values

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)
Report = tuple[bytes, str, dict[str, Any]]


class Diagnostics:
    """Publishes what ``report()`` returns: level, one sentence, counters by name."""

    def __init__(self, node: Node, report: Callable[[], Report], period_s: float = 1.0) -> None:
        self._node = node
        self._report = report
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = node.create_timer(period_s, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _publish(self) -> None:
        level, sentence, counts = self._report()
        status = DiagnosticStatus(level=level, name=self._node.get_fully_qualified_name(), message=sentence)
        status.hardware_id = "eschernet_ros"
        status.values = [KeyValue(key=key, value=value) for key, value in key_values(counts)]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
