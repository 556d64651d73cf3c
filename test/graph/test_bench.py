# SPDX-License-Identifier: Apache-2.0
"""The bench node looks like realsense-ros and franka_ros2: names, types, QoS, frames, stamps and rates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, forward_kinematics
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph
from eschernet_ros.simulation import SimulatedBench

COLOUR = "/camera/camera/color"
ALIGNED = "/camera/camera/aligned_depth_to_color"
OPTICAL = "camera_color_optical_frame"
POSE = "/franka_robot_state_broadcaster/current_pose"
TOPICS: dict[str, tuple[Any, QoSProfile]] = {
    f"{COLOUR}/image_raw": (Image, qos.CAMERA_IMAGE),
    f"{COLOUR}/camera_info": (CameraInfo, qos.CAMERA_INFO),
    f"{ALIGNED}/image_raw": (Image, qos.CAMERA_IMAGE),
    f"{ALIGNED}/camera_info": (CameraInfo, qos.CAMERA_INFO),
    "/bench/ground_truth/mask": (Image, qos.CAMERA_IMAGE),
    POSE: (PoseStamped, qos.POSE_STREAM),
    "/joint_states": (JointState, qos.CAMERA_INFO),
    "/franka/joint_states": (JointState, qos.CAMERA_INFO),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GraphClient, dict[str, list[Any]]]]:
    """Return a client of a running bench without noise, and what came on its topics while it stood still."""
    with Graph(tmp_path_factory.mktemp("bench")) as graph:
        graph.start_node("eschernet_ros.nodes.bench", {"object": "duck", "viewpoints": 5, "fps": 6, "noise": False})
        with GraphClient(graph) as client:
            received: dict[str, list[Any]] = defaultdict(list)
            client.wait(lambda: client.viewpoints is not None, 60.0, "the bench's start")
            for topic, (kind, profile) in TOPICS.items():
                client.node.create_subscription(kind, topic, received[topic].append, profile)
            enough = {topic: 300 if topic == POSE else 8 for topic in TOPICS}
            client.wait(
                lambda: all(len(received[topic]) >= count for topic, count in enough.items()), 60.0, "the messages"
            )
            yield client, {topic: list(items) for topic, items in received.items()}


def test_qos_is_that_of_the_drivers(bench) -> None:
    """Images reliable and volatile; the pose stream best effort, as since franka_ros2 3.3."""
    client, _ = bench
    for topic in TOPICS:
        (info,) = client.node.get_publishers_info_by_topic(topic)
        wanted = ReliabilityPolicy.BEST_EFFORT if topic == POSE else ReliabilityPolicy.RELIABLE
        assert (topic, info.qos_profile.reliability) == (topic, wanted)
        assert info.qos_profile.durability == DurabilityPolicy.VOLATILE


def test_images_share_stamp_frame_and_size(bench) -> None:
    """Every colour image has depth, mask and both camera_infos of the same stamp."""
    _, received = bench
    camera_topics = [topic for topic in TOPICS if TOPICS[topic][0] in (Image, CameraInfo)]
    stamps = {t: {messages.to_nanoseconds(m.header.stamp) for m in received[t]} for t in camera_topics}
    common = set.intersection(*stamps.values())
    assert len(common) >= 5
    for topic in camera_topics:
        for message in received[topic]:
            assert (message.header.frame_id, message.width, message.height) == (OPTICAL, 640, 480)
    encodings = {f"{COLOUR}/image_raw": "rgb8", f"{ALIGNED}/image_raw": "16UC1", "/bench/ground_truth/mask": "mono8"}
    for topic, encoding in encodings.items():
        assert {message.encoding for message in received[topic]} == {encoding}
    assert received[f"{COLOUR}/camera_info"][0].distortion_model == "plumb_bob"


def test_pictures_are_those_of_the_library(bench) -> None:
    """At rest in the home position, the topics carry what the bench renders: metric depth, exact mask."""
    _, received = bench
    with SimulatedBench("duck") as library:
        truth = library.render(library.home)
        assert messages.from_camera_info(received[f"{COLOUR}/camera_info"][0]) == library.camera
    depth = messages.depth_from_image(received[f"{ALIGNED}/image_raw"][0])
    np.testing.assert_allclose(depth, truth.depth, atol=0.00051)
    mask = messages.mask_from_image(received["/bench/ground_truth/mask"][0])
    np.testing.assert_array_equal(mask, truth.mask)
    colour = messages.colour_from_image(received[f"{COLOUR}/image_raw"][0])
    np.testing.assert_array_equal(colour, truth.colour)


def test_poses_stream_fast_with_honest_stamps(bench) -> None:
    """200 Hz or more by the stamps; each pose is the forward kinematics of the joints published with it."""
    _, received = bench
    poses = received[POSE]
    stamps = np.array([messages.to_nanoseconds(p.header.stamp) for p in poses])
    assert np.median(1e9 / np.diff(stamps)) >= 200.0
    assert {p.header.frame_id for p in poses} == {"base"}
    joints = {messages.to_nanoseconds(j.header.stamp): j for j in received["/franka/joint_states"]}
    pairs = [(p, joints[s]) for p, s in zip(poses, stamps, strict=True) if s in joints]
    assert pairs
    for pose, joint in pairs:
        truth = forward_kinematics(joint.position) @ FLANGE_FROM_HAND_EE
        assert messages.from_pose(pose.pose).is_close(truth, 1e-9)
        assert list(joint.name) == [f"fr3_joint{i}" for i in range(1, 8)]


def test_the_arm_moves_to_viewpoints_and_says_why_not(bench) -> None:
    """The action reaches a viewpoint; an unreachable pose and a foreign frame are explained."""
    client, _ = bench
    viewpoints = client.viewpoints
    result = client.move_camera(viewpoints.poses[2], viewpoints.header.frame_id)
    reached = messages.from_pose(result.reached.pose)
    metres, radians = reached.distance_to(messages.from_pose(viewpoints.poses[2]))
    assert metres < 1e-4
    assert radians < 2e-4
    far = messages.to_pose(messages.from_pose(viewpoints.poses[0]))
    far.position.x += 5.0
    with pytest.raises(ValueError, match="out of reach"):
        client.move_camera(far, viewpoints.header.frame_id)
    with pytest.raises(ValueError, match="'elsewhere'"):
        client.move_camera(viewpoints.poses[0], "elsewhere")
