# SPDX-License-Identifier: Apache-2.0
"""The capture node: colour, camera_info, aligned depth and the arm's pose stream in, posed views out."""

from __future__ import annotations

from functools import partial
from typing import Any

from geometry_msgs.msg import PoseArray, PoseStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker

from eschernet_ros.capture import (
    AutoTake,
    DecodedFrame,
    Frame,
    PoseBuffer,
    PosedView,
    StampJoin,
    StillnessDetector,
    ViewAssembler,
    ViewTaker,
)
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame
from eschernet_ros.msg import PosedView as PosedViewMessage
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.futures import wait_for
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.run import ClosableNode, run
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription

PARAMETERS = (
    Parameter("colour_topic", "/camera/camera/color/image_raw", "colour image (rgb8, bgr8, rgba8, bgra8 or mono8)"),
    Parameter("camera_info_topic", "/camera/camera/color/camera_info", "intrinsics of the colour camera"),
    Parameter(
        "depth_topic",
        "/camera/camera/aligned_depth_to_color/image_raw",
        "depth aligned to the colour image (16UC1 mm or 32FC1 m); empty: do without",
    ),
    Parameter("mask_topic", "", "object mask (mono8) with the stamps of the colour image; empty: mask from depth"),
    Parameter(
        "pose_topic",
        "/franka_robot_state_broadcaster/current_pose",
        "pose of the end effector (PoseStamped); its frame_id is taken as the base frame",
    ),
    Parameter(
        "hand_eye.translation",
        [0.0, 0.0, 0.0],
        "position of the colour camera's optical frame in the end-effector frame, m",
        length=3,
    ),
    Parameter(
        "hand_eye.rotation_xyzw",
        [0.0, 0.0, 0.0, 1.0],
        "orientation of the colour camera's optical frame in the end-effector frame, quaternion",
        length=4,
    ),
    Parameter("object.frame", "object", "name of the object frame: centre of the object's box"),
    Parameter(
        "object.topic",
        "",
        "object box as a CUBE Marker in the base frame (latched), instead of the parameters below; empty: parameters",
    ),
    Parameter("object.position", [0.5, 0.0, 0.1], "centre of the object's box in the base frame, m", length=3),
    Parameter(
        "object.rotation_xyzw",
        [0.0, 0.0, 0.0, 1.0],
        "orientation of the object's box in the base frame; its z axis is up for the model",
        length=4,
    ),
    Parameter("object.size", [0.1, 0.1, 0.1], "sides of the object's box, m; 1 / longest is the scale", length=3),
    Parameter("image_size", 256, "side of the views, px (the model's camera has f = 280/256 of it)", 32, 2048),
    Parameter(
        "aim_at_object",
        True,
        "turn the model's camera, in the real one's place, upright and towards the object's centre, as in training",
    ),
    Parameter(
        "exposure_s",
        0.0,
        "exposure time of the colour camera: mid-exposure is the image stamp minus half of it (librealsense)",
        0.0,
        1.0,
    ),
    Parameter("time_offset_s", 0.0, "added to image stamps before poses are looked up", -1.0, 1.0),
    Parameter("max_pose_gap_s", 0.1, "widest gap between two pose samples that is interpolated", 0.001, 10.0),
    Parameter("pose_timeout_s", 0.25, "longest wait for the pose stream to reach a frame's stamp", 0.0, 10.0),
    Parameter("pose_horizon_s", 10.0, "how long poses are kept", 1.0, 600.0),
    Parameter("view_timeout_s", 5.0, "longest wait of ~/take_view for a frame", 0.1, 60.0),
    Parameter("auto", False, "take a view on its own whenever the arm rests at a new place"),
    Parameter("auto_rest_s", 0.4, "how long the arm must have rested", 0.05, 10.0),
    Parameter("auto_rest_m", 0.0005, "largest movement that counts as rest, m", 0.0, 0.1),
    Parameter("auto_rest_rad", 0.002, "largest rotation that counts as rest, rad", 0.0, 0.5),
    Parameter("auto_min_distance_m", 0.02, "a new place is at least this far from every view taken, m", 0.0, 1.0),
    Parameter("auto_min_angle_rad", 0.09, "or turned by at least this angle, rad", 0.0, 3.2),
)


class CaptureNode(ClosableNode):
    """Publishes ``~/posed_view`` (PosedView) on ``~/take_view`` (Trigger), or whenever the arm rests.

    Also ``~/poses`` (PoseArray, latched): every view's camera in the object frame.
    """

    def __init__(self) -> None:
        super().__init__("capture")
        p = self._parameters_read = declare(self, PARAMETERS)
        self._base_frame = ""
        self._object_frame = str(p["object.frame"])
        self._hand_eye = SE3.from_quaternion_xyzw(p["hand_eye.rotation_xyzw"], p["hand_eye.translation"])
        self._poses = PoseBuffer(p["pose_horizon_s"])
        self._taken = PoseArray()
        self._publisher = self.create_publisher(PosedViewMessage, "~/posed_view", qos.VIEWS)
        self._pose_array = self.create_publisher(PoseArray, "~/poses", qos.LATCHED)
        self._object_known = False
        self._taker = self._make_taker()
        self._join = self._subscribe_camera()
        self._pose_monitor = MonitoredSubscription(self, PoseStamped, p["pose_topic"], self._on_pose, qos.POSE_STREAM)
        self._pose_monitor.remedy = "is the robot's state broadcaster running? it is not with fake hardware"
        self._object_monitor: MonitoredSubscription | None = None
        if p["object.topic"]:
            self._object_monitor = MonitoredSubscription(self, Marker, p["object.topic"], self._on_object, qos.LATCHED)
        else:
            self._use_object(
                ObjectFrame(SE3.from_quaternion_xyzw(p["object.rotation_xyzw"], p["object.position"]), p["object.size"])
            )
        self.create_service(Trigger, "~/take_view", self._take_view, callback_group=ReentrantCallbackGroup())
        self._diagnostics = Diagnostics(self, self._report)

    def close(self) -> None:
        """Stop the view taker."""
        self._taker.close()

    def _subscribe_camera(self) -> StampJoin:
        p = self._parameters_read
        topics: dict[str, tuple[Any, str, Any]] = {
            "colour": (Image, p["colour_topic"], qos.CAMERA_IMAGE),
            "camera_info": (CameraInfo, p["camera_info_topic"], qos.CAMERA_INFO),
        }
        if p["depth_topic"]:
            topics["depth"] = (Image, p["depth_topic"], qos.CAMERA_IMAGE)
        if p["mask_topic"]:
            topics["mask"] = (Image, p["mask_topic"], qos.CAMERA_IMAGE)
        join = StampJoin(tuple(topics), capacity=8)
        self._camera_monitors = {
            channel: MonitoredSubscription(self, kind, topic, partial(self._on_camera, channel), profile)
            for channel, (kind, topic, profile) in topics.items()
        }
        if "depth" in topics:
            self._camera_monitors["depth"].remedy = "start realsense-ros with align_depth.enable:=true"
        return join

    def _make_taker(self) -> ViewTaker:
        p = self._parameters_read
        auto = None
        if p["auto"]:
            stillness = StillnessDetector(p["auto_rest_s"], p["auto_rest_m"], p["auto_rest_rad"])
            auto = AutoTake(stillness, p["auto_min_distance_m"], p["auto_min_angle_rad"])
        return ViewTaker(
            None,
            self._poses,
            self._publish,
            auto=auto,
            pose_timeout_s=p["pose_timeout_s"],
            explain=self._explain,
        )

    def _use_object(self, object_frame: ObjectFrame) -> None:
        p = self._parameters_read
        self._object_known = True
        self._taker.use(
            ViewAssembler(
                ee_from_camera_optical=self._hand_eye,
                object_frame=object_frame,
                image_size=p["image_size"],
                aim_at_object=p["aim_at_object"],
                exposure_s=p["exposure_s"],
                time_offset_s=p["time_offset_s"],
                max_gap_s=p["max_pose_gap_s"],
            )
        )
        size = ", ".join(f"{side:.3f}" for side in object_frame.size)
        self.get_logger().info(f"object box {size} m, scale {object_frame.scale:.3f} model units per metre")

    def _on_object(self, marker: Marker) -> None:
        try:
            if marker.type != Marker.CUBE:
                raise EscherNetError(f"marker type is {marker.type}; the object's box must be a CUBE ({Marker.CUBE})")
            size = (marker.scale.x, marker.scale.y, marker.scale.z)
            self._use_object(ObjectFrame(messages.from_pose(marker.pose), size))
        except EscherNetError as error:
            self.get_logger().error(f"object box on {self._object_monitor.topic} not used: {error}")  # type: ignore[union-attr]

    def _on_pose(self, message: PoseStamped) -> None:
        if message.header.frame_id != self._base_frame:
            if self._base_frame:
                self.get_logger().warning(
                    f"pose frame changed from '{self._base_frame}' to '{message.header.frame_id}': "
                    "the poses kept are dropped"
                )
                self._poses.clear()
            self._base_frame = message.header.frame_id
        try:
            self._poses.add(messages.to_nanoseconds(message.header.stamp), messages.from_pose(message.pose))
        except EscherNetError as error:
            self.get_logger().warning(f"pose not used: {error}", throttle_duration_sec=5.0)

    def _on_camera(self, channel: str, message: Image | CameraInfo) -> None:
        stamp_ns = messages.to_nanoseconds(message.header.stamp)
        parts = self._join.add(channel, stamp_ns, message)
        if parts is not None:
            self._taker.offer(Frame(stamp_ns, parts, partial(_decode, parts)))

    def _publish(self, view: PosedView, frame: Frame) -> None:
        message = messages.to_posed_view(
            view,
            object_frame=self._object_frame,
            base_frame=self._base_frame,
            hand_eye=self._hand_eye,
            source_info=frame.source["camera_info"],
        )
        self._publisher.publish(message)
        self._taken.header = message.header
        self._taken.poses = [*self._taken.poses, message.camera_pose]
        self._pose_array.publish(self._taken)
        self.get_logger().info(_describe(view))
        for warning in view.warnings:
            self.get_logger().warning(f"view {view.index}: {warning}")

    async def _take_view(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            view = await wait_for(self, self._taker.request(self._parameters_read["view_timeout_s"]))
        except EscherNetError as error:
            response.message = str(error)
            self.get_logger().error(f"no view taken: {error}")
            return response
        response.success = True
        response.message = "; ".join([_describe(view), *view.warnings])
        return response

    def _explain(self) -> str:
        """Say why there is no frame: every topic that is silent, or the stamps that never meet."""
        if self._object_monitor is not None and not self._object_known:
            return f"the object is not known yet: {self._object_monitor.explain()}"
        monitors = [*self._camera_monitors.values(), self._pose_monitor]
        silent = [m.explain() for m in monitors if (age := m.age_s()) is None or age > 1.0]
        if silent:
            return "no frame within the time allowed: " + "; ".join(silent)
        dropped = ", ".join(f"{count} of {channel}" for channel, count in self._join.dropped.items() if count)
        return (
            "no frame within the time allowed: every topic is alive, but stamps never matched"
            f" (unmatched so far: {dropped or 'none'})"
        )

    def _report(self) -> Report:
        monitors = {**self._camera_monitors, "pose": self._pose_monitor}
        counts: dict[str, Any] = {f"{name} messages": m.received for name, m in monitors.items()}
        counts |= {f"unmatched {channel}": count for channel, count in self._join.dropped.items()}
        counts |= dict(self._taker.counts)
        silent = [m.explain() for m in monitors.values() if (age := m.age_s()) is None or age > 1.0]
        if silent:
            return ERROR, "; ".join(silent), counts
        if not self._object_known:
            return WARN, "the object is not known yet", counts
        return OK, f"{self._taker.counts['views']} views taken", counts


def _decode(parts: dict[str, Any]) -> DecodedFrame:
    return DecodedFrame(
        colour=messages.colour_from_image(parts["colour"]),
        depth=messages.depth_from_image(parts["depth"]) if "depth" in parts else None,
        mask=messages.mask_from_image(parts["mask"]) if "mask" in parts else None,
        camera=messages.from_camera_info(parts["camera_info"]),
    )


def _describe(view: PosedView) -> str:
    return (
        f"view {view.index}: stand-off {view.standoff:.2f} model units, pose interpolated over "
        f"{view.pose_sample.gap_ns / 1e6:.1f} ms, camera moving at {view.pose_sample.linear_speed * 1e3:.1f} mm/s"
    )


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros capture``."""
    run(CaptureNode)


if __name__ == "__main__":
    main()
