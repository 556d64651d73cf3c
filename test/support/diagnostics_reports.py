# SPDX-License-Identifier: Apache-2.0
"""What a node says of itself on /diagnostics, for a test to wait for."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from eschernet_ros.demo.client import GraphClient


class Reports:
    """The newest status of one node.

    Attributes:
        status: the whole status, None before the first.
        values: its key value pairs.
    """

    def __init__(self, client: GraphClient, node: str) -> None:
        self.status: DiagnosticStatus | None = None
        self.values: dict[str, str] = {}
        self._node = node
        client.node.create_subscription(DiagnosticArray, "/diagnostics", self._keep, 10)

    def count(self, key: str) -> int:
        """A counter's value; 0 before it was reported."""
        return int(self.values.get(key, 0))

    def _keep(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == self._node:
                self.status = status
                self.values = {value.key: value.value for value in status.values}
