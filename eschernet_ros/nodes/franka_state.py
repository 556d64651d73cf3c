# SPDX-License-Identifier: Apache-2.0
"""The Franka state node: publishes an arm's pose and joints as franka_ros2 does, read only, through pylibfranka.

For an arm that no franka_ros2 drives. It never commands motion.
"""

from __future__ import annotations

import time
from typing import Any

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from eschernet_ros.arms import FrankaReader, FrankaState, RobotClock
from eschernet_ros.errors import EscherNetError
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.run import ClosableNode, run

KINEMATICS_TOLERANCE_M = 0.001
"""Above this distance between O_T_EE and forward kinematics the diagnostics warn."""

PARAMETERS = (
    Parameter("robot_ip", "", "address or name of the arm's controller; must be given"),
    Parameter("rate_hz", 1000, "states per second that are published; the arm sends 1000", 1, 1000),
    Parameter("robot_namespace", "/franka_robot_state_broadcaster", "prefix of current_pose"),
    Parameter("joint_states_topic", "/franka/joint_states", "joint angles, velocities and torques (JointState)"),
    Parameter("base_frame", "base", "frame_id of current_pose: root link of the robot's description"),
    Parameter("joint_prefix", "fr3", "prefix of joint and link names", choices=("fr3", "fer", "panda")),
    Parameter("connect_timeout_s", 5.0, "longest wait for the arm to answer", 0.5, 120.0),
    Parameter("retry_max_s", 10.0, "longest pause between two attempts to connect", 0.5, 600.0),
)


class FrankaStateNode(ClosableNode):
    """Publishes ``current_pose`` (PoseStamped, O_T_EE, best effort) and joint states (reliable), as franka_ros2 does.

    Also ``~/flange_from_ee`` (PoseStamped, latched): F_T_EE, published anew when it changes.
    """

    def __init__(self) -> None:
        super().__init__("franka_state")
        p = declare(self, PARAMETERS)
        if not p["robot_ip"]:
            raise EscherNetError("parameter 'robot_ip' is empty; give the address of the arm, as Desk shows it")
        self._base_frame = str(p["base_frame"])
        self._flange_frame = f"{p['joint_prefix']}_link8"
        self._names = [f"{p['joint_prefix']}_joint{i}" for i in range(1, 8)]
        self._pose = self.create_publisher(PoseStamped, f"{p['robot_namespace']}/current_pose", qos.POSE_STREAM)
        self._joints = self.create_publisher(JointState, p["joint_states_topic"], qos.CAMERA_INFO)
        self._flange_from_ee = self.create_publisher(PoseStamped, "~/flange_from_ee", qos.LATCHED)
        self._published: FrankaState | None = None
        self._published_count = 0
        self._reader = FrankaReader(
            p["robot_ip"],
            p["rate_hz"],
            self._publish,
            connect_timeout_s=p["connect_timeout_s"],
            retry_max_s=p["retry_max_s"],
        )
        self._counted, self._counted_at = 0, time.monotonic()
        self._diagnostics = Diagnostics(self, self._report)
        self._thread = self.start_thread(self._reader.run)
        self.get_logger().info(f"reading the arm at {p['robot_ip']}; this node never commands motion")

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()
        self._thread.join()

    def _publish(self, state: FrankaState) -> None:
        """Publish one state; runs in the reader's thread."""
        stamp = messages.to_time(state.stamp_ns)
        self._pose.publish(messages.to_pose_stamped(state.base_from_ee, self._base_frame, stamp))
        joints = JointState(name=self._names, position=state.q, velocity=state.velocity, effort=state.torque)
        joints.header.stamp = stamp
        self._joints.publish(joints)
        if self._published is None or self._published.flange_from_ee is not state.flange_from_ee:
            self._flange_from_ee.publish(messages.to_pose_stamped(state.flange_from_ee, self._flange_frame, stamp))
        self._published = state
        self._published_count += 1

    def _report(self) -> Report:
        reader = self._reader
        now = time.monotonic()
        published = self._published_count
        rate = (published - self._counted) / (now - self._counted_at)
        self._counted, self._counted_at = published, now
        counts: dict[str, Any] = {"published": published, "published per second": rate, **reader.counts}
        counts |= _clock_values(reader.clock)
        state = self._published
        if state is None or reader.problem:
            return ERROR, reader.problem, counts
        metres, radians = state.kinematics_error()
        x, y, z = state.flange_from_ee.translation
        counts |= {
            "robot mode": state.mode,
            "F_T_EE translation, m": f"{x:.4f} {y:.4f} {z:.4f}",
            "O_T_EE from forward kinematics, m": metres,
            "O_T_EE from forward kinematics, rad": radians,
        }
        if reader.ee_changed:
            return WARN, reader.ee_changed, counts
        if metres > KINEMATICS_TOLERANCE_M:
            return WARN, f"O_T_EE is {metres * 1e3:.1f} mm from the forward kinematics of a Panda or FR3", counts
        return OK, f"{rate:.0f} poses/s from {reader.robot_ip}", counts


def _clock_values(clock: RobotClock) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if clock.offset_s is not None:
        values["host clock minus robot clock, s"] = f"{clock.offset_s:.4f}"
        values["latest stamp after the quickest, s"] = clock.lateness_s
    if clock.drift_ppm is not None:
        values["host clock against robot clock, ppm"] = clock.drift_ppm
    return values


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros franka_state``."""
    run(FrankaStateNode)


if __name__ == "__main__":
    main()
