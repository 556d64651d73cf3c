# SPDX-License-Identifier: Apache-2.0
"""Where the recorder's frames come from: the capture's views, or every frame of the camera."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from eschernet_ros.capture import Frame
from eschernet_ros.capture.image_messages import colour_from_image, depth_mm_from_image, mask_from_image
from eschernet_ros.datasets import SourceImages
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.msg import PosedView
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.inputs import InputSubscriptions
from eschernet_ros.nodes.time_jump import on_jump_back
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription
from eschernet_ros.nodes.view_pictures import CHANNELS
from eschernet_ros.recording import JointLog, ReadyFrame, StreamFrames, view_frame
from eschernet_ros.recording.pipeline import Prepare
from eschernet_ros.recording.view_join import JoinedView, ViewJoin
from eschernet_ros.streams import CaptureStreams
from eschernet_ros.streams.exposures import Exposures

Offer = Callable[[Prepare], Any]


class RecorderInput(ABC):
    """Offers frames as they come.

    Args:
        node: owner of the subscriptions.
        p: the recorder's parameters.

    Attributes:
        session: what the recording is to say of how it was made.
        joints: what the joints did.
    """

    session: Mapping[str, Any]

    def __init__(self, node: Node, p: Mapping[str, Any]) -> None:
        self.joints = JointLog()
        self._joints: MonitoredSubscription | None = None
        if p["joints_topic"]:
            self._joints = MonitoredSubscription(node, JointState, p["joints_topic"], self._on_joints, qos.POSE_STREAM)

    @abstractmethod
    def start(self, offer: Offer) -> None:
        """Subscribe, and offer frames from now on."""

    @abstractmethod
    def settled(self) -> Future[None]:
        """A future that ends when everything that has come was offered."""

    @abstractmethod
    def close(self) -> None:
        """Offer what has come and still waits for something."""

    @abstractmethod
    def problems(self) -> list[str]:
        """Why no frames come, one clause each; empty when they do, or need not."""

    def counts(self) -> dict[str, Any]:
        """For diagnostics."""
        return {"joint messages": 0 if self._joints is None else self._joints.received}

    def _on_joints(self, message: JointState) -> None:
        self.joints.add(messages.to_nanoseconds(message.header.stamp), message.name, message.position)


class ViewInput(RecorderInput):
    """Views of the capture, joined with their full-resolution pictures."""

    def __init__(self, node: Node, p: Mapping[str, Any]) -> None:
        super().__init__(node, p)
        self.session = {}
        self._node = node
        self._p = p
        self._offer: Offer = lambda prepare: None
        self._join = ViewJoin(p["picture_timeout_s"])
        self._exposures = Exposures(p)
        self._flange_from_ee: SE3 | None = None
        self._lost: Counter[str] = Counter()

    def start(self, offer: Offer) -> None:
        """Subscribe, and offer frames from now on."""
        node, p = self._node, self._p
        self._offer = offer
        self._metadata = InputSubscriptions(node, self._exposures.inputs)
        self._pictures: dict[str, MonitoredSubscription] = {}
        if p["view_topics"]:
            self._pictures = {
                channel: MonitoredSubscription(
                    node, Image, f"{p['view_topics']}/{channel}", partial(self._on_picture, channel), qos.VIEW_PICTURES
                )
                for channel in CHANNELS
            }
        if topic := p["flange_from_ee_used.topic"]:
            self._ee = MonitoredSubscription(node, PoseStamped, topic, self._on_ee, qos.LATCHED)
        self._views = MonitoredSubscription(node, PosedView, p["posed_view_topic"], self._on_view, qos.VIEWS)
        self._timer = node.create_timer(0.1, self._pass_on, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def settled(self) -> Future[None]:
        """A future that ends when everything that has come was offered."""
        future = self._join.settled()
        self._join.announce()
        return future

    def close(self) -> None:
        """Offer the views that wait for their pictures: they will not come any more."""
        self._pass_on(self._join.ready(math.inf))

    def problems(self) -> list[str]:
        """Views come when they are taken: their absence is no problem."""
        return []

    def counts(self) -> dict[str, Any]:
        """For diagnostics."""
        pictures = {f"{channel} messages": monitor.received for channel, monitor in self._pictures.items()}
        waiting = {"waiting for pictures": self._join.waiting}
        return {**super().counts(), "received": self._views.received, **pictures, **waiting, **self._lost}

    def _on_view(self, message: PosedView) -> None:
        awaited = [name for name, monitor in self._pictures.items() if self._node.count_publishers(monitor.topic)]
        stamp_ns = messages.to_nanoseconds(message.image_stamp)
        self._pass_on(self._join.add_view(stamp_ns, message, awaited, time.monotonic()))

    def _on_picture(self, channel: str, message: Image) -> None:
        stamp_ns = messages.to_nanoseconds(message.header.stamp)
        self._pass_on(self._join.add_picture(channel, stamp_ns, message, time.monotonic()))

    def _on_ee(self, message: PoseStamped) -> None:
        try:
            self._flange_from_ee = messages.from_pose(message.pose)
        except EscherNetError as error:
            self._node.get_logger().error(f"F_T_EE of the capture is not recorded: {error}")

    def _pass_on(self, ready: list[JoinedView] | None = None) -> None:
        for joined in self._join.ready(time.monotonic()) if ready is None else ready:
            for channel in joined.missing:
                self._lost[f"views without {channel}"] += 1
            self._offer(partial(self._frame, joined, self._flange_from_ee))
        self._join.announce()

    def _frame(self, joined: JoinedView, flange_from_ee: SE3 | None) -> ReadyFrame:
        view, parts = messages.from_posed_view(joined.view), joined.parts
        warnings: tuple[str, ...] = ()
        if joined.missing:
            missing = " and ".join(joined.missing)
            warnings = (f"the full-resolution {missing} did not come within {self._p['picture_timeout_s']:g} s",)
        source = None
        if "colour" in parts:
            source = SourceImages(
                colour=colour_from_image(parts["colour"]),
                depth=depth_mm_from_image(parts["depth"]) if "depth" in parts else None,
                mask=mask_from_image(parts["mask"]) if "mask" in parts else None,
            )
        return view_frame(
            view,
            source,
            base_frame=joined.view.base_frame,
            pose_of=joined.view.pose_of,
            flange_from_ee=flange_from_ee,
            joints=self.joints.at(view.stamp_ns),
            driver=self._exposures.driver(view.image_stamp_ns),
            warnings=warnings,
        )


class StreamInput(RecorderInput):
    """Every frame of the camera, with the capture's own handling of streams, poses and calibration."""

    def __init__(self, node: Node, p: Mapping[str, Any]) -> None:
        super().__init__(node, p)
        self._node = node
        self._streams = CaptureStreams(p)
        self._frames = StreamFrames(self._streams, p, self.joints)
        self.session = self._frames.session()
        self._offer: Offer = lambda prepare: None

    def start(self, offer: Offer) -> None:
        """Subscribe, and offer frames from now on."""
        self._offer = offer
        self._streams.connect(self._on_frame, on_jump=self.joints.clear)
        self._inputs = InputSubscriptions(self._node, self._streams.inputs)
        self._jump = on_jump_back(self._node, self._streams.time_jumped_back)

    def settled(self) -> Future[None]:
        """A future that has ended: frames are offered at once."""
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def close(self) -> None:
        """Nothing waits: frames are offered at once."""

    def problems(self) -> list[str]:
        """Every topic that is silent."""
        return [*self._inputs.silent(), *self._streams.source.problems()]

    def counts(self) -> dict[str, Any]:
        """For diagnostics."""
        streams = self._streams
        counts = super().counts()
        counts |= {f"{name} messages": monitor.received for name, monitor in self._inputs.monitors.items()}
        counts |= {f"unmatched {channel}": count for channel, count in streams.join.dropped.items()}
        counts |= {"time jumps": streams.counts["time jumps"], **streams.infos.counts}
        return {**counts, **streams.exposures.counts}

    def _on_frame(self, frame: Frame) -> None:
        self._offer(self._frames.prepare(frame, self._node.get_clock().now().nanoseconds))
