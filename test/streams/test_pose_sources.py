# SPDX-License-Identifier: Apache-2.0
"""Pose sources without a graph: what they take from messages, and what they say when they cannot."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eschernet_ros.capture import NS_PER_S, PoseBuffer, PoseTooNew
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import forward_kinematics
from eschernet_ros.streams import CAPTURE_PARAMETERS as PARAMETERS
from eschernet_ros.streams import PoseSource, make_pose_source
from eschernet_ros.streams.pose_sources import JointStateSource, TfSource, TopicSource

NOW = 1_700_000_000 * NS_PER_S
MS = 1_000_000
Q = (0.1, -0.4, 0.2, -1.9, 0.3, 1.7, 0.6)


def header(frame: str, stamp_ns: int) -> Any:
    """Return a header: messages are known by their fields."""
    return SimpleNamespace(frame_id=frame, stamp=SimpleNamespace(sec=stamp_ns // NS_PER_S, nanosec=stamp_ns % NS_PER_S))


def xyz(values: Any) -> Any:
    """Return a point or a vector."""
    x, y, z = (float(value) for value in values)
    return SimpleNamespace(x=x, y=y, z=z)


def xyzw(pose: SE3) -> Any:
    """Return a quaternion."""
    x, y, z, w = (float(value) for value in pose.quaternion_xyzw)
    return SimpleNamespace(x=x, y=y, z=z, w=w)


def pose_stamped(pose: SE3, frame: str, stamp_ns: int) -> Any:
    """Return a PoseStamped."""
    made = SimpleNamespace(position=xyz(pose.translation), orientation=xyzw(pose))
    return SimpleNamespace(header=header(frame, stamp_ns), pose=made)


def deliver(source: PoseSource, message: Any, name: str = "") -> None:
    """Deliver a message to the input of that name, or to the only one."""
    found = next(i for i in source.inputs if not name or i.name == name)
    found.take(message, NOW)


def parameters(**changes: Any) -> dict[str, Any]:
    """Return the capture node's parameters with changes; a dot in a name is written as two underscores."""
    values = {parameter.name: parameter.default for parameter in PARAMETERS}
    return values | {name.replace("__", "."): value for name, value in changes.items()}


def joints(names: tuple[str, ...], positions: tuple[float, ...], stamp_ns: int = NOW) -> Any:
    """Return a JointState."""
    return SimpleNamespace(header=header("", stamp_ns), name=list(names), position=list(positions))


FR3 = tuple(f"fr3_joint{i}" for i in range(1, 8))


# --- topic ----------------------------------------------------------------------------------------------------------


def test_a_pose_topic_names_its_base_frame(caplog: pytest.LogCaptureFixture) -> None:
    """The frame id is read from the messages; a new one ends what was known in the old one."""
    poses = PoseBuffer()
    source = make_pose_source(parameters(), poses)
    assert isinstance(source, TopicSource) and (source.pose_of, source.base_frame) == ("ee", "")
    assert [i.topic for i in source.inputs] == ["/franka_robot_state_broadcaster/current_pose"]
    pose = SE3.from_rotvec([0.1, 0.2, 0.3], [0.4, 0.0, 0.5])
    deliver(source, pose_stamped(pose, "base", NOW))
    assert source.base_frame == "base" and poses.lookup(NOW, 0.1).pose.is_close(pose, 1e-12)
    deliver(source, pose_stamped(pose, "fr3_link0", NOW + MS))
    assert source.base_frame == "fr3_link0" and len(poses) == 1
    assert "pose frame changed from 'base' to 'fr3_link0'" in caplog.text
    unfilled = pose_stamped(pose, "fr3_link0", NOW + 2 * MS)
    unfilled.pose.orientation = SimpleNamespace(x=0.0, y=0.0, z=0.0, w=0.0)
    deliver(source, unfilled)
    assert source.counts["poses not used"] == 1
    assert "never filled in" in caplog.text


# --- joint states ---------------------------------------------------------------------------------------------------


def test_joint_states_are_matched_by_name() -> None:
    """Order does not matter, joints of a gripper are passed over, and the poses are the flange's."""
    poses = PoseBuffer()
    source = make_pose_source(parameters(pose_source="joint_states"), poses)
    assert (source.pose_of, source.base_frame) == ("flange", "fr3_link0")
    deliver(source, joints((*FR3[::-1], "fr3_finger_joint1"), (*Q[::-1], 0.02)))
    assert poses.lookup(NOW, 0.1).pose.is_close(forward_kinematics(Q), 1e-12)
    deliver(source, joints(("fr3_finger_joint1",), (0.02,), NOW + MS))
    assert len(poses) == 1 and source.counts["joint states of other joints"] == 1
    assert source.problems() == []
    assert source.clock.age_s == pytest.approx(0.0)


def test_missing_joints_are_named(caplog: pytest.LogCaptureFixture) -> None:
    poses = PoseBuffer()
    source = make_pose_source(parameters(pose_source="joint_states"), poses)
    deliver(source, joints(("panda_joint1", "panda_joint2"), (0.0, 0.0)))
    (problem,) = source.problems()
    assert "no joint 'fr3_joint1'; they have panda_joint1, panda_joint2: set joint_states.prefix" in problem
    deliver(source, joints(FR3[:6], Q[:6]))
    assert "pose not used: the joint states have no joint 'fr3_joint7'; they have fr3_joint1" in caplog.text
    deliver(source, joints(FR3, Q[:6]))
    assert "it has 7 names but 6 positions" in caplog.text
    assert (source.counts["poses not used"], source.counts["joint states not used"], len(poses)) == (1, 1, 0)


URDF = """<robot name='two'><link name='world'/><link name='arm'/><link name='tool'/>
<joint name='turn' type='revolute'><parent link='world'/><child link='arm'/><axis xyz='0 0 1'/></joint>
<joint name='reach' type='prismatic'><parent link='arm'/><child link='tool'/><axis xyz='1 0 0'/></joint></robot>"""


def test_any_urdf_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "two.urdf"
    file.write_text(URDF)
    p = parameters(pose_source="joint_states", joint_states__urdf_file=str(file), joint_states__tip_link="tool")
    poses = PoseBuffer()
    source = make_pose_source(p, poses)
    assert (source.pose_of, source.base_frame) == ("ee", "world")
    deliver(source, joints(("reach", "turn"), (0.5, np.pi / 2)))
    np.testing.assert_allclose(poses.lookup(NOW, 0.1).pose.translation, [0.0, 0.5, 0.0], atol=1e-12)


def test_a_urdf_from_a_topic() -> None:
    """Until it comes the joint states wait for it; a bad one is named, and the next may be good."""
    p = parameters(pose_source="joint_states", joint_states__urdf_topic="/description", joint_states__tip_link="tool")
    poses = PoseBuffer()
    source = make_pose_source({**p, "pose_of": "flange"}, poses)
    assert isinstance(source, JointStateSource)
    deliver(source, joints(("reach", "turn"), (0.5, 0.0)))
    assert source.counts["joint states before the robot description"] == 1
    description = source.inputs[-1]
    assert (description.topic, description.latched, description.needed) == ("/description", True, True)
    deliver(source, SimpleNamespace(data="<sdf/>"), "robot description")
    assert "robot description on /description not used: " in source.problems()[0]
    deliver(source, SimpleNamespace(data=URDF), "robot description")
    deliver(source, joints(("reach", "turn"), (0.5, 0.0)))
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
        make_pose_source(parameters(pose_source="joint_states", **changes), PoseBuffer())


# --- TF -------------------------------------------------------------------------------------------------------------


def transform(parent: str, child: str, pose: SE3, stamp_ns: int) -> Any:
    """Return a TransformStamped."""
    made = SimpleNamespace(translation=xyz(pose.translation), rotation=xyzw(pose))
    return SimpleNamespace(header=header(parent, stamp_ns), child_frame_id=child, transform=made)


def send(source: PoseSource, *transforms: Any, name: str = "tf") -> None:
    """Deliver a TFMessage."""
    deliver(source, SimpleNamespace(transforms=list(transforms)), name)


def test_tf_gives_a_sample_for_every_stamp_of_the_whole_chain(caplog: pytest.LogCaptureFixture) -> None:
    """What is newer than the chain is not used, nothing is stored twice, and a later time is waited for."""
    poses = PoseBuffer()
    source = TfSource(poses, "base", "tool", "ee")
    assert "TF does not place 'tool' in 'base': no transform has come yet" in source.problems()
    elbow, tool = SE3.from_rotvec([0, 0, 0.3], [0.2, 0, 0.1]), SE3.from_rotvec([0, 0.1, 0], [0, 0.3, 0])
    send(source, transform("base", "elbow", elbow, NOW))
    (problem,) = source.problems()
    assert "in 'base': no transform names the frame 'tool'; there are: base, elbow" in problem
    send(source, transform("/elbow", "/tool", tool, 0), name="tf_static")  # names as in ROS 1
    assert source.problems() == [] and len(poses) == 1
    assert poses.lookup(NOW, 0.1).pose.is_close(elbow @ tool, 1e-12)
    send(source, transform("somewhere", "else", elbow, NOW + MS))
    assert len(poses) == 1
    moved = SE3.from_rotvec([0, 0, 0.4], [0.2, 0, 0.1])
    send(source, transform("base", "elbow", moved, NOW + 10 * MS))
    assert poses.lookup(NOW + 10 * MS, 0.1).pose.is_close(moved @ tool, 1e-12)
    assert poses.lookup(NOW + 5 * MS, 0.1).gap_ns == 10 * MS
    with pytest.raises(PoseTooNew):
        poses.lookup(NOW + 11 * MS, 0.1)
    send(source, transform("base", "elbow", elbow, NOW - 60 * NS_PER_S))  # a bag played again
    assert poses.statistics().newest_ns == NOW - 60 * NS_PER_S
    assert "time jumped back" in caplog.text


def test_stamps_of_frames_beside_the_chain_do_not_matter(caplog: pytest.LogCaptureFixture) -> None:
    """A detection that comes late, or a fixed frame that is sent on /tf with stamp zero: the arm's history stays."""
    poses = PoseBuffer()
    source = TfSource(poses, "base", "tool", "ee")
    send(source, transform("elbow", "tool", SE3.identity(), NOW))
    for step in range(3):
        send(
            source,
            transform("base", "elbow", SE3.identity(), NOW + step * MS),
            transform("elbow", "tool", SE3.identity(), NOW + step * MS),
            transform("camera", "tag", SE3.identity(), NOW - 3 * NS_PER_S + step * MS),
            transform("base", "table", SE3.identity(), 0),
        )
    assert len(poses) == 3 and source.problems() == []
    assert "jumped back" not in caplog.text


def test_after_a_jump_of_time_the_whole_chain_is_awaited() -> None:
    """Poses of the second pass are made of transforms of the second pass only."""
    poses = PoseBuffer()
    source = TfSource(poses, "base", "tool", "ee")
    turned = SE3.from_rotvec([0, 0, 1.0], [0, 0, 0])
    send(source, transform("base", "elbow", turned, NOW), transform("elbow", "tool", turned, NOW))
    send(source, transform("base", "elbow", SE3.identity(), NOW - 60 * NS_PER_S))
    assert poses.statistics().newest_ns == NOW
    assert "'tool' in 'elbow' has no common time with the others" in source.problems()[0]
    send(source, transform("elbow", "tool", SE3.identity(), NOW - 60 * NS_PER_S))
    assert len(poses) == 1 and poses.lookup(NOW - 60 * NS_PER_S, 0.1).pose.is_close(SE3.identity(), 1e-12)


def test_a_chain_that_cannot_move_is_named() -> None:
    poses = PoseBuffer()
    source = TfSource(poses, "base", "tool", "ee")
    send(source, transform("base", "tool", SE3.identity(), 0), name="tf_static")
    assert "every transform between them is static: nothing moves" in source.problems()[0]
    assert len(poses) == 0


def test_a_transform_that_is_none_is_counted() -> None:
    source = TfSource(PoseBuffer(), "base", "tool", "ee")
    bad = transform("base", "tool", SE3.identity(), NOW)
    bad.transform.rotation.w = 0.0
    send(source, bad)
    assert source.counts["transforms not used"] == 1


def test_tf_needs_both_frames() -> None:
    with pytest.raises(EscherNetError, match=r"needs both tf.base_frame and tf.frame; one is empty"):
        make_pose_source(parameters(pose_source="tf", tf__frame=""), PoseBuffer())
