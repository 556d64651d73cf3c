# SPDX-License-Identifier: Apache-2.0
"""The simulated bench as a node: topics, types, QoS, frames, rates and stamps of realsense-ros and franka_ros2.

Beside those it offers, in its own namespace, what a simulated robot can: the reachable viewpoints, the object's box,
exact masks, and an action that moves the arm.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from geometry_msgs.msg import PoseArray, PoseStamped
from numpy.typing import NDArray
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.msg import CameraInfo, Image, JointState
from visualization_msgs.msg import Marker

from eschernet_ros.action import MoveCamera
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.bench_transforms import BenchTransforms
from eschernet_ros.nodes.bench_vendor_topics import CameraMetadata, RobotState
from eschernet_ros.nodes.diagnostics import OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.futures import wait_for
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.run import ClosableNode, run
from eschernet_ros.simulation import (
    ArmMotion,
    JointTrajectory,
    RenderProcess,
    SensorNoise,
    SimulatedBench,
    depth_to_millimetres,
    expose,
)

PARAMETERS = (
    Parameter("object", "mug", "object on the table, by its name in the catalogue"),
    Parameter("viewpoints", 17, "how many viewpoints, spread as far apart as possible", 1, 72),
    Parameter("standoff", 0.0, "camera distance in model units; 0: the smallest from 1.8 on that shows all", 0.0, 3.0),
    Parameter("max_joint_speed", 1.0, "no joint moves faster, rad/s", 0.01, 2.1),
    Parameter("tour", False, "visit all viewpoints unasked, again and again"),
    Parameter("tour_rest_s", 1.0, "rest at each viewpoint of the tour", 0.0, 60.0),
    Parameter("fps", 15, "frames per second of colour and aligned depth (a D435i profile: 6, 15, 30)", 1, 60),
    Parameter("exposure_s", 0.008, "exposure time; stamps mark its end, as librealsense's do", 0.0, 0.1),
    Parameter("motion_blur", False, "average several renderings over the exposure while the arm moves (slow)"),
    Parameter("noise", True, "depth noise and holes, colour noise and stamp jitter of a real sensor"),
    Parameter("noise_seed", 0, "seed of the noise", 0, 2**31 - 1),
    Parameter("pose_rate_hz", 250.0, "rate of current_pose and /franka/joint_states", 1.0, 1000.0),
    Parameter("joint_state_rate_hz", 30.0, "rate of /joint_states (and of TF)", 1.0, 1000.0),
    Parameter("camera_namespace", "/camera/camera", "prefix of the camera's topics"),
    Parameter("camera_name", "camera", "prefix of the camera's frames"),
    Parameter("robot_namespace", "/franka_robot_state_broadcaster", "prefix of current_pose"),
    Parameter("base_frame", "base", "frame_id of current_pose: root link of the robot's description"),
    Parameter("joint_prefix", "fr3", "prefix of joint and link names: fr3, fer or panda"),
)


class BenchNode(ClosableNode):
    """Simulated arm and wrist camera."""

    def __init__(self) -> None:
        super().__init__("bench")
        p = self._parameters_read = declare(self, PARAMETERS)
        self._bench = SimulatedBench(p["object"])
        standoff = p["standoff"] or None
        self._viewpoints = self._bench.viewpoints(p["viewpoints"], standoff)
        self._motion = ArmMotion(self._bench.home)
        self._counts: Counter[str] = Counter()
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(1, "motion")
        self._optical_frame = f"{p['camera_name']}_color_optical_frame"

        camera, robot = p["camera_namespace"], p["robot_namespace"]
        aligned = f"{camera}/aligned_depth_to_color"
        self._colour = self.create_publisher(Image, f"{camera}/color/image_raw", qos.CAMERA_IMAGE)
        self._colour_info = self.create_publisher(CameraInfo, f"{camera}/color/camera_info", qos.CAMERA_INFO)
        self._depth = self.create_publisher(Image, f"{aligned}/image_raw", qos.CAMERA_IMAGE)
        self._depth_info = self.create_publisher(CameraInfo, f"{aligned}/camera_info", qos.CAMERA_INFO)
        self._mask = self.create_publisher(Image, "~/ground_truth/mask", qos.CAMERA_IMAGE)
        self._current_pose = self.create_publisher(PoseStamped, f"{robot}/current_pose", qos.POSE_STREAM)
        self._joints = self.create_publisher(JointState, "/joint_states", qos.CAMERA_INFO)
        self._fast_joints = self.create_publisher(JointState, "/franka/joint_states", qos.CAMERA_INFO)
        self._transforms = BenchTransforms(
            self, self._bench, p["base_frame"], p["joint_prefix"], p["camera_name"], self._optical_frame
        )
        self._metadata = CameraMetadata(self, f"{camera}/color", self._optical_frame, p["exposure_s"], p["fps"])
        self._robot_state = RobotState(self, f"{robot}/robot_state", p["base_frame"], p["joint_prefix"])

        self._viewpoint_poses = self.create_publisher(PoseArray, "~/viewpoints", qos.LATCHED)
        self._object_box = self.create_publisher(Marker, "~/object_box", qos.LATCHED)
        self._publish_scene()
        self._action = ActionServer(
            self,
            MoveCamera,
            "~/move_camera",
            self._move,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )
        self._diagnostics = Diagnostics(self, self._report)

        threads = [self._stream_poses, self._stream_frames]
        if p["tour"]:
            threads.append(self._tour)
        self._threads = [self.start_thread(work) for work in threads]
        self.get_logger().info(
            f"'{p['object']}' {', '.join(f'{s:.3f}' for s in self._bench.object_size)} m, "
            f"{len(self._viewpoints)} viewpoints at stand-off {self._viewpoints[0].standoff:.2f}"
        )

    def close(self) -> None:
        """End the threads."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)
        for thread in self._threads:
            thread.join()
        self._action.destroy()

    def _publish_scene(self) -> None:
        stamp = self.get_clock().now().to_msg()
        base_frame = self._parameters_read["base_frame"]
        poses = PoseArray(poses=[messages.to_pose(v.base_from_camera_optical) for v in self._viewpoints])
        poses.header.frame_id = base_frame
        poses.header.stamp = stamp
        self._viewpoint_poses.publish(poses)
        box = Marker(type=Marker.CUBE, ns="object", pose=messages.to_pose(self._bench.base_from_object))
        box.header = poses.header
        box.scale.x, box.scale.y, box.scale.z = (float(side) for side in self._bench.object_size)
        box.color.g, box.color.a = 1.0, 0.3
        self._object_box.publish(box)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    # --- arm ----------------------------------------------------------------------------------------------------

    def _stream_poses(self) -> None:
        """Publish pose and joints at a steady rate; a tick that comes too late is skipped and counted."""
        p = self._parameters_read
        period_s = 1.0 / p["pose_rate_hz"]
        slow_every = max(1, round(p["pose_rate_hz"] / p["joint_state_rate_hz"]))
        names = [f"{p['joint_prefix']}_joint{i}" for i in range(1, 8)]
        tick, start = 0, time.perf_counter()
        while not self._closing.is_set():
            stamp_ns = self._now_ns()
            stamp = messages.to_time(stamp_ns)
            q = self._motion.position(stamp_ns)
            pose = self._bench.base_from_ee(q)
            self._current_pose.publish(messages.to_pose_stamped(pose, p["base_frame"], stamp))
            if self._robot_state.wanted:
                self._robot_state.publish(q, self._motion.velocity(stamp_ns), pose, stamp)
            slow = tick % slow_every == 0
            if slow or self._fast_joints.get_subscription_count():
                joints = JointState(name=names, position=q.tolist(), velocity=self._motion.velocity(stamp_ns).tolist())
                joints.header.stamp = stamp
                self._fast_joints.publish(joints)
                if slow:
                    self._joints.publish(joints)
                    self._transforms.publish(q, stamp)
            self._counts["poses"] += 1
            tick += 1
            wait = start + tick * period_s - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            elif wait < -period_s:
                late = int(-wait / period_s)
                self._counts["pose ticks skipped"] += late
                tick += late

    def _follow(self, q_goal: NDArray) -> tuple[JointTrajectory, int, int]:
        """Plan from where the arm is, begin, and return trajectory, start stamp and end stamp."""
        here = self._motion.position(self._now_ns())
        trajectory = self._bench.plan(here, q_goal, self._parameters_read["max_joint_speed"])
        start_ns = self._now_ns()
        return trajectory, start_ns, self._motion.follow(trajectory, start_ns)

    async def _move(self, goal: ServerGoalHandle) -> MoveCamera.Result:
        result = MoveCamera.Result()
        try:
            target = goal.request.target
            base_frame = self._parameters_read["base_frame"]
            if target.header.frame_id != base_frame:
                raise EscherNetError(
                    f"the target is in frame '{target.header.frame_id}'; the bench moves in '{base_frame}'"
                )
            pose = messages.from_pose(target.pose)
            cancelled = await wait_for(self, self._pool.submit(self._move_to, pose, goal, result))
        except EscherNetError as error:
            result.message = str(error)
            goal.abort()
            return result
        if cancelled:
            result.message = "cancelled; the arm rests where it was"
            goal.canceled()
        else:
            result.success = True
            result.message = f"moved in {result.duration_seconds:.1f} s"
            goal.succeed()
        return result

    def _move_to(self, pose: SE3, goal: ServerGoalHandle, result: MoveCamera.Result) -> bool:
        """Move and wait; return whether the goal was cancelled."""
        here = self._motion.position(self._now_ns())
        trajectory, start_ns, end_ns = self._follow(self._solution(pose, here))
        cancelled = False
        while (now_ns := self._now_ns()) < end_ns and not cancelled:
            cancelled = goal.is_cancel_requested or self._closing.is_set()
            if cancelled:
                self._motion.stop(now_ns)
                break
            progress = (now_ns - start_ns) / max(1, end_ns - start_ns)
            feedback: Any = MoveCamera.Feedback(progress=progress)  # Any: rclpy annotates the wire type
            goal.publish_feedback(feedback)
            time.sleep(min(0.1, (end_ns - now_ns) / 1e9))
        now_ns = self._now_ns()
        reached = self._bench.base_from_camera_optical(self._motion.position(now_ns))
        result.reached = messages.to_pose_stamped(
            reached, self._parameters_read["base_frame"], messages.to_time(now_ns)
        )
        result.duration_seconds = trajectory.duration_s
        return cancelled

    def _solution(self, pose: SE3, here: NDArray) -> NDArray:
        """Return joint angles for a camera pose: those of a viewpoint where it is one, else solved anew."""
        for viewpoint in self._viewpoints:
            if viewpoint.base_from_camera_optical.is_close(pose, 1e-6):
                return viewpoint.q
        return self._bench.inverse_kinematics(pose, here)

    def _tour(self) -> None:
        rest_s = self._parameters_read["tour_rest_s"]
        while not self._closing.is_set():
            for viewpoint in self._viewpoints:
                future: Future[Any] = self._pool.submit(self._follow, viewpoint.q)
                try:
                    _, _, end_ns = future.result()
                except EscherNetError as error:
                    self.get_logger().warning(f"viewpoint of the tour left out: {error}")
                    continue
                if self._closing.wait(max(0.0, (end_ns - self._now_ns()) / 1e9) + rest_s):
                    return

    # --- camera -------------------------------------------------------------------------------------------------

    def _stream_frames(self) -> None:
        """Render and publish at the frame rate; only the streams that somebody listens to cost anything."""
        p = self._parameters_read
        noise = SensorNoise(p["noise_seed"], p["noise"])
        period_s = 1.0 / p["fps"]
        tick, start = 0, time.perf_counter()
        streams = (self._colour, self._colour_info, self._depth, self._depth_info, self._mask)
        with RenderProcess(p["object"], self._bench.config) as renderer:
            while not self._closing.is_set():
                if self._metadata.wanted or any(stream.get_subscription_count() for stream in streams):
                    self._publish_frame(renderer, noise)
                tick += 1
                wait = start + tick * period_s - time.perf_counter()
                if wait > 0:
                    self._closing.wait(wait)
                else:
                    late = int(-wait / period_s)
                    self._counts["frames skipped: rendering too slow"] += late
                    tick += late

    def _publish_frame(self, renderer: RenderProcess, noise: SensorNoise) -> None:
        """Render what is listened to, as it is now, and publish it under one stamp: the end of the exposure."""
        exposure_ns = round(self._parameters_read["exposure_s"] * 1e9)
        mid_exposure_ns = self._now_ns()
        q = self._motion.position(mid_exposure_ns)
        camera = self._bench.camera
        frame = self._optical_frame
        stamp_ns = noise.stamp(mid_exposure_ns + exposure_ns // 2)
        stamp = messages.to_time(stamp_ns)
        info = messages.to_camera_info(camera, frame, stamp)
        if self._depth_info.get_subscription_count():
            self._depth_info.publish(info)
        if self._colour_info.get_subscription_count():
            self._colour_info.publish(info)
        if self._colour.get_subscription_count():
            blur_ns = exposure_ns if self._parameters_read["motion_blur"] else 0
            colour = expose(renderer.render_colour, self._motion.position, mid_exposure_ns, blur_ns)
            self._colour.publish(messages.to_image(noise.colour(colour), frame, stamp))
        if self._depth.get_subscription_count():
            depth = depth_to_millimetres(noise.depth(renderer.render_depth(q), camera))
            self._depth.publish(messages.to_image(depth, frame, stamp))
        if self._mask.get_subscription_count():
            self._mask.publish(messages.to_image(renderer.render_mask(q), frame, stamp))
        self._metadata.publish(stamp_ns)
        self._counts["frames"] += 1

    def _report(self) -> Report:
        counts = dict(self._counts)
        skipped = sum(count for name, count in counts.items() if "skipped" in name)
        if skipped:
            return WARN, f"{skipped} ticks skipped: this machine is too slow for the rates asked for", counts
        return OK, f"{counts.get('frames', 0)} frames, {counts.get('poses', 0)} poses", counts


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros bench``."""
    run(BenchNode)


if __name__ == "__main__":
    main()
