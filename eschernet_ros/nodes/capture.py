# SPDX-License-Identifier: Apache-2.0
"""The capture node: colour, camera_info, aligned depth and the arm's pose in, posed views out."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseArray, PoseStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker

from eschernet_ros.capture import (
    DecodedFrame,
    Frame,
    Gates,
    PoseBuffer,
    PosedView,
    StampClock,
    StampJoin,
    StillnessDetector,
    ViewAssembler,
    ViewTaker,
)
from eschernet_ros.capture.mask_method import ObjectMasker
from eschernet_ros.capture.recent import RecentValues
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame
from eschernet_ros.msg import PosedView as PosedViewMessage
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.capture_parameters import PARAMETERS
from eschernet_ros.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.frame_metadata import FrameMetadataListener
from eschernet_ros.nodes.futures import wait_for
from eschernet_ros.nodes.hand_eye import frame_from_camera, needs_flange_from_ee
from eschernet_ros.nodes.parameters import declare
from eschernet_ros.nodes.pose_sources import make_pose_source
from eschernet_ros.nodes.run import ClosableNode, run
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription

NO_FRAME = "no frame within the time allowed"


class CaptureNode(ClosableNode):
    """Publishes ``~/posed_view`` (PosedView) on ``~/take_view`` (Trigger), or whenever all gates are open.

    Also ``~/poses`` (PoseArray, latched): every view's camera in the object frame.
    """

    def __init__(self) -> None:
        super().__init__("capture")
        p = self._parameters_read = declare(self, PARAMETERS)
        self._object_frame = str(p["object.frame"])
        self._poses = PoseBuffer(p["pose_horizon_s"])
        self._source = make_pose_source(self, p, self._poses)
        self._object: ObjectFrame | None = None
        self._hand_eye: SE3 | None = None
        self._image_clock = StampClock("image")
        self._clock_warned = ""
        self._frame_ages_ms = RecentValues()
        self._last_view: dict[str, float] = {}
        self._taken = PoseArray()
        self._publisher = self.create_publisher(PosedViewMessage, "~/posed_view", qos.VIEWS)
        self._pose_array = self.create_publisher(PoseArray, "~/poses", qos.LATCHED)
        self._masker = ObjectMasker.from_names(p["mask.method"], p["mask.model"])
        self._taker = self._make_taker()
        self._metadata = FrameMetadataListener(
            self,
            p["metadata.topic"],
            p["metadata.json_topic"],
            p["metadata.exposure_unit_us"] * 1e-6,
            p["metadata.timeout_s"],
            p["metadata.required"],
        )
        self._join = self._subscribe_camera()
        self._ee_monitor: MonitoredSubscription | None = None
        if p["flange_from_ee.topic"] and needs_flange_from_ee(p, self._source.pose_of):
            topic = p["flange_from_ee.topic"]
            self._ee_monitor = MonitoredSubscription(self, PoseStamped, topic, self._on_flange_from_ee, qos.LATCHED)
        else:
            self._use_hand_eye(None)
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
        stillness = None
        if p["gates.rest_s"] > 0.0:
            stillness = StillnessDetector(p["gates.rest_s"], p["gates.rest_m"], p["gates.rest_rad"])
        gates = Gates(
            stillness=stillness,
            max_blur=p["gates.max_blur"],
            max_saturated=p["gates.max_saturated"],
            max_black=p["gates.max_black"],
            min_depth_coverage=p["gates.min_depth_coverage"],
            min_angle_rad=p["gates.min_angle_rad"],
            min_distance_m=p["gates.min_distance_m"],
        )
        return ViewTaker(
            None,
            self._poses,
            self._publish,
            gates=gates,
            auto=p["auto"],
            gates_on_request=p["gates.on_request"],
            pose_timeout_s=p["pose_timeout_s"],
            explain=self._explain,
        )

    def _use_object(self, object_frame: ObjectFrame) -> None:
        self._object = object_frame
        self._update_taker()
        size = ", ".join(f"{side:.3f}" for side in object_frame.size)
        self.get_logger().info(f"object box {size} m, scale {object_frame.scale:.3f} model units per metre")

    def _use_hand_eye(self, flange_from_ee: SE3 | None) -> None:
        self._hand_eye, origin = frame_from_camera(self._parameters_read, self._source.pose_of, flange_from_ee)
        self._update_taker()
        self.get_logger().info(f"poses from {self._parameters_read['pose_source']}; {origin}")

    def _update_taker(self) -> None:
        """Make views from now on, once the object and the camera's place on the arm are known."""
        p = self._parameters_read
        if self._object is None or self._hand_eye is None:
            return
        self._taker.use(
            ViewAssembler(
                ee_from_camera_optical=self._hand_eye,
                object_frame=self._object,
                image_size=p["image_size"],
                aim_at_object=p["aim_at_object"],
                exposure_s=p["exposure_s"],
                time_offset_s=p["time_offset_s"],
                time_uncertainty_s=p["time_uncertainty_s"],
                warn_pixel_error=p["warn_pixel_error"],
                max_gap_s=p["max_pose_gap_s"],
                masker=self._masker,
            )
        )

    def _on_flange_from_ee(self, message: PoseStamped) -> None:
        try:
            known = self._hand_eye
            self._use_hand_eye(messages.from_pose(message.pose))
        except EscherNetError as error:
            self.get_logger().error(f"F_T_EE on {self._parameters_read['flange_from_ee.topic']} not used: {error}")
            return
        if known is not None and self._source.pose_of == "ee":
            self.get_logger().warning("F_T_EE changed: the end effector is another point; the poses kept are dropped")
            self._poses.clear()

    def _on_object(self, marker: Marker) -> None:
        try:
            if marker.type != Marker.CUBE:
                raise EscherNetError(f"marker type is {marker.type}; the object's box must be a CUBE ({Marker.CUBE})")
            size = (marker.scale.x, marker.scale.y, marker.scale.z)
            self._use_object(ObjectFrame(messages.from_pose(marker.pose), size))
        except EscherNetError as error:
            self.get_logger().error(f"object box on {self._object_monitor.topic} not used: {error}")  # type: ignore[union-attr]

    def _on_camera(self, channel: str, message: Image | CameraInfo) -> None:
        stamp_ns = messages.to_nanoseconds(message.header.stamp)
        now_ns = self.get_clock().now().nanoseconds
        if channel == "colour":
            self._image_clock.observe(stamp_ns, now_ns)
        parts = self._join.add(channel, stamp_ns, message)
        if parts is not None:
            self._frame_ages_ms.add((now_ns - stamp_ns) / 1e6)
            exposure = partial(self._metadata.exposure, stamp_ns)
            self._taker.offer(Frame(stamp_ns, parts, partial(_decode, parts), exposure))

    def _publish(self, view: PosedView, frame: Frame) -> None:
        message = messages.to_posed_view(
            view,
            object_frame=self._object_frame,
            base_frame=self._source.base_frame,
            pose_of=self._source.pose_of,
            source_info=frame.source["camera_info"],
        )
        self._publisher.publish(message)
        self._taken.header = message.header
        self._taken.poses = [*self._taken.poses, message.camera_pose]
        self._pose_array.publish(self._taken)
        self._last_view = {
            "last view: pose error px": view.pose_error.pixels,
            "last view: pose error mm": view.pose_error.position_m * 1e3,
            "last view: blur": view.scores.blur,
            "last view: saturated": view.scores.saturated,
            "last view: black": view.scores.black,
            "last view: depth coverage": view.scores.depth_coverage,
        }
        self.get_logger().info(_describe(view))
        for warning in view.warnings:
            self.get_logger().warning(f"view {view.index}: {warning}")

    async def _take_view(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            view = await wait_for(self, self._taker.request(self._parameters_read["view_timeout_s"]))
        except EscherNetError as error:
            # the reason of a refusal is about poses; what their source lacks is known here
            source = [] if str(error).startswith(NO_FRAME) else self._source.problems()
            response.message = "; ".join([str(error), *source, *self._clock_problems()])
            self.get_logger().error(f"no view taken: {response.message}")
            return response
        response.success = True
        response.message = "; ".join([_describe(view), *view.warnings])
        return response

    def _explain(self) -> str:
        """Say why there is no frame: every topic that is silent, or the stamps that never meet."""
        if self._object_monitor is not None and self._object is None:
            return f"the object is not known yet: {self._object_monitor.explain()}"
        if self._ee_monitor is not None and self._hand_eye is None:
            return f"F_T_EE, which the calibration is converted with, is not known yet: {self._ee_monitor.explain()}"
        silent = self._silent()
        if silent:
            return f"{NO_FRAME}: " + "; ".join(silent)
        dropped = ", ".join(f"{count} of {channel}" for channel, count in self._join.dropped.items() if count)
        return f"{NO_FRAME}: every topic is alive, but stamps never matched (unmatched so far: {dropped or 'none'})"

    def _silent(self) -> list[str]:
        """Explain every topic that is silent, and whatever else keeps poses from arriving."""
        cameras = [m.explain() for m in self._camera_monitors.values() if (age := m.age_s()) is None or age > 1.0]
        return cameras + self._source.problems()

    def _clock_problems(self) -> list[str]:
        """Name what is wrong with the stamps of images and poses."""
        limit = self._parameters_read["max_stamp_offset_s"]
        found = (
            self._image_clock.problem(limit, self._metadata.clock_domain),
            self._source.clock.problem(limit),
        )
        return [problem for problem in found if problem]

    def _report(self) -> Report:
        monitors = {**self._camera_monitors, **self._source.monitors}
        counts: dict[str, Any] = {f"{name} messages": m.received for name, m in monitors.items()}
        counts |= {f"unmatched {channel}": count for channel, count in self._join.dropped.items()}
        counts["metadata messages"] = sum(monitor.received for monitor in self._metadata.monitors)
        p50, p99 = self._frame_ages_ms.percentiles(50, 99)
        counts |= {"frame complete after ms, p50": p50, "frame complete after ms, p99": p99}
        counts |= {"image age s": self._image_clock.age_s, "pose age s": self._source.clock.age_s}
        counts |= {**self._metadata.counts, **self._source.counts, **self._taker.counts, **self._last_view}
        problems = "; ".join(self._clock_problems())
        kind = problems.split(" stamps ")[0]  # without the numbers, which change all the time
        if problems and kind != self._clock_warned:
            self.get_logger().warning(problems)
        self._clock_warned = kind
        if silent := self._silent():
            return ERROR, "; ".join(silent), counts
        if problems:
            return WARN, problems, counts
        if self._object is None:
            return WARN, "the object is not known yet", counts
        if self._hand_eye is None:
            return WARN, "F_T_EE is not known yet", counts
        return OK, f"{self._taker.counts['views']} views taken", counts


def _decode(parts: dict[str, Any]) -> DecodedFrame:
    return DecodedFrame(
        colour=messages.colour_from_image(parts["colour"]),
        depth=messages.depth_from_image(parts["depth"]) if "depth" in parts else None,
        mask=messages.mask_from_image(parts["mask"]) if "mask" in parts else None,
        camera=messages.from_camera_info(parts["camera_info"]),
    )


def _describe(view: PosedView) -> str:
    error = view.pose_error
    return (
        f"view {view.index}: stand-off {view.standoff:.2f} model units, pose interpolated over "
        f"{view.pose_sample.gap_ns / 1e6:.1f} ms, camera moving at {error.camera_speed * 1e3:.1f} mm/s, pose within "
        f"{error.position_m * 1e3:.2f} mm, {math.degrees(error.rotation_rad):.3f} deg, {error.pixels:.2f} px, "
        f"blur score {view.scores.blur:.2f}, exposure {view.exposure_s * 1e3:.1f} ms from {view.exposure_source}"
    )


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros capture``."""
    run(CaptureNode)


if __name__ == "__main__":
    main()
