# SPDX-License-Identifier: Apache-2.0
"""TF, with the real tf2: the tree of the bench, and targets of a synthesis in frames that only TF knows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from eschernet_ros.msg import PosedView
from geometry_msgs.msg import PoseArray, PoseStamped, TransformStamped, Vector3
from made_views import OBJECT, camera_pose, made_view
from rclpy.qos import QoSProfile
from rclpy.time import Time as RosTime

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.demo.run import capture_parameters
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph
from eschernet_ros.simulation import BenchConfig

tf2_ros = pytest.importorskip("tf2_ros")
TFMessage = pytest.importorskip("tf2_msgs.msg").TFMessage

BASE, EE, OPTICAL = "base", "fr3_hand_tcp", "camera_color_optical_frame"
BASE_FROM_SHELF = SE3.from_rotvec([0.3, -0.2, 1.0], [0.4, -0.3, 0.2])
TARGET = camera_pose(40.0)


def stamped(parent: str, child: str, parent_from_child: SE3, stamp: Time) -> TransformStamped:
    """Return a transform message."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = stamp
    x, y, z = (float(value) for value in parent_from_child.translation)
    message.transform.translation = Vector3(x=x, y=y, z=z)
    message.transform.rotation = messages.to_pose(parent_from_child).orientation
    return message


def transform_of(message: TransformStamped) -> SE3:
    """Return the rigid transform of a message."""
    t, r = message.transform.translation, message.transform.rotation
    return SE3.from_quaternion_xyzw([r.x, r.y, r.z, r.w], [t.x, t.y, t.z])


# --- the bench ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moving_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Return a TF buffer, all transforms and all poses of a bench whose arm was moving."""
    with Graph(tmp_path_factory.mktemp("tf")) as graph:
        graph.start_node("eschernet_ros.nodes.bench", {"viewpoints": 4})
        with GraphClient(graph) as client:
            transforms: list[TransformStamped] = []
            poses: dict[int, PoseStamped] = {}

            def on_tf(message: Any) -> None:
                transforms.extend(message.transforms)

            def on_pose(message: PoseStamped) -> None:
                poses[messages.to_nanoseconds(message.header.stamp)] = message

            node = client.node
            buffer = tf2_ros.Buffer(node=node)
            listener = tf2_ros.TransformListener(buffer, node)
            node.create_subscription(TFMessage, "/tf", on_tf, QoSProfile(depth=100))
            node.create_subscription(TFMessage, "/tf_static", on_tf, qos.LATCHED)
            node.create_subscription(
                PoseStamped, "/franka_robot_state_broadcaster/current_pose", on_pose, qos.POSE_STREAM
            )
            client.wait(lambda: client.viewpoints is not None, 60.0, "the bench's start")
            client.wait(client._move.server_is_ready, 60.0, "the bench's action")
            client.wait(lambda: buffer.can_transform(BASE, OPTICAL, RosTime()), 20.0, "the TF tree")
            client.wait(lambda: bool(poses), 20.0, "the pose stream")
            assert client.viewpoints is not None
            client.move_camera(client.viewpoints.poses[1], BASE)
            yield {"buffer": buffer, "transforms": list(transforms), "poses": dict(poses)}
            listener.unregister()


def test_tf_agrees_with_the_pose_stream(moving_bench: dict[str, Any]) -> None:
    """At every stamp of /tf the optical frame is where current_pose and the hand-eye transform put it."""
    hand_eye = BenchConfig().ee_from_camera_optical
    stamps = {
        messages.to_nanoseconds(t.header.stamp) for t in moving_bench["transforms"] if t.child_frame_id == "fr3_link1"
    }
    common = sorted(stamps & set(moving_bench["poses"]))
    assert len(common) > 10
    centres = []
    for stamp_ns in common:
        stamp = RosTime(nanoseconds=stamp_ns)
        by_tf = transform_of(moving_bench["buffer"].lookup_transform(BASE, OPTICAL, stamp))
        by_pose = messages.from_pose(moving_bench["poses"][stamp_ns].pose) @ hand_eye
        assert by_tf.is_close(by_pose, 1e-9)
        centres.append(by_tf.translation)
    assert np.ptp(centres, axis=0).max() > 0.05  # the arm did move


def test_every_frame_has_one_parent(moving_bench: dict[str, Any]) -> None:
    """One tree: its root is the frame of current_pose, and the hand-eye transform attaches to camera_link."""
    parents: dict[str, set[str]] = defaultdict(set)
    for transform in moving_bench["transforms"]:
        parents[transform.child_frame_id].add(transform.header.frame_id)
    assert {child: names for child, names in parents.items() if len(names) > 1} == {}
    frames = set(parents) | set.union(*parents.values())
    assert frames - set(parents) == {BASE}
    assert {pose.header.frame_id for pose in moving_bench["poses"].values()} == {BASE}
    assert parents["camera_link"] == {EE}
    assert parents["camera_color_frame"] == {"camera_link"}
    assert parents[OPTICAL] == {"camera_color_frame"}


def test_camera_link_carries_the_hand_eye_transform(moving_bench: dict[str, Any]) -> None:
    """What easy_handeye2 publishes (EE to camera_link) times what the driver publishes is the hand-eye transform."""

    def lookup(parent: str, child: str) -> SE3:
        return transform_of(moving_bench["buffer"].lookup_transform(parent, child, RosTime()))

    composed = lookup(EE, "camera_link") @ lookup("camera_link", OPTICAL)
    assert composed.is_close(BenchConfig().ee_from_camera_optical, 1e-9)
    # REP 103: the body frame looks along x, the optical frame along z
    np.testing.assert_allclose(lookup("camera_color_frame", OPTICAL).matrix[:3, 2], [1.0, 0.0, 0.0], atol=1e-12)


# --- the synthesis --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphClient]:
    """Return a client of a synthesis node with three references."""
    with Graph(tmp_path_factory.mktemp("synthesis")) as graph:
        node = graph.start_node(
            "eschernet_ros.nodes.synthesis", {"fill_to": 0, "threads": 1, "tf_timeout_s": 0.4, "device": "cpu"}
        )
        with GraphClient(graph) as client:
            publisher = client.node.create_publisher(PosedView, "capture/posed_view", qos.VIEWS)
            for index in range(3):
                publisher.publish(made_view(index, 120.0 * index))
            client.wait(client._synthesize.server_is_ready, 120.0, "the start of the synthesis")
            client.wait(lambda: "3 are kept" in node.log.read_text(), 30.0, "the references")
            yield client


@pytest.fixture
def broadcast(synthesis: GraphClient) -> Iterator[Callable[[Any, Any], None]]:
    """Return a function that sends transforms through a broadcaster, once the node listens."""
    made = []

    def send(kind: Any, transforms: Any) -> None:
        broadcaster = kind(synthesis.node)
        made.append(broadcaster)
        publisher = broadcaster.pub_tf
        synthesis.wait(lambda: publisher.get_subscription_count() > 0, 20.0, "the node's subscription to TF")
        broadcaster.sendTransform(transforms)

    yield send
    for broadcaster in made:
        synthesis.between_callbacks(synthesis.node.destroy_publisher, broadcaster.pub_tf)


def ask(client: GraphClient, pose: SE3, frame_id: str, stamp: Time | None = None) -> SE3:
    """Ask for one view from ``pose`` and return its pose in the object frame."""
    targets = PoseArray(poses=[messages.to_pose(pose)])
    targets.header.frame_id = frame_id
    targets.header.stamp = stamp or Time()
    result = client.synthesize(targets, [], steps=1)
    assert result.poses.header.frame_id == "object"
    return messages.from_pose(result.poses.poses[0])


def now(client: GraphClient, seconds: float = 0.0) -> Time:
    """Return the time now, and some seconds."""
    return messages.to_time(client.node.get_clock().now().nanoseconds + round(seconds * 1e9))


def test_a_target_in_a_tf_frame(synthesis: GraphClient, broadcast: Callable[[Any, Any], None]) -> None:
    """The same viewpoint, named in the base frame and in a frame that only TF knows, is the same view."""
    broadcast(tf2_ros.StaticTransformBroadcaster, stamped(BASE, "shelf", BASE_FROM_SHELF, now(synthesis)))
    in_base = ask(synthesis, TARGET, BASE)
    in_shelf = ask(synthesis, BASE_FROM_SHELF.inverse() @ TARGET, "shelf")
    assert in_shelf.is_close(in_base, 1e-9)
    assert in_base.is_close(OBJECT.base_from_object.inverse() @ TARGET, 1e-9)


def test_an_unknown_frame_is_refused(synthesis: GraphClient) -> None:
    """The sentence names the frame, the time waited, and the frames that need no TF."""
    with pytest.raises(EscherNetError, match=r"frame 'nowhere' in 'base' within 0\.4 s: .*nowhere") as error:
        ask(synthesis, TARGET, "nowhere")
    assert "Known without TF are 'object', 'base', 'camera_color_optical_frame'" in str(error.value)


@pytest.mark.parametrize(("frame_id", "reason"), [("", "empty"), ("/base", "cannot start with a '/'")])
def test_an_impossible_frame_id_is_refused(synthesis: GraphClient, frame_id: str, reason: str) -> None:
    """A header that was never filled in, and a name as in ROS 1."""
    with pytest.raises(EscherNetError, match=f"frame '{frame_id}' in 'base' within .*{reason}"):
        ask(synthesis, TARGET, frame_id)


def test_a_frame_of_another_tree_is_refused(synthesis: GraphClient, broadcast: Callable[[Any, Any], None]) -> None:
    """A frame that is known, but not connected to the base."""
    broadcast(tf2_ros.StaticTransformBroadcaster, stamped("elsewhere", "island", BASE_FROM_SHELF, now(synthesis)))
    with pytest.raises(EscherNetError, match=r"frame 'island' in 'base' within 0\.4 s: .*not part of the same tree"):
        ask(synthesis, TARGET, "island")


def test_a_stamp_in_the_future_is_refused(synthesis: GraphClient, broadcast: Callable[[Any, Any], None]) -> None:
    """The newest transform is not passed off as one of the future; asked for by stamp zero, it is used."""
    turned = SE3.from_rotvec([0.0, 0.0, math.radians(30.0)], [0.0, 0.1, 0.0])
    earlier, stamp = now(synthesis, -0.5), now(synthesis)
    broadcast(tf2_ros.TransformBroadcaster, [stamped(BASE, "tool", turned, time) for time in (earlier, stamp)])
    in_tool, wanted = turned.inverse() @ TARGET, OBJECT.base_from_object.inverse() @ TARGET
    assert ask(synthesis, in_tool, "tool", stamp).is_close(wanted, 1e-9)
    assert ask(synthesis, in_tool, "tool").is_close(wanted, 1e-9)
    with pytest.raises(EscherNetError, match=r"frame 'tool' in 'base' within 0\.4 s: .*extrapolation into the future"):
        ask(synthesis, in_tool, "tool", now(synthesis, 30.0))
    with pytest.raises(EscherNetError, match=r"frame 'tool' in 'base' within 0\.4 s: .*extrapolation into the past"):
        ask(synthesis, in_tool, "tool", now(synthesis, -30.0))


# --- the capture ----------------------------------------------------------------------------------------------------


def test_the_capture_takes_its_poses_from_tf(tmp_path_factory: pytest.TempPathFactory) -> None:
    """At the stamp of a frame, between the transforms around it: the view is at the bench's viewpoint."""
    with Graph(tmp_path_factory.mktemp("capture_tf")) as graph:
        graph.start_node("eschernet_ros.nodes.bench", {"viewpoints": 2, "fps": 6})
        options = {"pose_source": "tf", "tf.base_frame": BASE, "tf.frame": EE, "view_timeout_s": 20.0}
        graph.start_node("eschernet_ros.nodes.capture", {**capture_parameters(), **options})
        with GraphClient(graph) as client:
            client.wait(lambda: client.viewpoints is not None, 60.0, "the bench's start")
            client.wait(client._take_view.service_is_ready, 60.0, "the capture's start")
            assert client.viewpoints is not None
            client.move_camera(client.viewpoints.poses[0], BASE)
            rested_ns = client.node.get_clock().now().nanoseconds
            for _ in range(10):
                message = client.take_view()
                if messages.to_nanoseconds(message.header.stamp) > rested_ns:
                    break
    view = messages.from_posed_view(message)
    metres, radians = messages.from_pose(client.viewpoints.poses[0]).distance_to(view.base_from_camera_optical)
    assert metres < 2e-4 and radians < 1e-3
    assert (message.base_frame, message.pose_of) == (BASE, "ee")
    assert 0.02 < view.pose_sample.gap_ns / 1e9 < 0.1 or view.pose_sample.gap_ns == 0  # TF comes at 30 Hz
