# SPDX-License-Identifier: Apache-2.0
"""The live side of ``eschernet-ros calibrate``: colour, camera_info and the arm's poses in, samples out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from eschernet_ros.calibration.board import Board
from eschernet_ros.calibration.sample_taker import Picture, SampleTaker, Taken
from eschernet_ros.capture import CameraInfos, PoseBuffer
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.camera_root import CameraRootLookup
from eschernet_ros.nodes.futures import wait_for
from eschernet_ros.nodes.run import ClosableNode
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription


@dataclass(frozen=True)
class SamplingOptions:
    """What the node listens to and looks for.

    Attributes:
        board: what to look for.
        eye_in_hand: the arrangement.
        ee_from_flange: turns poses of the pose topic into poses of the flange.
        auto: take samples whenever the arm rests at a new place.
        colour_topic, camera_info_topic, pose_topic: names.
    """

    board: Board
    eye_in_hand: bool
    ee_from_flange: SE3
    auto: bool
    colour_topic: str
    camera_info_topic: str
    pose_topic: str


class HandEyeSamplingNode(ClosableNode):
    """Offers pictures to a :class:`SampleTaker`; ``~/take_sample`` (Trigger) asks for one.

    Args:
        options: topics and board.
        on_sample, on_refusal: see :class:`SampleTaker`.
        context: of rclpy.
    """

    def __init__(
        self,
        options: SamplingOptions,
        on_sample: Callable[[Taken], None],
        on_refusal: Callable[[str], None],
        context: Context | None = None,
    ) -> None:
        super().__init__("calibrate", context=context)
        self.silent_at_end = ""
        self.base_frame = ""
        self.camera_frame = ""
        self.camera_root = CameraRootLookup(self)
        self._poses = PoseBuffer(10.0)
        self.taker = SampleTaker(
            options.board,
            self._poses,
            on_sample,
            on_refusal,
            ee_from_flange=options.ee_from_flange,
            auto=options.auto,
            eye_in_hand=options.eye_in_hand,
        )
        self.infos = CameraInfos(options.camera_info_topic)
        self._monitors = [
            MonitoredSubscription(self, Image, options.colour_topic, self._on_colour, qos.CAMERA_IMAGE),
            MonitoredSubscription(self, CameraInfo, options.camera_info_topic, self.infos.add, qos.CAMERA_INFO),
            MonitoredSubscription(self, PoseStamped, options.pose_topic, self._on_pose, qos.POSE_STREAM),
        ]
        self._monitors[2].remedy = "is the robot's state broadcaster running?"
        self.create_service(Trigger, "~/take_sample", self._take_sample, callback_group=ReentrantCallbackGroup())

    def close(self) -> None:
        """End the taker."""
        self.taker.close()

    def silent(self) -> str:
        """Which topics are silent and why; empty when all are alive."""
        return "; ".join(m.explain() for m in self._monitors if (age := m.age_s()) is None or age > 1.0)

    def request(self, timeout_s: float = 10.0) -> Future[str]:
        """Ask for a sample here and now."""
        return self.taker.request(timeout_s)

    def _on_colour(self, message: Image) -> None:
        if self.infos:  # without intrinsics the taker would refuse the place, and not look at it again
            self.camera_frame = message.header.frame_id
            self.taker.offer(Picture(messages.to_nanoseconds(message.header.stamp), partial(self._decode, message)))

    def _decode(self, message: Image) -> tuple[NDArray[np.uint8], PinholeCamera]:
        return messages.colour_from_image(message), self.infos.camera(messages.to_nanoseconds(message.header.stamp))

    def _on_pose(self, message: PoseStamped) -> None:
        if message.header.frame_id != self.base_frame:
            if self.base_frame:
                self.get_logger().warning(
                    f"pose frame changed from '{self.base_frame}' to '{message.header.frame_id}': the poses kept are "
                    "dropped"
                )
                self._poses.clear()
            self.base_frame = message.header.frame_id
        try:
            self._poses.add(messages.to_nanoseconds(message.header.stamp), messages.from_pose(message.pose))
        except EscherNetError as error:
            self.get_logger().warning(f"pose not used: {error}", throttle_duration_sec=5.0)

    async def _take_sample(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = await wait_for(self, self.taker.request())
            response.success = True
        except EscherNetError as error:
            silent = self.silent()
            response.message = f"{error}; {silent}" if silent else str(error)
        return response
