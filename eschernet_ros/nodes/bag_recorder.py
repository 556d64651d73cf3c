# SPDX-License-Identifier: Apache-2.0
"""The bag recorder node: topics into an mcap bag, without rosbag2 (which PyPI does not have).

The demo records its run with it. Pictures may be limited to the time around the views that the capture takes.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rclpy.clock import Clock, ClockType
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from eschernet_ros.bags.writer import BagWriter
from eschernet_ros.msg import PosedView
from eschernet_ros.nodes import messages
from eschernet_ros.nodes.diagnostics import OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.inputs import message_class
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.run import ClosableNode, run

PARAMETERS = (
    Parameter("bag", "bag", "folder of the bag; it must not exist"),
    Parameter("topics", "", "topics to record, separated by spaces"),
    Parameter("picture_topics", "", "topics of pictures (with a header) to record, separated by spaces"),
    Parameter("posed_view_topic", "capture/posed_view", "views of the capture; recorded too"),
    Parameter(
        "around_views_s", 0.25, "pictures within this of a view's stamp are recorded, s; 0: all pictures", 0.0, 60.0
    ),
)
_DEPTH = 200


class BagRecorderNode(ClosableNode):
    """Subscribes to every topic once it has a publisher, with the QoS that is offered."""

    def __init__(self) -> None:
        super().__init__("bag_recorder")
        p = declare(self, PARAMETERS)
        self._writer = BagWriter(Path(p["bag"]), p["around_views_s"])
        self._views = self.resolve_topic_name(p["posed_view_topic"])
        self._pictures = {self.resolve_topic_name(topic) for topic in p["picture_topics"].split()}
        others = {self.resolve_topic_name(topic) for topic in p["topics"].split()}
        self._missing = {*others, *self._pictures, self._views}
        self._diagnostics = Diagnostics(self, self._report)
        self._timer = self.create_timer(0.2, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"recording to {Path(p['bag']).resolve()}")

    def close(self) -> None:
        """Finish the bag."""
        self._writer.close()

    def _look(self) -> None:
        """Subscribe to the topics that have turned up."""
        for topic in sorted(self._missing):
            offers = self.get_publishers_info_by_topic(topic)
            kind = message_class(offers[0].topic_type) if offers else None
            if kind is None:
                continue
            self._missing.discard(topic)
            profiles = [offer.qos_profile for offer in offers]
            best_effort = any(p.reliability == ReliabilityPolicy.BEST_EFFORT for p in profiles)
            latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles)
            self._writer.add_topic(topic, offers[0].topic_type, kind, best_effort=best_effort, latched=latched)
            profile = QoSProfile(
                depth=_DEPTH,
                reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
            )
            self.create_subscription(kind, topic, partial(self._receive, topic), profile, raw=True)

    def _receive(self, topic: str, raw: bytes) -> None:
        now_ns = int(self.get_clock().now().nanoseconds)
        if topic in self._pictures:
            self._writer.write_picture(topic, raw, now_ns)
            return
        self._writer.write(topic, raw, now_ns)
        if topic == self._views:
            view: PosedView = deserialize_message(raw, PosedView)
            self._writer.keep_around(messages.to_nanoseconds(view.image_stamp))

    def _report(self) -> Report:
        counts = dict(self._writer.counts)
        if self._missing:
            return WARN, f"no publisher of {', '.join(sorted(self._missing))}", counts
        return OK, f"{counts.get('messages', 0)} messages", counts


def main() -> None:
    """Run the node."""
    run(BagRecorderNode)


if __name__ == "__main__":
    main()
