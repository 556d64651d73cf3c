# SPDX-License-Identifier: Apache-2.0
"""The capture node: colour, camera_info, aligned depth and the arm's pose in, posed views out."""

from __future__ import annotations

import math
from typing import Any

from geometry_msgs.msg import PoseArray, PoseStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from eschernet_ros.capture import Frame, PosedView, ViewAssembler, ViewTaker
from eschernet_ros.capture.camera_infos import CAMERA_INFO, NO_INTRINSICS
from eschernet_ros.capture.recent import RecentValues
from eschernet_ros.errors import EscherNetError
from eschernet_ros.msg import PosedView as PosedViewMessage
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.futures import wait_for
from eschernet_ros.nodes.inputs import InputSubscriptions
from eschernet_ros.nodes.parameters import declare
from eschernet_ros.nodes.run import ClosableNode, run
from eschernet_ros.nodes.time_jump import on_jump_back
from eschernet_ros.nodes.view_pictures import ViewPictures
from eschernet_ros.streams import CAPTURE_PARAMETERS as PARAMETERS
from eschernet_ros.streams import CaptureStreams, gates_of, used_flange_from_ee

NO_FRAME = "no frame within the time allowed"


class CaptureNode(ClosableNode):
    """Publishes ``~/posed_view`` (PosedView) on ``~/take_view`` (Trigger), or whenever all gates are open.

    Also ``~/poses`` (PoseArray, latched): every view's camera in the object frame; ``~/view/colour``, ``~/view/depth``
    and ``~/view/mask`` (Image): a view's pictures at full resolution; and ``~/flange_from_ee`` (PoseStamped, latched):
    F_T_EE, where the calibration is converted with it.
    """

    def __init__(self) -> None:
        super().__init__("capture")
        p = self._parameters_read = declare(self, PARAMETERS)
        self._object_frame = str(p["object.frame"])
        self._clock_warned = ""
        self._frame_ages_ms = RecentValues()
        self._last_view: dict[str, float] = {}
        self._taken = PoseArray()
        self._publisher = self.create_publisher(PosedViewMessage, "~/posed_view", qos.VIEWS)
        self._pose_array = self.create_publisher(PoseArray, "~/poses", qos.LATCHED)
        self._pictures = ViewPictures(self, with_depth=bool(p["depth_topic"]))
        self._ee_publisher = self.create_publisher(PoseStamped, "~/flange_from_ee", qos.LATCHED)
        self._streams = CaptureStreams(p)
        self._taker = self._make_taker()
        self._publish_flange_from_ee()
        self._streams.connect(self._offer, self._use, self._taker.clear)
        self._inputs = InputSubscriptions(self, self._streams.inputs)
        self._jump = on_jump_back(self, self._streams.time_jumped_back)
        self.create_service(Trigger, "~/take_view", self._take_view, callback_group=ReentrantCallbackGroup())
        self._diagnostics = Diagnostics(self, self._report)

    def close(self) -> None:
        """Stop the view taker."""
        self._taker.close()

    def _make_taker(self) -> ViewTaker:
        p = self._parameters_read
        return ViewTaker(
            self._streams.assembler,
            self._streams.poses,
            self._publish,
            gates=gates_of(p),
            auto=p["auto"],
            gates_on_request=p["gates.on_request"],
            pose_timeout_s=p["pose_timeout_s"],
            explain=self._explain,
        )

    def _offer(self, frame: Frame) -> None:
        self._frame_ages_ms.add((self.get_clock().now().nanoseconds - frame.image_stamp_ns) / 1e6)
        self._taker.offer(frame)

    def _use(self, assembler: ViewAssembler) -> None:
        self._taker.use(assembler)
        self._publish_flange_from_ee()

    def _publish_flange_from_ee(self) -> None:
        """Say what the calibration is converted with."""
        streams = self._streams
        if streams.hand_eye is not None:
            used = used_flange_from_ee(self._parameters_read, streams.source.pose_of, streams.flange_from_ee)
            if used is not None:
                stamp = self.get_clock().now().to_msg()
                self._ee_publisher.publish(messages.to_pose_stamped(used, "flange", stamp))

    def _publish(self, view: PosedView, frame: Frame) -> None:
        message = messages.to_posed_view(
            view,
            object_frame=self._object_frame,
            base_frame=self._streams.source.base_frame,
            pose_of=self._streams.source.pose_of,
            source_info=self._streams.infos.of(frame.image_stamp_ns),
        )
        self._publisher.publish(message)
        self._pictures.publish(view, frame.source)
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
            source = [] if str(error).startswith(NO_FRAME) else self._pose_problems()
            if str(error).startswith(NO_INTRINSICS):
                source += self._inputs.silent([CAMERA_INFO])
            response.message = "; ".join([str(error), *source, *self._clock_problems()])
            self.get_logger().error(f"no view taken: {response.message}")
            return response
        response.success = True
        response.message = "; ".join([_describe(view), *view.warnings])
        return response

    def _explain(self) -> str:
        """Say why there is no frame: every topic that is silent, or the stamps that never meet."""
        streams = self._streams
        if streams.object_input is not None and streams.object_frame is None:
            return f"the object is not known yet: {self._inputs.explain(streams.object_input)}"
        if streams.ee_input is not None and streams.hand_eye is None:
            told = self._inputs.explain(streams.ee_input)
            return f"F_T_EE, which the calibration is converted with, is not known yet: {told}"
        silent = self._silent()
        if silent:
            return f"{NO_FRAME}: " + "; ".join(silent)
        dropped = ", ".join(f"{count} of {channel}" for channel, count in streams.join.dropped.items() if count)
        return f"{NO_FRAME}: every topic is alive, but stamps never matched (unmatched so far: {dropped or 'none'})"

    def _silent(self) -> list[str]:
        """Explain every topic that is silent, and whatever else keeps poses from arriving."""
        return self._inputs.silent([*self._streams.join.channels, CAMERA_INFO]) + self._pose_problems()

    def _pose_problems(self) -> list[str]:
        """Explain what keeps poses from arriving."""
        source = self._streams.source
        return self._inputs.silent([found.name for found in source.inputs]) + source.problems()

    def _clock_problems(self) -> list[str]:
        """Name what is wrong with the stamps of images and poses."""
        limit = self._parameters_read["max_stamp_offset_s"]
        found = (
            self._streams.image_clock.problem(limit, self._streams.exposures.clock_domain),
            self._streams.source.clock.problem(limit),
        )
        return [problem for problem in found if problem]

    def _report(self) -> Report:
        streams = self._streams
        monitors = self._inputs.monitors
        counted = (*streams.join.channels, CAMERA_INFO, *(found.name for found in streams.source.inputs))
        counts: dict[str, Any] = {f"{name} messages": monitors[name].received for name in counted if name in monitors}
        counts |= {f"unmatched {channel}": count for channel, count in streams.join.dropped.items()}
        metadata = [monitors[found.name] for found in streams.exposures.inputs if found.name in monitors]
        counts["metadata messages"] = sum(monitor.received for monitor in metadata)
        p50, p99 = self._frame_ages_ms.percentiles(50, 99)
        counts |= {"frame complete after ms, p50": p50, "frame complete after ms, p99": p99}
        counts |= {"image age s": streams.image_clock.age_s, "pose age s": streams.source.clock.age_s}
        counts |= {"time jumps": streams.counts["time jumps"], **streams.infos.counts}
        counts |= {"time jumps of the pose stream": streams.poses.statistics().time_jumps}
        counts |= {**streams.exposures.counts, **streams.source.counts, **self._taker.counts, **self._last_view}
        problems = "; ".join(self._clock_problems())
        kind = problems.split(" stamps ")[0]  # without the numbers, which change all the time
        if problems and kind != self._clock_warned:
            self.get_logger().warning(problems)
        self._clock_warned = kind
        if silent := self._silent():
            return ERROR, "; ".join(silent), counts
        if problems:
            return WARN, problems, counts
        if streams.object_frame is None:
            return WARN, "the object is not known yet", counts
        if streams.hand_eye is None:
            return WARN, "F_T_EE is not known yet", counts
        return OK, f"{self._taker.counts['views']} views taken", counts


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
