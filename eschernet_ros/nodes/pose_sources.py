# SPDX-License-Identifier: Apache-2.0
"""Where the arm's pose comes from: a PoseStamped topic, TF, or joint states and forward kinematics.

Every source fills one pose buffer with stamped samples of ``base_from_frame``; a pose is then interpolated at a
frame's mid-exposure, or waited for, or refused, in the same way whatever the source. Nothing here commands motion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.time import Time as RosTime
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from eschernet_ros.capture import PoseBuffer, StampClock
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import JOINTS, UrdfChain, forward_kinematics, joint_position
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription

SOURCES = ("topic", "tf", "joint_states")
JUMP_BACK_NS = 1_000_000_000

TF_ERRORS: tuple[type[Exception], ...] = ()
_WITHOUT_TF = ""
try:
    from tf2_msgs.msg import TFMessage
    from tf2_ros import Buffer, TransformException

    TF_ERRORS = (TransformException,)
except ImportError as error:  # not on PyPI; a workstation has it
    _WITHOUT_TF = str(error)


class PoseSource:
    """What all sources have in common.

    Args:
        node: owner of the subscriptions.
        poses: is filled.

    Attributes:
        base_frame: frame id of the poses; empty while it is not known.
        pose_of: ``ee`` or ``flange``: what the poses are poses of.
        monitors: subscriptions that must not be silent, by name.
        clock: compares the stamps with the node's clock.
        counts: what was not used.
    """

    def __init__(self, node: Node, poses: PoseBuffer, pose_of: str) -> None:
        self.base_frame = ""
        self.pose_of = pose_of
        self.monitors: dict[str, MonitoredSubscription] = {}
        self.clock = StampClock("pose")
        self.counts: Counter[str] = Counter()
        self._node = node
        self._poses = poses

    def problems(self) -> list[str]:
        """Say why there are no poses, or none lately: one clause each; empty when they arrive."""
        return [m.explain() for m in self.monitors.values() if (age := m.age_s()) is None or age > 1.0]

    def _add(self, stamp_ns: int, base_from_frame: Callable[[], SE3]) -> bool:
        """Store a sample; what cannot be used is counted and said."""
        self.clock.observe(stamp_ns, self._node.get_clock().now().nanoseconds)
        try:
            self._poses.add(stamp_ns, base_from_frame())
        except EscherNetError as error:
            self._refuse("poses not used", f"pose not used: {error}")
            return False
        return True

    def _refuse(self, counter: str, sentence: str) -> None:
        self.counts[counter] += 1
        self._node.get_logger().warning(sentence, throttle_duration_sec=5.0)


class TopicSource(PoseSource):
    """PoseStamped as franka_ros2 publishes it; its frame id, read at run time, is the base frame."""

    def __init__(self, node: Node, poses: PoseBuffer, topic: str, pose_of: str) -> None:
        super().__init__(node, poses, pose_of)
        monitor = MonitoredSubscription(node, PoseStamped, topic, self._on_pose, qos.POSE_STREAM)
        monitor.remedy = "is the robot's state broadcaster running? it is not with fake hardware"
        self.monitors["pose"] = monitor

    def _on_pose(self, message: PoseStamped) -> None:
        if message.header.frame_id != self.base_frame:
            if self.base_frame:
                self._node.get_logger().warning(
                    f"pose frame changed from '{self.base_frame}' to '{message.header.frame_id}': "
                    "the poses kept are dropped"
                )
                self._poses.clear()
            self.base_frame = message.header.frame_id
        self._add(messages.to_nanoseconds(message.header.stamp), partial(messages.from_pose, message.pose))


class TfSource(PoseSource):
    """TF: at every stamp at which the whole chain from base to frame is known, its pose is a sample.

    The newest transform is stored under its own stamp and never stands in for a later time.

    Args:
        node: owner of the subscriptions.
        poses: is filled.
        base_frame, frame: frame ids.
        pose_of: what ``frame`` is.
        buffer: a tf2 buffer; made here by default.

    Raises:
        EscherNetError: tf2_ros is not installed, or a frame id is empty.
    """

    def __init__(
        self, node: Node, poses: PoseBuffer, base_frame: str, frame: str, pose_of: str, buffer: Any = None
    ) -> None:
        super().__init__(node, poses, pose_of)
        if not base_frame or not frame:
            raise EscherNetError("pose_source 'tf' needs both tf.base_frame and tf.frame; one is empty")
        self.base_frame = base_frame
        self._frame = frame
        self._newest_ns = -1
        self._reason = "no transform has come yet"
        if buffer is None:
            if _WITHOUT_TF:
                raise EscherNetError(
                    f"pose_source 'tf' needs tf2_ros, which is not installed here ({_WITHOUT_TF}); it comes with a "
                    "ROS distribution. Use pose_source 'topic' or 'joint_states'"
                )
            buffer = Buffer()
            static = partial(self.on_transforms, static=True)
            self.monitors["tf"] = MonitoredSubscription(node, TFMessage, "/tf", self.on_transforms, qos.TF)
            self._static = MonitoredSubscription(node, TFMessage, "/tf_static", static, qos.TF_STATIC)
        self._buffer = buffer

    def on_transforms(self, message: Any, static: bool = False) -> None:
        """Take a TFMessage, and store a sample when the chain has become known at a new stamp."""
        for transform in message.transforms:
            if static:
                self._buffer.set_transform_static(transform, "eschernet_ros")
                continue
            if self._newest_ns - messages.to_nanoseconds(transform.header.stamp) > JUMP_BACK_NS:
                self._node.get_logger().warning("time jumped back: the transforms kept are dropped")
                self._buffer.clear()
                self._newest_ns = -1
            self._buffer.set_transform(transform, "eschernet_ros")
        try:
            found = self._buffer.lookup_transform(self.base_frame, self._frame, RosTime())
        except TF_ERRORS as error:
            self._reason = str(error)
            return
        stamp_ns = messages.to_nanoseconds(found.header.stamp)
        if stamp_ns == 0:
            self._reason = "every transform between them is static: nothing moves"
            return
        self._reason = ""
        if stamp_ns != self._newest_ns:
            self._newest_ns = stamp_ns
            self._add(stamp_ns, partial(messages.from_transform, found.transform))

    def problems(self) -> list[str]:
        """As :meth:`PoseSource.problems`, and when the chain is not connected."""
        problems = super().problems()
        if self._reason:
            problems.append(f"TF does not place '{self._frame}' in '{self.base_frame}': {self._reason}")
        return problems


class JointStateSource(PoseSource):
    """Joint states and forward kinematics; joints are found by name.

    Args:
        node: owner of the subscription.
        poses: is filled.
        topic: JointState.
        base_frame: frame id of the poses.
        pose_of: what the chain's end is.
        remedy: for a joint that is missing.
    """

    def __init__(self, node: Node, poses: PoseBuffer, topic: str, base_frame: str, pose_of: str, remedy: str) -> None:
        super().__init__(node, poses, pose_of)
        self.base_frame = base_frame
        self._remedy = remedy
        self._forward: Callable[[Mapping[str, float]], SE3] | None = None
        self._joint_names: tuple[str, ...] = ()
        self._description: MonitoredSubscription | None = None
        self._described = ""
        self._missing = ""
        self.monitors["joint states"] = MonitoredSubscription(node, JointState, topic, self.on_joints, qos.POSE_STREAM)

    def use_franka(self, prefix: str) -> None:
        """Use the published table: joints ``PREFIX_joint1`` to 7, poses of the flange."""
        self._joint_names = names = tuple(f"{prefix}_joint{i + 1}" for i in range(JOINTS))
        self._forward = lambda q: forward_kinematics([joint_position(q, name) for name in names])

    def use_urdf(self, text: str, tip_link: str, base_link: str) -> None:
        """Use a robot description.

        Raises:
            EscherNetError: see :class:`UrdfChain`.
        """
        chain = UrdfChain(text, tip_link, base_link)
        self.base_frame, self._joint_names, self._forward = chain.base_link, chain.joint_names, chain.forward
        self._node.get_logger().info(
            f"chain '{chain.base_link}' to '{tip_link}' of {len(chain.joints)} joints, moved by "
            f"{', '.join(chain.joint_names) or 'none'}"
        )

    def use_description_topic(self, topic: str, tip_link: str, base_link: str) -> None:
        """Use the robot description on a topic (String, latched) once it comes, and every new one after it."""

        def on_description(message: String) -> None:
            try:
                self._poses.clear()
                self.use_urdf(message.data, tip_link, base_link)
                self._described = ""
            except EscherNetError as error:
                self._described = f"robot description on {topic} not used: {error}"
                self._node.get_logger().error(self._described)

        self._description = MonitoredSubscription(self._node, String, topic, on_description, qos.LATCHED)
        self._description.remedy = "is robot_state_publisher running?"

    def on_joints(self, message: JointState) -> None:
        """Take a JointState; those of other joints (a gripper's) are counted."""
        if self._forward is None:
            self.counts["joint states before the robot description"] += 1
            return
        if len(message.position) != len(message.name):
            self._refuse(
                "joint states not used",
                f"joint state not used: it has {len(message.name)} names but {len(message.position)} positions",
            )
            return
        positions = dict(zip(message.name, message.position, strict=True))
        if not any(name in positions for name in self._joint_names):
            self.counts["joint states of other joints"] += 1
            self._missing = (
                f"the joint states have no joint '{self._joint_names[0]}'; they have "
                f"{', '.join(message.name) or 'none'}: {self._remedy}"
            )
            return
        if self._add(messages.to_nanoseconds(message.header.stamp), partial(self._forward, positions)):
            self._missing = ""

    def problems(self) -> list[str]:
        """As :meth:`PoseSource.problems`, and when the description or a joint is missing."""
        problems = super().problems()
        if self._forward is None and self._description is not None:
            problems.append(self._described or self._description.explain())
        if self._missing and not len(self._poses):
            problems.append(self._missing)
        return problems


def make_pose_source(node: Node, p: Mapping[str, Any], poses: PoseBuffer) -> PoseSource:
    """Return the source that the parameters of the capture node choose.

    Raises:
        EscherNetError: parameters that do not fit together, a description that cannot be read, tf2_ros missing.
    """
    pose_of = "ee" if p["pose_of"] == "auto" else p["pose_of"]
    if p["pose_source"] == "topic":
        return TopicSource(node, poses, p["pose_topic"], pose_of)
    if p["pose_source"] == "tf":
        return TfSource(node, poses, p["tf.base_frame"], p["tf.frame"], pose_of)
    return _joint_state_source(node, p, poses, pose_of)


def _joint_state_source(node: Node, p: Mapping[str, Any], poses: PoseBuffer, pose_of: str) -> JointStateSource:
    file, topic, tip = p["joint_states.urdf_file"], p["joint_states.urdf_topic"], p["joint_states.tip_link"]
    base, prefix = p["joint_states.base_link"], p["joint_states.prefix"]
    if file and topic:
        raise EscherNetError("give joint_states.urdf_file or joint_states.urdf_topic, not both")
    if not file and not topic:
        if p["pose_of"] == "ee" or tip:
            raise EscherNetError(
                "without a URDF the joint states give the pose of the flange: leave joint_states.tip_link empty and "
                "pose_of at 'auto' (a hand-eye transform in the end-effector frame is converted with flange_from_ee)"
            )
        source = JointStateSource(
            node, poses, p["joint_states.topic"], base or f"{prefix}_link0", "flange", "set joint_states.prefix"
        )
        source.use_franka(prefix)
        return source
    if not tip:
        raise EscherNetError("a URDF needs joint_states.tip_link: the link (flange or end effector) to compute")
    remedy = "choose another joint_states.topic, or the links of the chain"
    source = JointStateSource(node, poses, p["joint_states.topic"], base, pose_of, remedy)
    if topic:
        source.use_description_topic(topic, tip, base)
        return source
    try:
        text = Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EscherNetError(f"joint_states.urdf_file cannot be read: {error}") from error
    source.use_urdf(text, tip, base)
    return source
