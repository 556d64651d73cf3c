# SPDX-License-Identifier: Apache-2.0
"""The exposure of every frame, from the driver's metadata where there are any."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rclpy.node import Node
from std_msgs.msg import String

from eschernet_ros.capture import Exposure, MetadataLog, parse_frame_metadata
from eschernet_ros.errors import EscherNetError
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription

try:
    from realsense2_camera_msgs.msg import Metadata
except ImportError:  # not on PyPI; it comes with realsense-ros
    Metadata = None


class FrameMetadataListener:
    """Listens to realsense-ros' ``color/metadata`` and to the same JSON in a String.

    Args:
        node: owner of the subscriptions.
        topic: ``realsense2_camera_msgs/Metadata``; empty: none.
        json_topic: ``std_msgs/String`` whose JSON carries ``ros_stamp_ns``, the stamp of the image; empty: none.
        exposure_unit_s: unit of ``actual_exposure``.
        timeout_s: longest wait for a frame's metadata, once any have come.
        required: refuse frames without an exposure of their own.
    """

    def __init__(
        self, node: Node, topic: str, json_topic: str, exposure_unit_s: float, timeout_s: float, required: bool
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.monitors: list[MonitoredSubscription] = []
        self._node = node
        self._unit_s = exposure_unit_s
        self._timeout_s = timeout_s
        self._required = required
        self._log = MetadataLog()
        if topic and Metadata is not None:
            self.monitors.append(MonitoredSubscription(node, Metadata, topic, self._on_metadata, qos.CAMERA_INFO))
        elif topic:
            node.get_logger().info(
                f"realsense2_camera_msgs is not installed: exposures come from "
                f"{json_topic or 'no topic'}, else from exposure_s"
            )
        if json_topic:
            self.monitors.append(MonitoredSubscription(node, String, json_topic, self._on_json, qos.CAMERA_INFO))

    @property
    def clock_domain(self) -> str:
        """Clock of the camera's stamps as its driver names it; empty while nothing was told."""
        newest = self._log.newest
        return newest.clock_domain if newest is not None else ""

    def exposure(self, stamp_ns: int) -> Exposure:
        """Return the exposure of the frame with this stamp; waits, bounded, once any metadata have come.

        Raises:
            EscherNetError: it is required, and not known.
        """
        reason = "no frame metadata have come"
        if self._log.newest is not None:
            metadata = self._log.wait(stamp_ns, self._timeout_s)
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
            listened = ", ".join(monitor.explain() for monitor in self.monitors) or "no topic is listened to"
            raise EscherNetError(f"{reason}, and metadata.required is set ({listened})")
        return Exposure(None, f"{reason}: exposure_s was used for mid-exposure")

    def _on_metadata(self, message: Any) -> None:
        self._add(message.json_data, messages.to_nanoseconds(message.header.stamp))

    def _on_json(self, message: String) -> None:
        self._add(message.data, None)

    def _add(self, text: str, stamp_ns: int | None) -> None:
        try:
            metadata = parse_frame_metadata(text, self._unit_s)
            stamp_ns = metadata.ros_stamp_ns if stamp_ns is None else stamp_ns
            if stamp_ns is None:
                raise EscherNetError("the frame metadata carry no 'ros_stamp_ns'")
        except EscherNetError as error:
            self.counts["metadata not understood"] += 1
            self._node.get_logger().warning(f"metadata not used: {error}", throttle_duration_sec=5.0)
            return
        self._log.add(stamp_ns, metadata)
