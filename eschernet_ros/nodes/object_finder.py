# SPDX-License-Identifier: Apache-2.0
"""The object finder node: aligned depth and the arm's pose in, the object's box out, on a call or a click."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import PointStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker

from eschernet_ros.capture import CameraInfos, PoseBuffer, StillnessDetector
from eschernet_ros.capture.camera_infos import CAMERA_INFO
from eschernet_ros.capture.message_fields import stamp_of
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.localisation import (
    MAX_RANGE_M,
    CollectorSettings,
    DepthFrame,
    Localisation,
    ViewCollector,
    locate_object,
    standoff_advice,
)
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.frames import FrameResolver
from eschernet_ros.nodes.futures import wait_for
from eschernet_ros.nodes.inputs import InputSubscriptions
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.run import ClosableNode, run
from eschernet_ros.streams import CAPTURE_PARAMETERS, CameraOnArm, Input, make_pose_source
from eschernet_ros.streams.capture_streams import IMAGE, INFO

_OF_CAPTURE = (
    *("camera_info_topic", "depth_topic", "pose_source", "pose_topic", "pose_of", "tf.", "joint_states."),
    *(
        "hand_eye.",
        "flange_from_ee.",
        "time_offset_s",
        "max_pose_gap_s",
        "pose_timeout_s",
        "pose_horizon_s",
    ),
)
"""Parameters, or groups of them, with the names and meanings they have in the capture node."""

PARAMETERS = (
    *(
        p
        for p in CAPTURE_PARAMETERS
        if any(p.name == n or (n[-1] == "." and p.name.startswith(n)) for n in _OF_CAPTURE)
    ),
    Parameter("click_topic", "/clicked_point", "a point on the object (PointStamped, rviz's Publish Point)"),
    Parameter("tf_timeout_s", 0.5, "longest wait for TF to place the frame of a click", 0.0, 10.0),
    Parameter("max_range_m", MAX_RANGE_M, "points farther from the camera than this are left out, m", 0.2, 5.0),
    Parameter(
        "up", "plane", "z axis of the box: the table's normal, or that of the base frame", choices=("plane", "base")
    ),
    Parameter("rest_s", 0.4, "depth is kept when the arm has rested this long", 0.01, 10.0),
    Parameter("rest_m", 0.0005, "largest movement that counts as rest, m", 0.000001, 0.1),
    Parameter("rest_rad", 0.002, "largest rotation that counts as rest, rad", 0.000001, 0.5),
    Parameter("min_distance_m", 0.05, "a new view is at least this far from every view kept, m", 0.0, 1.0),
    Parameter("min_angle_rad", 0.15, "or turned by at least this angle, rad", 0.0, 3.2),
    Parameter("most_views", 24, "views kept; the oldest goes when there are more", 1, 200),
)


class ObjectFinderNode(ClosableNode):
    """Publishes ``~/object_box`` (CUBE Marker, latched) on ``~/find`` (Trigger) or a click; ``~/clear`` (Trigger)."""

    def __init__(self) -> None:
        super().__init__("object_finder")
        p = self._parameters_read = declare(self, PARAMETERS)
        self._poses = PoseBuffer(p["pose_horizon_s"])
        self._source = make_pose_source(p, self._poses)
        self._arm = CameraOnArm(p, self._source.pose_of, self._poses, self._on_hand_eye)
        self._collector = ViewCollector(
            self._arm.hand_eye,
            self._poses,
            StillnessDetector(p["rest_s"], p["rest_m"], p["rest_rad"]),
            CollectorSettings(
                min_distance_m=p["min_distance_m"],
                min_angle_rad=p["min_angle_rad"],
                most_views=p["most_views"],
                max_range_m=p["max_range_m"],
                time_offset_s=p["time_offset_s"],
                max_gap_s=p["max_pose_gap_s"],
                pose_timeout_s=p["pose_timeout_s"],
            ),
        )
        self._infos = CameraInfos(p["camera_info_topic"])
        remedy = "start realsense-ros with align_depth.enable:=true"
        inputs = [
            Input("depth", p["depth_topic"], "depth_topic", (IMAGE,), self._on_depth, remedy=remedy),
            Input(CAMERA_INFO, p["camera_info_topic"], "camera_info_topic", (INFO,), self._infos.add),
            *self._source.inputs,
            *([self._arm.input] if self._arm.input else []),
        ]
        self._pool = ThreadPoolExecutor(1, "find")
        self._camera_frame = ""
        self._base_of_views = ""
        self._last = ""
        self._failed = False
        self._found: Localisation | None = None
        self._frames = FrameResolver(self, p["tf_timeout_s"])
        self._box = self.create_publisher(Marker, "~/object_box", qos.LATCHED)
        self._inputs = InputSubscriptions(self, inputs)
        self._clicks = self.create_subscription(PointStamped, p["click_topic"], self._on_click, qos.RESULTS)
        group = ReentrantCallbackGroup()
        self.create_service(Trigger, "~/find", self._on_find, callback_group=group)
        self.create_service(Trigger, "~/clear", self._on_clear, callback_group=group)
        self._diagnostics = Diagnostics(self, self._report)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)
        self._collector.close()

    def _on_hand_eye(self) -> None:
        if self._arm.hand_eye is not None:
            self._collector.use(self._arm.hand_eye)

    def _on_depth(self, message: Image, _now_ns: int) -> None:
        if self._source.base_frame != self._base_of_views:
            if self._collector.clear():
                self.get_logger().warning(
                    f"pose frame changed from '{self._base_of_views}' to '{self._source.base_frame}': the views kept "
                    "are dropped"
                )
            self._base_of_views = self._source.base_frame
        self._camera_frame = message.header.frame_id
        self._collector.offer(DepthFrame(stamp_of(message.header), partial(self._decode, message)))

    def _decode(self, message: Image) -> tuple[np.ndarray, PinholeCamera]:
        return messages.depth_from_image(message), self._infos.camera(stamp_of(message.header))

    async def _on_find(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = await wait_for(self, self._pool.submit(self._find, None))
            response.success = True
        except EscherNetError as error:
            response.message = str(error)
        return response

    def _on_clear(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = True
        response.message = f"{self._collector.clear()} views forgotten; the last box stays until another is found"
        return response

    def _on_click(self, message: PointStamped) -> None:
        def report(done: Future[str]) -> None:
            if not done.cancelled() and (error := done.exception()) is not None:
                self.get_logger().error(f"click not used: {error}")

        self._pool.submit(self._find, message).add_done_callback(report)

    def _find(self, click: PointStamped | None) -> str:
        """Find the object and publish its box; returns the report. Runs in the pool: TF may wait."""
        try:
            found = self._locate(click)
        except EscherNetError as error:
            self._last, self._failed = str(error), True
            raise
        base_frame = self._base_of_views
        self._box.publish(_marker(found, base_frame, self.get_clock().now().to_msg()))
        warnings = list(found.warnings)
        camera = self._collector.camera_now()
        standoff = ""
        if camera is not None:
            value, advice = standoff_advice(found.object_frame, camera)
            standoff = f"; stand-off now {value:.2f} model units"
            warnings += [advice] if advice else []
        self._found = found
        self._last, self._failed = _describe(found, base_frame) + standoff, False
        self.get_logger().info(self._last)
        for warning in warnings:
            self.get_logger().warning(warning)
        return "; ".join([self._last, *(f"warning: {warning}" for warning in warnings)])

    def _locate(self, click: PointStamped | None) -> Localisation:
        views = self._collector.views
        if not views:
            raise EscherNetError(f"there is no view yet: {self._explain()}")
        point = None
        if click is not None:
            stamp = click.header.stamp
            known = {self._base_of_views: SE3.identity()}
            camera = self._collector.camera_now()
            if camera is not None and self._camera_frame:
                known[self._camera_frame] = camera
            base_from_frame = self._frames.resolve(click.header.frame_id, stamp, self._base_of_views, known, "click")
            point = base_from_frame @ np.array([click.point.x, click.point.y, click.point.z])
        return locate_object(views, point, str(self._parameters_read["up"]))

    def _silent(self) -> list[str]:
        return self._inputs.silent() + self._source.problems()

    def _explain(self) -> str:
        if silent := self._silent():
            return "; ".join(silent)
        return self._collector.refused or "the first frame is being looked at"

    def _report(self) -> Report:
        counts: dict[str, Any] = {f"{name} messages": m.received for name, m in self._inputs.monitors.items()}
        counts |= {**self._infos.counts, **self._source.counts, **self._collector.counts}
        counts["views kept"] = len(self._collector.views)
        if self._found is not None:
            counts |= {
                "last box: views": self._found.views,
                "last box: points": self._found.points,
                "last box: plane inliers": self._found.plane.inliers,
                "last box: clusters": self._found.clusters,
                "last box: spread mm": self._found.spread * 1e3,
                "last box: tilt spread deg": math.degrees(self._found.tilt_spread),
            }
        if silent := self._silent():
            return ERROR, "; ".join(silent), counts
        if self._failed:
            return WARN, self._last, counts
        return OK, self._last or f"{counts['views kept']} views kept, nothing looked for yet", counts


def _marker(found: Localisation, base_frame: str, stamp: Any) -> Marker:
    box = Marker(type=Marker.CUBE, ns="object", pose=messages.to_pose(found.object_frame.base_from_object))
    box.header.frame_id = base_frame
    box.header.stamp = stamp
    box.scale.x, box.scale.y, box.scale.z = found.object_frame.size
    box.color.g, box.color.a = 1.0, 0.3
    return box


def _describe(found: Localisation, base_frame: str) -> str:
    frame = found.object_frame
    size = " x ".join(f"{side:.3f}" for side in frame.size)
    centre = ", ".join(f"{value:.3f}" for value in frame.base_from_object.translation)
    spread = "one view"
    if math.isfinite(found.spread):
        tilt = math.degrees(found.tilt_spread)
        spread = f"views disagree by {found.spread * 1e3:.1f} mm, and by {tilt:.2f} deg about the table"
    return (
        f"box {size} m, centre ({centre}) m in '{base_frame}', scale {frame.scale:.3f} model units per metre; from "
        f"{found.views} views, {found.points} points, {found.plane.inliers} points of the table, {found.clusters} "
        f"thing(s) on it; {spread}"
    )


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros object_finder``."""
    run(ObjectFinderNode)


if __name__ == "__main__":
    main()
