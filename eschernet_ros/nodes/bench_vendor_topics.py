# SPDX-License-Identifier: Apache-2.0
"""What the drivers publish in message types of their own, where those are installed (they are not on PyPI)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE
from eschernet_ros.nodes import messages, qos

try:
    from realsense2_camera_msgs.msg import Metadata
except ImportError:
    Metadata = None
try:
    from franka_msgs.msg import FrankaRobotState
except ImportError:
    FrankaRobotState = None

_DEVICE_CLOCK_US = 2**32  # the camera's clock wraps after 72 minutes


class CameraMetadata:
    """Publishes ``color/metadata`` of realsense-ros 4.58: when a frame was exposed, in JSON.

    Names and units are those of ``BaseRealSenseNode::publishMetadata`` and librealsense's ``rs_frame.h``:
    ``frame_timestamp`` and ``time_of_arrival`` are milliseconds of the host's clock; ``hw_timestamp`` (end of the
    exposure) and ``sensor_timestamp`` (its middle) are microseconds of the camera's clock. The middle of the exposure
    on the host's clock is therefore ``frame_timestamp - (hw_timestamp - sensor_timestamp) / 1000``.
    ``actual_exposure`` of the colour sensor counts units of 100 us, whatever ``rs_frame.h`` says, and keeps the manual
    value while auto-exposure is on (librealsense issues 2549, 5035 and 8243).

    Args:
        node: owner of the publisher.
        topic: prefix of the colour stream.
        frame_id: the colour camera's optical frame.
        exposure_s, fps: of the camera.
    """

    def __init__(self, node: Node, topic: str, frame_id: str, exposure_s: float, fps: float) -> None:
        self._node = node
        self._frame_id = frame_id
        self._exposure_us = round(exposure_s * 1e6)
        self._fps = fps
        self._start_ns = int(node.get_clock().now().nanoseconds)
        self._number = 0
        self._publisher = None
        if Metadata is None:
            node.get_logger().info("realsense2_camera_msgs is not installed: the bench publishes no color/metadata")
        else:
            self._publisher = node.create_publisher(Metadata, f"{topic}/metadata", qos.CAMERA_INFO)

    @property
    def wanted(self) -> bool:
        """Whether somebody listens."""
        return self._publisher is not None and self._publisher.get_subscription_count() > 0

    def publish(self, stamp_ns: int) -> None:
        """Count a frame with this stamp, and tell of it when somebody listens."""
        self._number += 1
        if self._publisher is None or not self.wanted:
            return
        device_us = (stamp_ns - self._start_ns) // 1000 % _DEVICE_CLOCK_US
        now_ns = max(stamp_ns, int(self._node.get_clock().now().nanoseconds))
        data = {
            "frame_number": self._number,
            "clock_domain": "global_time",
            "frame_timestamp": stamp_ns / 1e6,
            "frame_counter": self._number,
            "hw_timestamp": device_us,
            "sensor_timestamp": device_us - self._exposure_us // 2,
            "actual_exposure": self._exposure_us // 100,
            "auto_exposure": 0,
            "time_of_arrival": now_ns // 1_000_000,
            "actual_fps": round(self._fps * 1000),
        }
        header = Header(stamp=messages.to_time(stamp_ns), frame_id=self._frame_id)
        self._publisher.publish(Metadata(header=header, json_data=json.dumps(data, separators=(",", ":"))))


class RobotState:
    """Publishes ``robot_state`` of franka_ros2 3.4: pose, flange to end effector, joints and the robot's clock.

    Fields of what is not simulated (contacts, external forces, inertias, Cartesian velocities) stay zero.
    The driver names a wrong frame in ``f_t_ee`` (it counts the root link twice); here it is the flange.

    Args:
        node: owner of the publisher.
        topic: name of the topic.
        base_frame: root link.
        prefix: of joint and link names.
    """

    def __init__(self, node: Node, topic: str, base_frame: str, prefix: str) -> None:
        self._base_frame = base_frame
        self._flange, self._ee = f"{prefix}_link8", f"{prefix}_hand_tcp"
        self._names = [f"{prefix}_joint{i}" for i in range(1, 8)]
        self._start_ns = int(node.get_clock().now().nanoseconds)
        self._publisher = None
        if FrankaRobotState is None:
            node.get_logger().info("franka_msgs is not installed: the bench publishes no robot_state")
        else:
            self._publisher = node.create_publisher(FrankaRobotState, topic, qos.ROBOT_STATE)

    @property
    def wanted(self) -> bool:
        """Whether somebody listens; the message is large."""
        return self._publisher is not None and self._publisher.get_subscription_count() > 0

    def publish(self, q: NDArray, velocity: NDArray, base_from_ee: SE3, stamp: Time) -> None:
        """Publish the state at joint angles [7] rad and joint velocities [7] rad/s."""
        if self._publisher is None:
            return
        state = FrankaRobotState(header=Header(stamp=stamp))
        for pose in (state.o_t_ee, state.o_t_ee_d, state.o_t_ee_c):
            pose.header = Header(stamp=stamp, frame_id=self._base_frame)
            pose.pose = messages.to_pose(base_from_ee)
        state.f_t_ee = messages.to_pose_stamped(FLANGE_FROM_HAND_EE, self._flange, stamp)
        state.ee_t_k = messages.to_pose_stamped(SE3.identity(), self._ee, stamp)
        positions, velocities, nothing = q.tolist(), velocity.tolist(), [0.0] * 7
        state.measured_joint_state = self._joints(stamp, positions, velocities)
        state.desired_joint_state = self._joints(stamp, positions, velocities)
        state.measured_joint_motor_state = self._joints(stamp, positions, velocities)
        state.tau_ext_hat_filtered = self._joints(stamp, nothing, nothing)
        state.time = (messages.to_nanoseconds(stamp) - self._start_ns) / 1e9
        state.control_command_success_rate = 1.0
        moving = bool(velocity.any())
        state.robot_mode = FrankaRobotState.ROBOT_MODE_MOVE if moving else FrankaRobotState.ROBOT_MODE_IDLE
        self._publisher.publish(state)

    def _joints(self, stamp: Time, position: Sequence[float], velocity: Sequence[float]) -> JointState:
        header = Header(stamp=stamp, frame_id=self._base_frame)
        return JointState(header=header, name=self._names, position=position, velocity=velocity, effort=[0.0] * 7)
