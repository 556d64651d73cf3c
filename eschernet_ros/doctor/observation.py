# SPDX-License-Identifier: Apache-2.0
"""What was observed on a ROS graph for a few seconds; the checks judge it, so they need no ROS."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Endpoint:
    """A publisher or subscription of a topic: its node, and what its QoS offers or asks for."""

    node: str
    type: str
    reliability: str
    durability: str


@dataclass(frozen=True)
class Deaf:
    """A subscription that receives nothing of a publisher, and why (incompatible QoS)."""

    subscriber: str
    publisher: str
    reason: str


@dataclass
class TopicRecord:
    """What came on one topic.

    Attributes:
        publishers: all of them.
        deaf: subscriptions of other nodes that its publishers cannot serve.
        arrivals_ns: host clock at each arrival.
        stamps_ns: header stamp of each message, where it has one.
        bytes: size of the largest message.
        frame_ids: of the newest message, empty where there is none.
        size: (width, height) of an image or a camera_info.
        problem: why this package could not use the newest message.
        unreadable: why the topic was not listened to.
    """

    publishers: list[Endpoint] = field(default_factory=list)
    deaf: list[Deaf] = field(default_factory=list)
    arrivals_ns: list[int] = field(default_factory=list)
    stamps_ns: list[int] = field(default_factory=list)
    bytes: int = 0
    frame_id: str = ""
    size: tuple[int, int] | None = None
    problem: str = ""
    unreadable: str = ""

    @property
    def ages_s(self) -> NDArray[np.float64]:
        """[N] arrival less stamp, seconds."""
        return (np.array(self.arrivals_ns, np.int64) - np.array(self.stamps_ns, np.int64)) / 1e9

    @property
    def rate_hz(self) -> float:
        """Messages per second between the first and the last; 0 for less than two."""
        if len(self.arrivals_ns) < 2:
            return 0.0
        return (len(self.arrivals_ns) - 1) * 1e9 / max(1, self.arrivals_ns[-1] - self.arrivals_ns[0])

    @property
    def longest_gap_s(self) -> float:
        """Longest time between two messages: by their stamps, or by arrival where they have none."""
        times = self.stamps_ns or self.arrivals_ns
        return float(np.diff(np.sort(times)).max()) / 1e9 if len(times) > 1 else 0.0


@dataclass
class Graph:
    """A few seconds of a ROS graph.

    Attributes:
        seconds: how long was listened.
        records: by topic name.
        all_topics: every topic that has a publisher, with its types.
        nodes: every node, fully qualified, without the doctor's own.
        clock_domains: what the camera's metadata said.
        parents: child frame -> its parents on /tf and /tf_static.
        tf_unreadable: why TF was not listened to.
    """

    seconds: float
    records: dict[str, TopicRecord] = field(default_factory=dict)
    all_topics: dict[str, list[str]] = field(default_factory=dict)
    nodes: list[str] = field(default_factory=list)
    clock_domains: set[str] = field(default_factory=set)
    parents: dict[str, set[str]] = field(default_factory=dict)
    tf_unreadable: str = ""
