# SPDX-License-Identifier: Apache-2.0
"""The exposure of every frame, from the driver's metadata where there are any."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from eschernet_ros.capture.frame import Exposure
from eschernet_ros.capture.frame_metadata import FrameMetadata, MetadataLog, parse_frame_metadata
from eschernet_ros.capture.message_fields import stamp_of
from eschernet_ros.errors import EscherNetError
from eschernet_ros.streams.inputs import Input
from eschernet_ros.streams.throttle import Throttle

_log = logging.getLogger(__name__)


METADATA_KINDS = {"metadata": "realsense2_camera_msgs/msg/Metadata", "metadata_json": "std_msgs/msg/String"}
"""Message types of the two topics."""


def read_metadata(message: Any, exposure_unit_s: float) -> tuple[int, FrameMetadata]:
    """The stamp of the frame, and its metadata, from a message of either topic.

    Raises:
        EscherNetError: no JSON, or a String without ``ros_stamp_ns`` in it.
    """
    if hasattr(message, "json_data"):
        return stamp_of(message.header), parse_frame_metadata(message.json_data, exposure_unit_s)
    metadata = parse_frame_metadata(message.data, exposure_unit_s)
    if metadata.ros_stamp_ns is None:
        raise EscherNetError("the frame metadata carry no 'ros_stamp_ns'")
    return metadata.ros_stamp_ns, metadata


class Exposures:
    """Takes realsense-ros' ``color/metadata`` and the same JSON in a String (with ``ros_stamp_ns`` in it).

    Args:
        p: parameters of a capture.

    Attributes:
        counts: what was missing or not understood.
        inputs: the topics.
    """

    def __init__(self, p: Mapping[str, Any]) -> None:
        self.counts: Counter[str] = Counter()
        self._unit_s = p["metadata.exposure_unit_us"] * 1e-6
        self._timeout_s = p["metadata.timeout_s"]
        self._required = p["metadata.required"]
        self._log = MetadataLog()
        self._throttle = Throttle(_log)
        named = (
            ("metadata", "metadata.topic", METADATA_KINDS["metadata"]),
            ("metadata JSON", "metadata.json_topic", METADATA_KINDS["metadata_json"]),
        )
        self.inputs = tuple(
            Input(name, p[parameter], parameter, (kind,), self._take, needed=False)
            for name, parameter, kind in named
            if p[parameter]
        )

    @property
    def clock_domain(self) -> str:
        """Clock of the camera's stamps as its driver names it; empty while nothing was told."""
        newest = self._log.newest
        return newest.clock_domain if newest is not None else ""

    def awaited(self, stamp_ns: int) -> bool:
        """Whether metadata have come, but not yet those of the frame with this stamp."""
        return self._log.newest is not None and self.missing(stamp_ns)

    def missing(self, stamp_ns: int) -> bool:
        """Whether the metadata of the frame with this stamp have not come."""
        return self._log.wait(stamp_ns, 0.0) is None

    def exposure(self, stamp_ns: int, listened: str = "", wait: bool = True) -> Exposure:
        """Return the exposure of the frame with this stamp; waits, bounded, once any metadata have come.

        Args:
            stamp_ns: of the frame.
            listened: what is known of the topics, for the sentence that refuses.
            wait: for metadata that have not come; else they will not come.

        Raises:
            EscherNetError: it is required, and not known.
        """
        reason = "no frame metadata have come"
        if self._log.newest is not None:
            metadata = self._log.wait(stamp_ns, self._timeout_s if wait else 0.0)
            if metadata is not None and metadata.exposure_s is not None:
                return Exposure(metadata.exposure_s)
            if metadata is None:
                reason = f"the metadata of this frame did not come within {self._timeout_s:g} s"
                self.counts["frames without metadata"] += 1
            else:
                reason = "the metadata of this frame do not tell its exposure (auto-exposure, without sensor_timestamp)"
                self.counts["metadata without an exposure"] += 1
        elif not self._required:
            return Exposure(None)
        if self._required:
            where = listened or ", ".join(source.topic for source in self.inputs) or "no topic is listened to"
            raise EscherNetError(f"{reason}, and metadata.required is set ({where})")
        return Exposure(None, f"{reason}: exposure_s was used for mid-exposure")

    def driver(self, stamp_ns: int) -> Mapping[str, Any]:
        """What the driver said of the frame with this stamp, so far; empty when it said nothing."""
        metadata = self._log.wait(stamp_ns, 0.0)
        return {} if metadata is None else metadata.told

    def add(self, stamp_ns: int, metadata: FrameMetadata) -> None:
        """Keep the metadata of the frame with this stamp."""
        self._log.add(stamp_ns, metadata)

    def clear(self) -> None:
        """Forget all: time has jumped."""
        self._log.clear()

    def _take(self, message: Any, _now_ns: int) -> None:
        try:
            stamp_ns, metadata = read_metadata(message, self._unit_s)
        except EscherNetError as error:
            self.counts["metadata not understood"] += 1
            self._throttle.warning(f"metadata not used: {error}")
            return
        self._log.add(stamp_ns, metadata)
