# SPDX-License-Identifier: Apache-2.0
"""Listens to camera, arm and TF for some seconds, for ``eschernet-ros check --live``; publishes and calls nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image

from eschernet_ros.capture import CameraInfos, StampJoin
from eschernet_ros.capture.camera_infos import CAMERA_INFO, INFO_OF_ANOTHER
from eschernet_ros.checking.audit import RecordingFacts
from eschernet_ros.checking.exposure_times import ExposureTimes
from eschernet_ros.checking.frame_choice import spread_over_motion
from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.checking.recording import CheckFrame, CheckRecording
from eschernet_ros.checking.stream_settings import StreamSettings
from eschernet_ros.checking.streams import choose_hand_eye, stream_recording, stream_stamps, with_calibration
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.inputs import message_class
from eschernet_ros.streams import METADATA_KINDS, read_metadata

KEPT_PER_FRAME = 4
"""Frames are kept as messages, at most so many for each that is judged; then every other one is given up."""
INFOS_KEPT = 10_000
"""Messages of camera_info: five minutes at 30 Hz. Which frames are judged is known at the end."""
_TF_QOS = QoSProfile(depth=100)
_TF_STATIC_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def live_recording(settings: StreamSettings, seconds: float, count: int) -> tuple[CheckRecording, RecordingFacts]:
    """What the graph shows in ``seconds``: frames spread over the arm's way, and the transforms around.

    Raises:
        EscherNetError: a topic is silent, or no frame has a pose; the sentence names it.
    """
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node("eschernet_check", context=context, enable_rosout=False, start_parameter_services=False)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        try:
            listener = _Listener(node, settings, count * KEPT_PER_FRAME)
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0.0:
                executor.spin_once(timeout_sec=left)
            return listener.recording(count)
        finally:
            executor.shutdown()
            node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)


class _Listener:
    """Subscriptions and what came through them."""

    def __init__(self, node: Node, settings: StreamSettings, most_frames: int) -> None:
        self._settings = settings
        self._most = max(most_frames, 8)
        self._stride, self._offered = 1, 0
        self._poses: list[tuple[int, SE3]] = []
        self._frames: list[tuple[int, dict[str, Any]]] = []
        self._told: dict[int, float | None] = {}
        self._not_understood: list[str] = []
        self._edges: set[tuple[str, str, str]] = set()
        self._received = dict.fromkeys(("colour", CAMERA_INFO, "pose"), 0)
        topics = settings.topics
        pictures = {"colour": topics.colour}
        if topics.depth:
            pictures["depth"] = topics.depth
            self._received["depth"] = 0
        self._join = StampJoin(pictures, capacity=8)
        self._infos = CameraInfos(topics.camera_info, INFOS_KEPT)
        for channel, topic in pictures.items():
            node.create_subscription(Image, topic, partial(self._on_picture, channel), qos.CAMERA_IMAGE)
        node.create_subscription(CameraInfo, topics.camera_info, self._on_camera_info, qos.CAMERA_INFO)
        node.create_subscription(PoseStamped, topics.pose, self._on_pose, qos.POSE_STREAM)
        for name, kind in METADATA_KINDS.items():
            message_type = message_class(kind)
            if message_type is not None and getattr(topics, name):
                node.create_subscription(message_type, getattr(topics, name), self._on_metadata, qos.CAMERA_INFO)
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError:
            self._notes = ["tf2_msgs is not installed: frames with two parents were not looked for."]
        else:
            self._notes = []
            for topic, profile in (("/tf", _TF_QOS), ("/tf_static", _TF_STATIC_QOS)):
                on_transforms: Callable[[Any], None] = partial(self._on_transforms, topic)
                node.create_subscription(TFMessage, topic, on_transforms, profile)

    def _on_pose(self, message: PoseStamped) -> None:
        self._received["pose"] += 1
        self._poses.append((messages.to_nanoseconds(message.header.stamp), messages.from_pose(message.pose)))

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._received[CAMERA_INFO] += 1
        self._infos.add(message)

    def _on_picture(self, channel: str, message: Image) -> None:
        self._received[channel] += 1
        stamp_ns = messages.to_nanoseconds(message.header.stamp)
        parts = self._join.add(channel, stamp_ns, message)
        if parts is None:
            return
        self._offered += 1
        if self._offered % self._stride == 0:
            self._frames.append((stamp_ns, parts))
        if len(self._frames) > self._most:
            self._frames = self._frames[1::2]
            self._stride *= 2

    def _on_metadata(self, message: Any) -> None:
        try:
            stamp_ns, metadata = read_metadata(message, self._settings.exposure_unit_s)
        except EscherNetError as error:
            self._not_understood.append(str(error))
            return
        if metadata.exposure_s is not None or stamp_ns not in self._told:
            self._told[stamp_ns] = metadata.exposure_s

    def _on_transforms(self, topic: str, message: Any) -> None:
        for transform in message.transforms:
            self._edges.add((transform.child_frame_id.strip("/"), transform.header.frame_id.strip("/"), topic))

    def recording(self, count: int) -> tuple[CheckRecording, RecordingFacts]:
        """What came, ready to be judged."""
        topics = self._settings.topics
        names = {channel: getattr(topics, channel) for channel in self._received}
        silent = [f"{names[channel]} ({channel})" for channel, number in self._received.items() if not number]
        if silent:
            raise EscherNetError(f"nothing came on {', '.join(silent)}; `eschernet-ros doctor` says why")
        if not self._frames:
            raise EscherNetError(
                f"images and depth came, but never with the same stamp ({dict(self._join.dropped)} without "
                "partners); is the depth aligned to colour?"
            )
        track = PoseTrack.from_poses([stamp for stamp, _ in self._poses], [pose for _, pose in self._poses])
        facts = RecordingFacts(tf_edges=frozenset(self._edges), start_ns=int(track.stamps_ns[0]))
        hand_eye = choose_hand_eye(self._settings, facts, track)
        parts_of = dict(self._frames)
        exposures = ExposureTimes(self._told, self._settings.exposure_s, self._settings.metadata_required)
        stamps = exposures.usable(sorted(parts_of))
        usable, without = stream_stamps(stamps, track, exposures, self._settings.time_offset_s)
        if not usable:
            raise EscherNetError(
                f"none of {len(parts_of)} frames has a pose at its time: do camera and robot use different clocks?"
            )
        notes = [*self._notes, *exposures.notes(sorted(parts_of))]
        if self._not_understood:
            notes.append(f"{len(self._not_understood)} metadata messages were not used: {self._not_understood[0]}.")
        if without:
            notes.append(f"{without} of {len(parts_of)} frames have no pose.")
        frames = []
        for index in spread_over_motion([middle for _, middle in usable], track, count):
            stamp, middle = usable[index]
            parts = parts_of[stamp]
            frames.append(
                CheckFrame(
                    f"{(stamp - usable[0][0]) / 1e9:.2f} s",
                    messages.colour_from_image(parts["colour"]),
                    self._infos.camera(stamp),
                    messages.depth_from_image(parts["depth"]) if "depth" in parts else None,
                    stamp_ns=middle,
                )
            )
        if others := self._infos.counts[INFO_OF_ANOTHER]:
            notes.append(f"{others} of {len(frames)} frames were judged with the camera_info of another.")
        source = f"live graph ({self._offered} frames, {len(track)} poses)"
        facts = with_calibration(facts, hand_eye.file)
        return stream_recording("live", source, frames, track, hand_eye, notes), facts
