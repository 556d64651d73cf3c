# SPDX-License-Identifier: Apache-2.0
"""Bags of ROS 2 and ROS 1 read without ROS, whatever message types are in them."""

from eschernet_ros.bags.reader import (
    INSTALL,
    BagError,
    BagMessage,
    BagReader,
    BagTopic,
    DamagedBagError,
    is_bag,
    open_bag,
)
from eschernet_ros.bags.topics import describe_topics, find_topic

__all__ = [
    "INSTALL",
    "BagError",
    "BagMessage",
    "BagReader",
    "BagTopic",
    "DamagedBagError",
    "describe_topics",
    "find_topic",
    "is_bag",
    "open_bag",
]
