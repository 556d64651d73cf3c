# SPDX-License-Identifier: Apache-2.0
"""Writes serialised messages into a bag (mcap); of pictures, where that is wanted, only those around certain times."""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path
from typing import Any, NamedTuple

from eschernet_ros.bags.definitions import register
from eschernet_ros.bags.reader import INSTALL, header_stamp
from eschernet_ros.errors import EscherNetError
from eschernet_ros.optional import require

_CENTRES_KEPT = 16
_OFFERED_DEPTH = 100
"""Recorded for players: one publisher of a player must keep what several latched ones had said last."""


class _Picture(NamedTuple):
    stamp_ns: int
    log_ns: int
    topic: str
    raw: bytes


class BagWriter:
    """A bag that is being written.

    Args:
        path: the folder to make.
        around_s: pictures within this of a time given to :meth:`keep_around` are written; 0: all are.
        memory_s: pictures are remembered so long, until such a time is given.

    Attributes:
        counts: messages written and pictures left out.

    Raises:
        EscherNetError: the folder exists.
        MissingDependencyError: rosbags is not installed.
    """

    def __init__(self, path: Path, around_s: float = 0.0, memory_s: float = 5.0) -> None:
        if path.exists():
            raise EscherNetError(f"{path} exists; a bag is written to a folder of its own")
        rosbag2 = require("rosbags.rosbag2", INSTALL, "writing bags")
        typesys = require("rosbags.typesys", INSTALL, "writing bags")
        self._interfaces = require("rosbags.interfaces", INSTALL, "writing bags")
        self.counts: Counter[str] = Counter()
        self._store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
        self._connections: dict[str, Any] = {}
        self._around_ns = round(around_s * 1e9)
        self._memory_ns = round(memory_s * 1e9)
        self._remembered: deque[_Picture] = deque()
        self._centres: deque[int] = deque(maxlen=_CENTRES_KEPT)
        self._writer = rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin.MCAP)
        self._writer.open()

    def add_topic(
        self, topic: str, kind: str, message_class: Any, *, best_effort: bool = False, latched: bool = False
    ) -> None:
        """Say what a topic's messages are and how they were offered (QoS, for ``ros2 bag play``), before the first."""
        register(self._store, kind, message_class)
        self._connections[topic] = self._writer.add_connection(
            topic, kind, typestore=self._store, offered_qos_profiles=[self._offered(best_effort, latched)]
        )

    def _offered(self, best_effort: bool, latched: bool) -> Any:
        known = self._interfaces
        unlimited = known.QosTime(0, 0)
        return known.Qos(
            history=known.QosHistory.KEEP_LAST,
            depth=_OFFERED_DEPTH,
            reliability=known.QosReliability.BEST_EFFORT if best_effort else known.QosReliability.RELIABLE,
            durability=known.QosDurability.TRANSIENT_LOCAL if latched else known.QosDurability.VOLATILE,
            deadline=unlimited,
            lifespan=unlimited,
            liveliness=known.QosLiveliness.AUTOMATIC,
            liveliness_lease_duration=unlimited,
            avoid_ros_namespace_conventions=False,
        )

    def write(self, topic: str, raw: bytes, log_ns: int) -> None:
        """Write a message."""
        self.counts["messages"] += 1
        self._writer.write(self._connections[topic], log_ns, raw)

    def write_picture(self, topic: str, raw: bytes, log_ns: int) -> None:
        """Write a message that begins with a header, or remember it in case its time is wanted later."""
        stamp_ns = header_stamp(raw)
        if not self._around_ns or any(abs(stamp_ns - centre) <= self._around_ns for centre in self._centres):
            self.write(topic, raw, log_ns)
            return
        self._remembered.append(_Picture(stamp_ns, log_ns, topic, raw))
        while log_ns - self._remembered[0].log_ns > self._memory_ns:
            self._remembered.popleft()
            self.counts["pictures left out"] += 1

    def keep_around(self, stamp_ns: int) -> None:
        """Write the pictures around this time, those that are remembered and those to come."""
        self._centres.append(stamp_ns)
        remembered, self._remembered = self._remembered, deque()
        for picture in remembered:
            if abs(picture.stamp_ns - stamp_ns) <= self._around_ns:
                self.write(picture.topic, picture.raw, picture.log_ns)
            else:
                self._remembered.append(picture)

    def close(self) -> None:
        """Finish the file."""
        self.counts["pictures left out"] += len(self._remembered)
        self._remembered.clear()
        self._writer.close()
