# SPDX-License-Identifier: Apache-2.0
"""The Franka state node against a server of the robot's real protocol (franka-sim, in its own environment)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from simulated_franka import FrankaSim, free_host

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import link_frames
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph

POSE_TOPIC = "/franka_robot_state_broadcaster/current_pose"


class Listener:
    """What the node published."""

    def __init__(self, client: GraphClient, node: str = "franka_state") -> None:
        self.client = client
        self.poses: dict[int, PoseStamped] = {}
        self.joints: dict[int, JointState] = {}
        self.flange_from_ee: list[PoseStamped] = []
        self.diagnostics: list[DiagnosticStatus] = []
        make = client.node.create_subscription
        make(PoseStamped, POSE_TOPIC, lambda m: self._keep(self.poses, m), qos.POSE_STREAM)
        reliable = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
        make(JointState, "/franka/joint_states", lambda m: self._keep(self.joints, m), reliable)
        make(PoseStamped, f"{node}/flange_from_ee", self.flange_from_ee.append, qos.LATCHED)
        make(DiagnosticArray, "/diagnostics", lambda m: self.diagnostics.append(m.status[0]), 10)

    @staticmethod
    def _keep(kept: dict, message: PoseStamped | JointState) -> None:
        kept[messages.to_nanoseconds(message.header.stamp)] = message

    def pairs(self, after_ns: int = 0) -> list[tuple[SE3, JointState]]:
        """Poses and joint states of one stamp, in order."""
        stamps = sorted(self.poses.copy().keys() & self.joints.copy().keys())  # copies: the client's thread adds
        return [(messages.from_pose(self.poses[s].pose), self.joints[s]) for s in stamps if s > after_ns]

    def value(self, key: str) -> str:
        """The newest value of a counter on /diagnostics; empty when there is none."""
        values = {item.key: item.value for item in self.diagnostics[-1].values} if self.diagnostics else {}
        return values.get(key, "")

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for ``condition()``."""
        self.client.wait(condition, 60.0, what)


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrankaSim]:
    """Return a robot that is switched on."""
    pytest.importorskip("pylibfranka")
    robot = FrankaSim(free_host(), tmp_path_factory.mktemp("robot") / "franka_sim.log")
    robot.start()
    yield robot
    robot.kill()


@pytest.fixture(scope="module")
def listener(robot: FrankaSim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """Return what the node publishes of the robot."""
    with Graph(tmp_path_factory.mktemp("franka")) as graph, GraphClient(graph) as client:
        listener = Listener(client)
        graph.start_node("eschernet_ros.nodes.franka_state", {"robot_ip": robot.host, "retry_max_s": 1.0})
        yield listener


def expected(joints: JointState, flange_from_ee: SE3) -> SE3:
    """O_T_EE of franka-sim.

    It means link 7 where the real robot means the flange, 107 mm further on, and its pose is older than its joint
    angles by one step of its physics, 1 ms.
    """
    q = np.array(joints.position) - 0.001 * np.array(joints.velocity)
    return link_frames(q)[7] @ flange_from_ee


def worst(pairs: list[tuple[SE3, JointState]], flange_from_ee: SE3) -> tuple[float, float]:
    """The largest distance between poses and the kinematics of their joints: m, rad."""
    return tuple(np.max([pose.distance_to(expected(joints, flange_from_ee)) for pose, joints in pairs], axis=0))


def test_the_pose_is_that_of_the_joints(robot: FrankaSim, listener: Listener) -> None:
    """At rest and moving; frames, names, stamps and QoS are those of franka_ros2."""
    listener.wait(lambda: len(listener.pairs()) > 50, "poses of the arm at rest")
    target = [0.3, -0.4, 0.2, -2.0, 0.1, 1.9, 0.5]
    start_ns = time.time_ns()
    robot.command("move", *target)
    listener.wait(
        lambda: bool(p := listener.pairs(start_ns)) and np.allclose(p[-1][1].position, target, atol=0.02),
        "the arm's motion",
    )
    pairs = listener.pairs(start_ns)
    path = np.array([joints.position for _, joints in pairs])
    assert np.ptp(path, axis=0)[0] > 0.25
    metres, radians = worst(pairs, SE3.identity())
    assert metres < 2e-6  # the protocol sends single precision
    assert radians < 2e-6

    pose, joints = list(listener.poses.values())[-1], list(listener.joints.values())[-1]
    assert pose.header.frame_id == "base"
    assert list(joints.name) == [f"fr3_joint{i}" for i in range(1, 8)]
    assert (len(joints.velocity), len(joints.effort)) == (7, 7)
    assert abs(time.time_ns() - messages.to_nanoseconds(pose.header.stamp)) < 5e9
    (publisher,) = listener.client.node.get_publishers_info_by_topic(POSE_TOPIC)
    assert publisher.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT


def test_rate_clock_and_the_frame_are_in_the_diagnostics(listener: Listener) -> None:
    """The rate depends on how busy the machine is; that frame of franka-sim's is found out."""
    listener.wait(lambda: listener.value("host clock against robot clock, ppm") != "", "five seconds of states")
    assert float(listener.value("published per second")) > 100.0
    assert float(listener.value("host clock minus robot clock, s")) == pytest.approx(time.time(), abs=600.0)
    assert 0.0 < float(listener.value("latest stamp after the quickest, s")) < 5.0
    assert listener.value("robot mode") == "Idle"
    assert int(listener.value("states")) >= int(listener.value("published"))
    assert float(listener.value("O_T_EE from forward kinematics, m")) == pytest.approx(0.107, abs=1e-4)
    assert listener.diagnostics[-1].level == DiagnosticStatus.WARN
    assert "O_T_EE is 107.0 mm from the forward kinematics" in listener.diagnostics[-1].message


def test_a_changed_end_effector_is_noticed(robot: FrankaSim, listener: Listener) -> None:
    """It is published anew, counted, and said what it means; the pose follows."""
    listener.wait(lambda: len(listener.flange_from_ee) == 1, "F_T_EE")
    assert listener.flange_from_ee[0].header.frame_id == "fr3_link8"
    robot.command("ee", 0.0, 0.0, 0.1034)
    listener.wait(lambda: listener.value("F_T_EE changes") == "1", "the change of F_T_EE")
    listener.wait(lambda: len(listener.flange_from_ee) == 2, "the new F_T_EE")
    flange_from_ee = messages.from_pose(listener.flange_from_ee[1].pose)
    assert flange_from_ee.translation == pytest.approx([0.0, 0.0, 0.1034])
    assert "F_T_EE changed by 103.4 mm" in listener.diagnostics[-1].message
    after_ns = time.time_ns()
    listener.wait(lambda: len(listener.pairs(after_ns)) > 50, "poses of the new end effector")
    assert worst(listener.pairs(after_ns), flange_from_ee)[0] < 2e-6


def test_a_robot_that_goes_and_comes_back(robot: FrankaSim, listener: Listener) -> None:
    """A sentence, attempts with pauses, all counted; then the poses come again."""
    robot.kill()
    listener.wait(lambda: listener.diagnostics[-1].level == DiagnosticStatus.ERROR, "the loss of the robot")
    listener.wait(lambda: int(listener.value("connection failures") or 0) >= 3, "several attempts")
    assert "offers no FCI: activate FCI in Desk" in listener.diagnostics[-1].message
    connections = int(listener.value("connections"))
    robot.start()
    after_ns = time.time_ns()
    listener.wait(lambda: len(listener.pairs(after_ns)) > 50, "poses after the robot's return")
    listener.wait(lambda: int(listener.value("connections")) == connections + 1, "the count of connections")
    listener.wait(lambda: listener.diagnostics[-1].level != DiagnosticStatus.ERROR, "the all-clear")


def test_a_missing_address_ends_the_node(graph: Graph) -> None:
    node = graph.start_node("eschernet_ros.nodes.franka_state", {})
    node.process.wait(60.0)
    assert node.process.returncode == 2
    assert "parameter 'robot_ip' is empty" in node.log.read_text()


def test_a_wrong_address_is_said_and_the_node_stays_alive(
    graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path
) -> None:
    """Diagnostics go on while libfranka waits, and the node ends at once when asked to."""
    pytest.importorskip("pylibfranka")
    listener = Listener(connect())
    node = graph.start_node("eschernet_ros.nodes.franka_state", {"robot_ip": "no-such-arm.invalid"})
    listener.wait(lambda: listener.value("connection failures") not in ("", "0"), "an attempt")
    assert "there is no host named 'no-such-arm.invalid'" in listener.diagnostics[-1].message
    graph.stop()
    assert node.process.returncode == 0
    assert "Traceback" not in node.log.read_text()
