# SPDX-License-Identifier: Apache-2.0
"""The bench in the drivers' own message types: realsense2_camera_msgs 4.58 and franka_msgs 3.4."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, forward_kinematics
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph

COLOUR = "/camera/camera/color"
ROBOT = "/franka_robot_state_broadcaster"
EXPOSURE_S = 0.02
FPS = 6


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphClient]:
    """Return a client of a running bench."""
    with Graph(tmp_path_factory.mktemp("vendor")) as graph:
        graph.start_node("eschernet_ros.nodes.bench", {"viewpoints": 3, "fps": FPS, "exposure_s": EXPOSURE_S})
        with GraphClient(graph) as client:
            client.wait(lambda: client.viewpoints is not None, 60.0, "the bench's start")
            client.wait(client._move.server_is_ready, 60.0, "the bench's action")
            yield client


class Listener:
    """Keeps the messages of one topic by their stamps, while the block lasts."""

    def __init__(self, client: GraphClient, kind: Any, topic: str, profile: QoSProfile) -> None:
        self._client = client
        self._subscription = client.node.create_subscription(kind, topic, self._keep, profile)
        self.messages: dict[int, Any] = {}

    def _keep(self, message: Any) -> None:
        self.messages[messages.to_nanoseconds(message.header.stamp)] = message

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.between_callbacks(self._client.node.destroy_subscription, self._subscription)


def offered(client: GraphClient, topic: str) -> tuple[ReliabilityPolicy, DurabilityPolicy]:
    """Return the QoS of the only publisher of a topic."""
    (publisher,) = client.node.get_publishers_info_by_topic(topic)
    return publisher.qos_profile.reliability, publisher.qos_profile.durability


def test_metadata_tells_when_a_frame_was_exposed(bench: GraphClient) -> None:
    """Names, units and QoS of realsense-ros; the stamp of the frame; mid-exposure follows as the drivers mean it."""
    metadata_type = pytest.importorskip("realsense2_camera_msgs.msg").Metadata
    with (
        Listener(bench, metadata_type, f"{COLOUR}/metadata", qos.CAMERA_INFO) as metadata,
        Listener(bench, Image, f"{COLOUR}/image_raw", qos.CAMERA_IMAGE) as images,
    ):
        bench.wait(lambda: len(set(metadata.messages) & set(images.messages)) >= 5, 60.0, "the metadata of frames")
    assert offered(bench, f"{COLOUR}/metadata") == (ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
    rows = []
    for stamp_ns, message in sorted(metadata.messages.items()):
        assert message.header.frame_id == "camera_color_optical_frame"
        row = json.loads(message.json_data)
        rows.append(row)
        assert row["clock_domain"] == "global_time"
        assert row["frame_timestamp"] * 1e6 == pytest.approx(stamp_ns, abs=1000.0)
        before_end_ms = (row["hw_timestamp"] - row["sensor_timestamp"]) / 1000.0
        assert before_end_ms == pytest.approx(EXPOSURE_S / 2 * 1e3)
        assert row["actual_exposure"] == round(EXPOSURE_S / 100e-6)
        assert row["time_of_arrival"] >= int(row["frame_timestamp"])
        assert row["actual_fps"] == FPS * 1000
        assert row["frame_counter"] == row["frame_number"]
        # integers as the driver writes them, not 1.7e15
        assert all(isinstance(row[key], int) for key in set(row) - {"clock_domain", "frame_timestamp"})
    assert (np.diff([row["frame_number"] for row in rows]) >= 1).all()
    device, host = (np.array([row[key] for row in rows], float) for key in ("hw_timestamp", "frame_timestamp"))
    np.testing.assert_allclose(np.diff(device) / 1e3, np.diff(host), atol=0.002)


def test_metadata_and_camera_info_need_no_image_subscription(bench: GraphClient) -> None:
    """As with the driver, each topic is published for its own subscribers."""
    metadata_type = pytest.importorskip("realsense2_camera_msgs.msg").Metadata
    for kind, topic in ((metadata_type, f"{COLOUR}/metadata"), (CameraInfo, f"{COLOUR}/camera_info")):
        with Listener(bench, kind, topic, qos.CAMERA_INFO) as listener:
            bench.wait(lambda listener=listener: len(listener.messages) >= 2, 30.0, topic)  # type: ignore[misc]


def test_robot_state_agrees_with_the_pose_stream(bench: GraphClient) -> None:
    """Pose, flange to end effector, joints and the robot's clock, while the arm moves; QoS of franka_ros2."""
    state_type = pytest.importorskip("franka_msgs.msg").FrankaRobotState
    assert bench.viewpoints is not None
    with (
        Listener(bench, state_type, f"{ROBOT}/robot_state", qos.ROBOT_STATE) as listener,
        Listener(bench, PoseStamped, f"{ROBOT}/current_pose", qos.POSE_STREAM) as poses,
    ):
        bench.wait(lambda: bool(listener.messages) and bool(poses.messages), 30.0, "the state of the robot")
        bench.move_camera(bench.viewpoints.poses[2], "base")
    assert offered(bench, f"{ROBOT}/robot_state") == (ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
    assert offered(bench, f"{ROBOT}/current_pose")[0] == ReliabilityPolicy.BEST_EFFORT

    states = sorted(listener.messages.items())
    common = [stamp_ns for stamp_ns, _ in states if stamp_ns in poses.messages]
    assert len(common) > 20
    for stamp_ns in common:
        state = listener.messages[stamp_ns]
        assert state.o_t_ee == poses.messages[stamp_ns]
        joints = state.measured_joint_state
        assert list(joints.name) == [f"fr3_joint{i}" for i in range(1, 8)]
        flange_from_ee = messages.from_pose(state.f_t_ee.pose)
        assert flange_from_ee.is_close(FLANGE_FROM_HAND_EE, 1e-9)
        by_joints = forward_kinematics(joints.position) @ flange_from_ee
        assert by_joints.is_close(messages.from_pose(state.o_t_ee.pose), 1e-9)
        moving = state.robot_mode == state_type.ROBOT_MODE_MOVE
        assert moving == bool(np.any(joints.velocity))
    seconds = np.array([state.time for _, state in states])
    np.testing.assert_allclose(np.diff(seconds), np.diff([stamp_ns for stamp_ns, _ in states]) / 1e9, atol=1e-6)
    assert seconds[0] < 3600.0  # the robot's clock starts with the robot
    assert {state.robot_mode for _, state in states} >= {state_type.ROBOT_MODE_MOVE}
    q = np.array([state.measured_joint_state.position for _, state in states])
    assert np.ptp(q, axis=0).max() > 0.1


@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        ("realsense2_camera_msgs", "the bench publishes no color/metadata"),
        ("franka_msgs", "the bench publishes no robot_state"),
        ("tf2_msgs", "the bench publishes no TF"),
    ],
)
def test_what_is_not_published_is_said(bench: GraphClient, package: str, sentence: str) -> None:
    """One line for each package of messages that is missing, and none for one that is there."""
    log = Path(bench._graph.folder / "log" / "bench.log").read_text()
    expected = 0 if find_spec(package) else 1
    assert log.count(f"{package} is not installed: {sentence}") == expected
