# SPDX-License-Identifier: Apache-2.0
"""Pose sources without a graph: what they take from messages, and what they say when they cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped, Vector3
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from eschernet_ros.capture import NS_PER_S, PoseBuffer, PoseTooNew
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import forward_kinematics
from eschernet_ros.nodes import messages, pose_sources
from eschernet_ros.nodes.capture_parameters import PARAMETERS
from eschernet_ros.nodes.pose_sources import JointStateSource, TfSource, TopicSource, make_pose_source

NOW = 1_700_000_000 * NS_PER_S
MS = 1_000_000
Q = (0.1, -0.4, 0.2, -1.9, 0.3, 1.7, 0.6)


class Node:
    """What a source needs of a node: a clock and a logger."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def get_clock(self) -> Any:
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=NOW))

    def get_logger(self) -> Any:
        def say(sentence: str, **_: Any) -> None:
            self.said.append(sentence)

        return SimpleNamespace(info=say, warning=say, error=say)


class Subscription:
    """Stands in for a MonitoredSubscription: the test delivers its messages."""

    made: dict[str, Subscription]

    def __init__(self, _node: Any, _kind: Any, topic: str, callback: Callable[[Any], None], _profile: Any) -> None:
        self.topic, self.deliver, self.remedy = topic, callback, ""
        Subscription.made[topic] = self

    def age_s(self) -> float | None:
        return 0.0

    def explain(self) -> str:
        return f"{self.topic} has no publisher ({self.remedy})"


@pytest.fixture(autouse=True)
def subscriptions(monkeypatch: pytest.MonkeyPatch) -> dict[str, Subscription]:
    """Return the subscriptions made, by topic."""
    monkeypatch.setattr(pose_sources, "MonitoredSubscription", Subscription)
    Subscription.made = {}
    return Subscription.made


def parameters(**changes: Any) -> dict[str, Any]:
    """Return the capture node's parameters with changes; a dot in a name is written as two underscores."""
    values = {parameter.name: parameter.default for parameter in PARAMETERS}
    return values | {name.replace("__", "."): value for name, value in changes.items()}


def joints(names: tuple[str, ...], positions: tuple[float, ...], stamp_ns: int = NOW) -> JointState:
    """Return a joint state."""
    message = JointState(name=list(names), position=list(positions))
    message.header.stamp = messages.to_time(stamp_ns)
    return message


FR3 = tuple(f"fr3_joint{i}" for i in range(1, 8))


# --- topic ----------------------------------------------------------------------------------------------------------


def test_a_pose_topic_names_its_base_frame(subscriptions: dict[str, Subscription]) -> None:
    """The frame id is read from the messages; a new one ends what was known in the old one."""
    node, poses = Node(), PoseBuffer()
    source = make_pose_source(node, parameters(), poses)  # type: ignore[arg-type]
    assert isinstance(source, TopicSource) and (source.pose_of, source.base_frame) == ("ee", "")
    pose = SE3.from_rotvec([0.1, 0.2, 0.3], [0.4, 0.0, 0.5])
    deliver = subscriptions["/franka_robot_state_broadcaster/current_pose"].deliver
    deliver(messages.to_pose_stamped(pose, "base", messages.to_time(NOW)))
    assert source.base_frame == "base" and poses.lookup(NOW, 0.1).pose.is_close(pose, 1e-12)
    deliver(messages.to_pose_stamped(pose, "fr3_link0", messages.to_time(NOW + MS)))
    assert source.base_frame == "fr3_link0" and len(poses) == 1
    assert any("pose frame changed from 'base' to 'fr3_link0'" in sentence for sentence in node.said)
    unfilled = messages.to_pose_stamped(pose, "fr3_link0", messages.to_time(NOW + 2 * MS))
    unfilled.pose.orientation.x = unfilled.pose.orientation.y = unfilled.pose.orientation.z = 0.0
    unfilled.pose.orientation.w = 0.0
    deliver(unfilled)
    assert source.counts["poses not used"] == 1
    assert any("never filled in" in sentence for sentence in node.said)


# --- joint states ---------------------------------------------------------------------------------------------------


def test_joint_states_are_matched_by_name(subscriptions: dict[str, Subscription]) -> None:
    """Order does not matter, joints of a gripper are passed over, and the poses are the flange's."""
    poses = PoseBuffer()
    source = make_pose_source(Node(), parameters(pose_source="joint_states"), poses)  # type: ignore[arg-type]
    assert (source.pose_of, source.base_frame) == ("flange", "fr3_link0")
    deliver = subscriptions["/franka/joint_states"].deliver
    deliver(joints((*FR3[::-1], "fr3_finger_joint1"), (*Q[::-1], 0.02)))
    assert poses.lookup(NOW, 0.1).pose.is_close(forward_kinematics(Q), 1e-12)
    deliver(joints(("fr3_finger_joint1",), (0.02,), NOW + MS))
    assert len(poses) == 1 and source.counts["joint states of other joints"] == 1
    assert source.problems() == []
    assert source.clock.age_s == pytest.approx(0.0)


def test_missing_joints_are_named(subscriptions: dict[str, Subscription]) -> None:
    node, poses = Node(), PoseBuffer()
    source = make_pose_source(node, parameters(pose_source="joint_states"), poses)  # type: ignore[arg-type]
    deliver = subscriptions["/franka/joint_states"].deliver
    deliver(joints(("panda_joint1", "panda_joint2"), (0.0, 0.0)))
    (problem,) = source.problems()
    assert "no joint 'fr3_joint1'; they have panda_joint1, panda_joint2: set joint_states.prefix" in problem
    deliver(joints(FR3[:6], Q[:6]))
    assert "pose not used: the joint states have no joint 'fr3_joint7'; they have fr3_joint1" in node.said[-1]
    deliver(joints(FR3, Q[:6]))
    assert "it has 7 names but 6 positions" in node.said[-1]
    assert (source.counts["poses not used"], source.counts["joint states not used"], len(poses)) == (1, 1, 0)


URDF = """<robot name='two'><link name='world'/><link name='arm'/><link name='tool'/>
<joint name='turn' type='revolute'><parent link='world'/><child link='arm'/><axis xyz='0 0 1'/></joint>
<joint name='reach' type='prismatic'><parent link='arm'/><child link='tool'/><axis xyz='1 0 0'/></joint></robot>"""


def test_any_urdf_from_a_file(subscriptions: dict[str, Subscription], tmp_path: Path) -> None:
    file = tmp_path / "two.urdf"
    file.write_text(URDF)
    p = parameters(pose_source="joint_states", joint_states__urdf_file=str(file), joint_states__tip_link="tool")
    poses = PoseBuffer()
    source = make_pose_source(Node(), p, poses)  # type: ignore[arg-type]
    assert (source.pose_of, source.base_frame) == ("ee", "world")
    subscriptions["/franka/joint_states"].deliver(joints(("reach", "turn"), (0.5, np.pi / 2)))
    np.testing.assert_allclose(poses.lookup(NOW, 0.1).pose.translation, [0.0, 0.5, 0.0], atol=1e-12)


def test_a_urdf_from_a_topic(subscriptions: dict[str, Subscription]) -> None:
    """Until it comes the joint states wait for it; a bad one is named, and the next may be good."""
    p = parameters(pose_source="joint_states", joint_states__urdf_topic="/description", joint_states__tip_link="tool")
    node, poses = Node(), PoseBuffer()
    source = make_pose_source(node, {**p, "pose_of": "flange"}, poses)  # type: ignore[arg-type]
    assert isinstance(source, JointStateSource)
    deliver = subscriptions["/franka/joint_states"].deliver
    deliver(joints(("reach", "turn"), (0.5, 0.0)))
    assert source.counts["joint states before the robot description"] == 1
    assert source.problems() == ["/description has no publisher (is robot_state_publisher running?)"]
    subscriptions["/description"].deliver(String(data="<sdf/>"))
    assert "robot description on /description not used: " in source.problems()[0]
    subscriptions["/description"].deliver(String(data=URDF))
    deliver(joints(("reach", "turn"), (0.5, 0.0)))
    assert source.problems() == [] and len(poses) == 1
    assert (source.base_frame, source.pose_of) == ("world", "flange")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"joint_states__urdf_file": "a", "joint_states__urdf_topic": "/b"}, "not both"),
        ({"joint_states__urdf_file": "/nowhere/a.urdf"}, "a URDF needs joint_states.tip_link"),
        (
            {"joint_states__urdf_file": "/nowhere/a.urdf", "joint_states__tip_link": "tool"},
            "joint_states.urdf_file cannot be read: .*nowhere",
        ),
        ({"pose_of": "ee"}, "without a URDF the joint states give the pose of the flange"),
        ({"joint_states__tip_link": "tool"}, "without a URDF the joint states give the pose of the flange"),
    ],
)
def test_parameters_that_do_not_fit_are_named(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        make_pose_source(Node(), parameters(pose_source="joint_states", **changes), PoseBuffer())  # type: ignore[arg-type]


# --- TF -------------------------------------------------------------------------------------------------------------


class UnknownError(Exception):
    """Stands in for tf2's exceptions."""


class Transforms:
    """A tf2 buffer in small: a chain of frames, the newest stamp at which all of it is known."""

    def __init__(self, chain: tuple[str, ...]) -> None:
        self.chain = chain
        self.known: dict[str, TransformStamped] = {}
        self.static: set[str] = set()

    def set_transform(self, transform: TransformStamped, _authority: str) -> None:
        self.known[transform.child_frame_id] = transform

    def set_transform_static(self, transform: TransformStamped, _authority: str) -> None:
        self.static.add(transform.child_frame_id)
        self.known[transform.child_frame_id] = transform

    def clear(self) -> None:
        self.known = {child: t for child, t in self.known.items() if child in self.static}

    def lookup_transform(self, target: str, source: str, _time: Any) -> TransformStamped:
        if (target, source) != (self.chain[0], self.chain[-1]) or not set(self.chain[1:]) <= set(self.known):
            raise UnknownError(f'"{source}" passed to lookupTransform does not exist')
        pose, stamps = SE3.identity(), []
        for child in self.chain[1:]:
            pose = pose @ messages.from_transform(self.known[child].transform)
            if child not in self.static:
                stamps.append(messages.to_nanoseconds(self.known[child].header.stamp))
        return transform(target, source, pose, min(stamps, default=0))


def transform(parent: str, child: str, pose: SE3, stamp_ns: int) -> TransformStamped:
    """Return a transform message."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp = parent, messages.to_time(stamp_ns)
    x, y, z = (float(value) for value in pose.translation)
    message.transform.translation = Vector3(x=x, y=y, z=z)
    message.transform.rotation = messages.to_pose(pose).orientation
    return message


def test_tf_gives_a_sample_for_every_stamp_of_the_whole_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is newer than the chain is not used, nothing is stored twice, and a later time is waited for."""
    monkeypatch.setattr(pose_sources, "TF_ERRORS", (UnknownError,))
    poses, node = PoseBuffer(), Node()
    source = TfSource(node, poses, "base", "tool", "ee", Transforms(("base", "elbow", "tool")))  # type: ignore[arg-type]

    def send(*transforms: TransformStamped, static: bool = False) -> None:
        source.on_transforms(SimpleNamespace(transforms=list(transforms)), static)

    assert "TF does not place 'tool' in 'base': no transform has come yet" in source.problems()
    elbow, tool = SE3.from_rotvec([0, 0, 0.3], [0.2, 0, 0.1]), SE3.from_rotvec([0, 0.1, 0], [0, 0.3, 0])
    send(transform("base", "elbow", elbow, NOW))
    assert "place 'tool' in 'base': \"tool\" passed to lookupTransform does not exist" in source.problems()[0]
    send(transform("elbow", "tool", tool, 0), static=True)
    assert source.problems() == [] and len(poses) == 1
    assert poses.lookup(NOW, 0.1).pose.is_close(elbow @ tool, 1e-12)
    send(transform("somewhere", "else", elbow, NOW + MS))
    assert len(poses) == 1
    moved = SE3.from_rotvec([0, 0, 0.4], [0.2, 0, 0.1])
    send(transform("base", "elbow", moved, NOW + 10 * MS))
    assert poses.lookup(NOW + 10 * MS, 0.1).pose.is_close(moved @ tool, 1e-12)
    assert poses.lookup(NOW + 5 * MS, 0.1).gap_ns == 10 * MS
    with pytest.raises(PoseTooNew):
        poses.lookup(NOW + 11 * MS, 0.1)
    send(transform("base", "elbow", elbow, NOW - 60 * NS_PER_S))  # a bag played again
    assert poses.statistics().newest_ns == NOW - 60 * NS_PER_S
    assert any("time jumped back" in sentence for sentence in node.said)


def test_a_chain_that_cannot_move_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_sources, "TF_ERRORS", (UnknownError,))
    poses = PoseBuffer()
    source = TfSource(Node(), poses, "base", "tool", "ee", Transforms(("base", "tool")))  # type: ignore[arg-type]
    fixed = transform("base", "tool", SE3.identity(), 0)
    source.on_transforms(SimpleNamespace(transforms=[fixed]), static=True)
    assert "every transform between them is static: nothing moves" in source.problems()[0]
    assert len(poses) == 0


def test_tf_needs_both_frames_and_tf2(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EscherNetError, match=r"needs both tf.base_frame and tf.frame; one is empty"):
        make_pose_source(Node(), parameters(pose_source="tf", tf__frame=""), PoseBuffer())  # type: ignore[arg-type]
    monkeypatch.setattr(pose_sources, "_WITHOUT_TF", "No module named 'tf2_msgs'")
    with pytest.raises(EscherNetError, match=r"needs tf2_ros, which is not installed here .No module named 'tf2_msgs'"):
        make_pose_source(Node(), parameters(pose_source="tf"), PoseBuffer())  # type: ignore[arg-type]
