# SPDX-License-Identifier: Apache-2.0
"""A fake of ``ros2 bag play --clock --loop``: rosbag2 is not on PyPI. Plays a bag's messages and /clock, N times.

Run it: bag_player.py BAG PASSES LISTENERS. It begins once every topic has so many subscribers; before every pass but
the first, time jumps back.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from eschernet_ros.bags import open_bag
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.inputs import message_class

TICK_NS = 10_000_000


class BagPlayer(Node):
    """Publishes what is recorded, as it was serialised."""

    def __init__(self, path: Path) -> None:
        super().__init__("bag_player")
        self._path = path
        self._clock_topic = self.create_publisher(Clock, "/clock", 10)
        with open_bag(path) as bag:
            self._topics = {topic.name: topic.type for topic in bag.topics}
        self._outlets = {
            name: self.create_publisher(
                message_class(kind), name, qos.POSE_STREAM if "PoseStamped" in kind else qos.CAMERA_IMAGE
            )
            for name, kind in self._topics.items()
        }

    def listened_to(self, count: int) -> bool:
        """Whether every topic has so many subscribers."""
        outlets = [*self._outlets.values(), self._clock_topic]
        return all(outlet.get_subscription_count() >= count for outlet in outlets)

    def play(self) -> None:
        """One pass, at the speed of the recording."""
        with open_bag(self._path) as bag:
            ahead_ns = time.monotonic_ns() - bag.start_ns
            tick_ns = bag.start_ns
            for message in bag.messages(self._topics):
                while tick_ns <= message.log_ns:
                    time.sleep(max(0.0, (tick_ns + ahead_ns - time.monotonic_ns()) / 1e9))
                    self._clock_topic.publish(Clock(clock=messages.to_time(tick_ns)))
                    tick_ns += TICK_NS
                self._outlets[message.topic].publish(message.raw)


def main() -> None:
    """Run the node."""
    rclpy.init()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        node = BagPlayer(Path(sys.argv[1]))
        while not node.listened_to(int(sys.argv[3])):
            time.sleep(0.1)
        print("playing", flush=True)
        for _ in range(int(sys.argv[2])):
            node.play()
            print("pass played", flush=True)
        while rclpy.ok():
            time.sleep(0.1)


if __name__ == "__main__":
    main()
