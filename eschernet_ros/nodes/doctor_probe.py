# SPDX-License-Identifier: Apache-2.0
"""Listens to a ROS graph for a few seconds, for ``eschernet-ros doctor``; publishes and calls nothing."""

from __future__ import annotations

import contextlib
import importlib
import struct
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from rclpy.topic_endpoint_info import TopicEndpointInfo

from eschernet_ros.capture.frame_metadata import parse_frame_metadata
from eschernet_ros.doctor.observation import Deaf, Endpoint, Graph, TopicRecord
from eschernet_ros.doctor.topics import Watched
from eschernet_ros.errors import EscherNetError
from eschernet_ros.nodes import messages
from eschernet_ros.nodes.messages import NANOSECONDS

_DEPTH = 2000  # a pose stream of 1 kHz goes on while this process is held up
_IMAGE_DEPTH = 10
_STAMPED = ("sensor_msgs", "geometry_msgs/msg/PoseStamped", "visualization_msgs", "realsense2_camera_msgs")


def listen(topics: Sequence[Watched], seconds: float, discovery_s: float) -> Graph:
    """Return what a graph shows in ``seconds``.

    Before, at most ``discovery_s`` pass until all that is needed has a publisher, and again until each has spoken.

    Messages are taken as bytes: only the newest of each topic is decoded.
    """
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node("eschernet_doctor", context=context, enable_rosout=False, start_parameter_services=False)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        try:
            return _Listening(node, executor, topics).run(seconds, discovery_s)
        finally:
            executor.shutdown()
            node.destroy_node()
    finally:
        context.try_shutdown()


class _Listening:
    def __init__(self, node: Node, executor: SingleThreadedExecutor, topics: Sequence[Watched]) -> None:
        self._node = node
        self._executor = executor
        self._topics = topics
        self._records = {topic.name: TopicRecord() for topic in topics}
        self._newest: dict[str, bytes] = {}
        self._parents: dict[str, set[str]] = {}

    def run(self, seconds: float, discovery_s: float) -> Graph:
        self._discover(discovery_s)
        types = {topic.name: self._subscribe(topic) for topic in self._topics}
        tf_unreadable = self._subscribe_tf()
        self._spin(discovery_s, self._all_speak)
        for topic in self._topics:
            if topic.slow_hz > 0.0:  # a latched message came and will not come again
                self._records[topic.name].arrivals_ns.clear()
                self._records[topic.name].stamps_ns.clear()
        self._spin(seconds)
        graph = Graph(seconds, self._records, tf_unreadable=tf_unreadable, parents=self._parents)
        for topic in self._topics:
            self._endpoints(topic)
            if topic.name in self._newest:
                self._decode(topic, types[topic.name], graph.clock_domains)
        graph.all_topics = {
            name: list(kinds)
            for name, kinds in self._node.get_topic_names_and_types()
            if self._node.count_publishers(name)
        }
        own = self._node.get_fully_qualified_name()
        names = {_full_name(name, space) for name, space in self._node.get_node_names_and_namespaces()}
        graph.nodes = sorted(names - {own})
        return graph

    def _spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0.0 and not until():
            self._executor.spin_once(timeout_sec=min(left, 0.2))

    def _all_speak(self) -> bool:
        """Whether every topic that has a publisher has sent something: rates are counted from then on."""
        return all(
            name in self._newest or record.unreadable or not self._node.count_publishers(name)
            for name, record in self._records.items()
        )

    def _discover(self, discovery_s: float) -> None:
        needed = [topic.name for topic in self._topics if topic.needed]
        self._spin(discovery_s, lambda: all(self._node.get_publishers_info_by_topic(name) for name in needed))

    def _subscribe(self, topic: Watched) -> Any:
        """Listen to a topic with what its publishers offer; returns the message type."""
        record = self._records[topic.name]
        offered = [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic.name)]
        kind = _message_type(topic.type)
        if kind is None:
            record.unreadable = f"{topic.type} is not installed here"
            return None
        profile = QoSProfile(depth=_IMAGE_DEPTH if topic.type.endswith("/Image") else _DEPTH)
        if any(p.reliability == ReliabilityPolicy.BEST_EFFORT for p in offered):
            profile.reliability = ReliabilityPolicy.BEST_EFFORT
        if offered and all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in offered):
            profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
        stamped = topic.type.startswith(_STAMPED)
        callback = partial(self._take, record, topic.name, stamped)
        self._node.create_subscription(kind, topic.name, callback, profile, raw=True)
        return kind

    def _take(self, record: TopicRecord, name: str, stamped: bool, data: bytes) -> None:
        record.arrivals_ns.append(time.time_ns())
        record.bytes = max(record.bytes, len(data))
        self._newest[name] = data
        if stamped:
            record.stamps_ns.append(_stamp_ns(data))

    def _subscribe_tf(self) -> str:
        kind = _message_type("tf2_msgs/msg/TFMessage")
        if kind is None:
            return "tf2_msgs is not installed here (it comes with a ROS distribution)"

        def take(message: Any) -> None:
            for transform in message.transforms:
                self._parents.setdefault(transform.child_frame_id, set()).add(transform.header.frame_id)

        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._node.create_subscription(kind, "/tf", take, QoSProfile(depth=100))
        self._node.create_subscription(kind, "/tf_static", take, latched)
        return ""

    def _endpoints(self, topic: Watched) -> None:
        record = self._records[topic.name]
        publishers = self._node.get_publishers_info_by_topic(topic.name)
        record.publishers = [_endpoint(info) for info in publishers]
        own = self._node.get_fully_qualified_name()
        for subscriber in self._node.get_subscriptions_info_by_topic(topic.name):
            if _full_name(subscriber.node_name, subscriber.node_namespace) == own:
                continue
            for publisher in publishers:
                fits, reason = qos_check_compatible(publisher.qos_profile, subscriber.qos_profile)
                if fits == QoSCompatibility.ERROR:
                    names = _endpoint(subscriber).node, _endpoint(publisher).node
                    record.deaf.append(Deaf(*names, _reason(publisher, subscriber, reason)))

    def _decode(self, topic: Watched, kind: Any, clock_domains: set[str]) -> None:
        record = self._records[topic.name]
        message = deserialize_message(self._newest[topic.name], kind)
        if hasattr(message, "header"):
            record.frame_id = message.header.frame_id
        if hasattr(message, "width") and hasattr(message, "height"):
            record.size = (message.width, message.height)
        try:
            _use(topic, message, clock_domains)
        except EscherNetError as error:
            record.problem = str(error)


def _use(topic: Watched, message: Any, clock_domains: set[str]) -> None:
    """Read a message as the capture node would; raises :class:`EscherNetError` where that fails."""
    if topic.role == "colour":
        messages.colour_from_image(message)
    elif topic.role == "depth":
        messages.depth_from_image(message)
    elif topic.role == "mask":
        messages.mask_from_image(message)
    elif topic.role == "camera_info":
        messages.from_camera_info(message)
    elif topic.role == "pose":
        messages.from_pose(message.pose)
    elif topic.role == "metadata":
        text = message.json_data if hasattr(message, "json_data") else message.data
        if domain := parse_frame_metadata(text).clock_domain:
            clock_domains.add(domain)


def _message_type(name: str) -> Any:
    """Return a message class by its full name, None where its package is not installed."""
    package, _, kind = name.partition("/msg/")
    with contextlib.suppress(ImportError):
        return getattr(importlib.import_module(f"{package}.msg"), kind)
    return None


def _stamp_ns(data: bytes) -> int:
    """Return the stamp of a serialised message that begins with a header, as all stamped messages do.

    After four bytes that name the encoding (the second is 0 for big endian, else little endian; OMG DDS-XTypes 7.6.3)
    come seconds and nanoseconds of 32 bits each.
    """
    order = "<" if data[1] % 2 else ">"
    sec, nanosec = struct.unpack_from(f"{order}iI", data, 4)
    return int(sec) * NANOSECONDS + int(nanosec)


def _full_name(name: str, namespace: str) -> str:
    return f"{namespace.rstrip('/')}/{name}"


def _endpoint(info: TopicEndpointInfo) -> Endpoint:
    profile = info.qos_profile
    return Endpoint(
        _full_name(info.node_name, info.node_namespace),
        info.topic_type,
        _words(profile.reliability),
        _words(profile.durability),
    )


def _words(policy: Any) -> str:
    return str(policy.name).lower().replace("_", " ")


def _reason(publisher: TopicEndpointInfo, subscriber: TopicEndpointInfo, reason: str) -> str:
    """Say which policy does not fit, in words; the middleware's own words for the rarer ones."""
    offer, wish = publisher.qos_profile, subscriber.qos_profile
    if offer.reliability == ReliabilityPolicy.BEST_EFFORT and wish.reliability == ReliabilityPolicy.RELIABLE:
        return "it asks for reliable, and best effort is offered"
    if offer.durability == DurabilityPolicy.VOLATILE and wish.durability == DurabilityPolicy.TRANSIENT_LOCAL:
        return "it asks for transient local (latched), and volatile is offered"
    return reason.strip()
