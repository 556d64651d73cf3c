# SPDX-License-Identifier: Apache-2.0
"""Subscriptions that match their publisher's QoS, and can say why nothing arrives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy


class MonitoredSubscription:
    """A subscription whose reliability follows the publishers, with a count and the age of the last message.

    It starts with ``wanted``. While a publisher of the topic offers less (best effort where reliable is wanted),
    the subscription is made again with what is offered, and that is logged: nothing arrives otherwise
    (realsense-ros issue 1718, franka_ros2 3.3).
    """

    def __init__(
        self, node: Node, message_type: Any, topic: str, callback: Callable[[Any], None], wanted: QoSProfile
    ) -> None:
        self.topic = node.resolve_topic_name(topic)
        self.received = 0
        self.remedy = ""
        self._node = node
        self._type = message_type
        self._callback = callback
        self._wanted = wanted
        self._last: float | None = None
        self._mismatch: str | None = None
        self._subscription = self._subscribe(wanted)
        # by the steady clock: simulated time stands still until somebody plays a bag
        self._timer = node.create_timer(1.0, self._match, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def age_s(self) -> float | None:
        """Return the seconds since the last message, or None when none has come."""
        return None if self._last is None else time.monotonic() - self._last

    def explain(self) -> str:
        """Return what is known about the topic, as one clause."""
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        if not publishers:
            hint = f" ({self.remedy})" if self.remedy else ""
            return f"{self.topic} has no publisher{hint}"
        age = self.age_s()
        offers = ", ".join(p.qos_profile.reliability.name.lower() for p in publishers)
        if age is None:
            mismatch = f"; {self._mismatch}" if self._mismatch else ""
            return f"{self.topic} has {len(publishers)} publisher(s) ({offers}) but no message came{mismatch}"
        return f"{self.topic}: {self.received} messages, the last {age:.2f} s ago"

    def destroy(self) -> None:
        """End the subscription."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self, profile: QoSProfile) -> Any:
        return self._node.create_subscription(
            self._type,
            self.topic,
            self._receive,
            profile,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._incompatible),
        )

    def _receive(self, message: Any) -> None:
        self.received += 1
        self._last = time.monotonic()
        self._callback(message)

    def _incompatible(self, event: Any) -> None:
        self._mismatch = f"its QoS does not match ({event.last_policy_kind})"
        self._match()

    def _match(self) -> None:
        offered = [p.qos_profile for p in self._node.get_publishers_info_by_topic(self.topic)]
        if not offered:
            return
        current = self._subscription.qos_profile
        reliability, durability = self._wanted.reliability, self._wanted.durability
        if any(p.reliability == ReliabilityPolicy.BEST_EFFORT for p in offered):
            reliability = ReliabilityPolicy.BEST_EFFORT
        if any(p.durability == DurabilityPolicy.VOLATILE for p in offered):
            durability = DurabilityPolicy.VOLATILE
        if (reliability, durability) == (current.reliability, current.durability):
            return
        self._node.get_logger().info(
            f"{self.topic}: a publisher offers {reliability.name.lower()}, {durability.name.lower()}; "
            "subscribing like that"
        )
        profile = QoSProfile(depth=self._wanted.depth, reliability=reliability, durability=durability)
        self._node.destroy_subscription(self._subscription)
        self._subscription = self._subscribe(profile)
        self._mismatch = None
