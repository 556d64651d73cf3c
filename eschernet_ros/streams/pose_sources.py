# SPDX-License-Identifier: Apache-2.0
"""Where the arm's pose comes from: a PoseStamped topic, TF, or joint states and forward kinematics.

Every source fills one pose buffer with stamped samples of ``base_from_frame``; a pose is then interpolated at a
frame's mid-exposure, or waited for, or refused, in the same way whatever the source. Nothing here commands motion.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from eschernet_ros.capture.clock_check import StampClock
from eschernet_ros.capture.message_fields import stamp_of, transform_of
from eschernet_ros.capture.pose_buffer import PoseBuffer
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import JOINTS, UrdfChain, forward_kinematics, joint_position
from eschernet_ros.streams.inputs import Input
from eschernet_ros.streams.throttle import Throttle
from eschernet_ros.streams.transform_tree import TransformTree, TransformUnknown

SOURCES = ("topic", "tf", "joint_states")
JUMP_BACK_NS = 1_000_000_000
"""A stamp that lies farther before the newest of its stream means that time was reset: a bag was played again."""

_log = logging.getLogger(__name__)


class PoseSource:
    """What all sources have in common.

    Args:
        poses: is filled.
        pose_of: ``ee`` or ``flange``: what the poses are poses of.

    Attributes:
        base_frame: frame id of the poses; empty while it is not known.
        pose_of: as given.
        inputs: the topics.
        clock: compares the stamps with the receiver's clock.
        counts: what was not used.
    """

    def __init__(self, poses: PoseBuffer, pose_of: str) -> None:
        self.base_frame = ""
        self.pose_of = pose_of
        self.inputs: tuple[Input, ...] = ()
        self.clock = StampClock("pose")
        self.counts: Counter[str] = Counter()
        self._poses = poses
        self._throttle = Throttle(_log)

    def problems(self) -> list[str]:
        """Say why there are no poses, beyond topics that are silent: one clause each; empty when they arrive."""
        return []

    def clear(self) -> None:
        """Forget what moved: time has jumped. Not the poses; they are the owner's."""

    def _add(self, stamp_ns: int, now_ns: int, base_from_frame: Callable[[], SE3]) -> bool:
        """Store a sample; what cannot be used is counted and said."""
        self.clock.observe(stamp_ns, now_ns)
        try:
            self._poses.add(stamp_ns, base_from_frame())
        except EscherNetError as error:
            self._refuse("poses not used", f"pose not used: {error}")
            return False
        return True

    def _refuse(self, counter: str, sentence: str) -> None:
        self.counts[counter] += 1
        self._throttle.warning(sentence)


class TopicSource(PoseSource):
    """PoseStamped as franka_ros2 publishes it; its frame id, read at run time, is the base frame."""

    def __init__(self, poses: PoseBuffer, topic: str, pose_of: str) -> None:
        super().__init__(poses, pose_of)
        remedy = "is the robot's state broadcaster running? it is not with fake hardware"
        kinds = ("geometry_msgs/msg/PoseStamped",)
        self.inputs = (Input("pose", topic, "pose_topic", kinds, self.take, remedy=remedy, words=("pose",)),)

    def take(self, message: Any, now_ns: int) -> None:
        """Take a PoseStamped."""
        frame = message.header.frame_id
        if frame != self.base_frame:
            if self.base_frame:
                _log.warning("pose frame changed from '%s' to '%s': the poses kept are dropped", self.base_frame, frame)
                self._poses.clear()
            self.base_frame = frame
        self._add(stamp_of(message.header), now_ns, partial(transform_of, message.pose))


class TfSource(PoseSource):
    """TF: at every stamp at which the whole chain from base to frame is known, its pose is a sample.

    The newest transform is stored under its own stamp and never stands in for a later time. A frame whose own stamps
    jump back is known anew from there; what others stamp, late or with zero, says nothing of it.

    Args:
        poses: is filled.
        base_frame, frame: frame ids.
        pose_of: what ``frame`` is.

    Raises:
        EscherNetError: a frame id is empty.
    """

    def __init__(self, poses: PoseBuffer, base_frame: str, frame: str, pose_of: str) -> None:
        super().__init__(poses, pose_of)
        if not base_frame or not frame:
            raise EscherNetError("pose_source 'tf' needs both tf.base_frame and tf.frame; one is empty")
        self.base_frame = base_frame
        self._frame = frame
        self._newest_ns = -1
        self._reason = "no transform has come yet"
        self._tree = TransformTree()
        kinds = ("tf2_msgs/msg/TFMessage",)
        self.inputs = (
            Input("tf", "/tf", "pose_source", (*kinds, "tf/msg/tfMessage"), self.take),
            Input("tf_static", "/tf_static", "pose_source", kinds, self.take_static, latched=True, needed=False),
        )

    def take(self, message: Any, now_ns: int) -> None:
        """Take what moves, and store a sample when the chain has become known at a new stamp."""
        for transform in message.transforms:
            self._set(transform, static=False)
        self._sample(now_ns)

    def take_static(self, message: Any, now_ns: int) -> None:
        """Take what is fixed."""
        for transform in message.transforms:
            self._set(transform, static=True)
        self._sample(now_ns)

    def clear(self) -> None:
        """Forget what moved."""
        self._tree.clear()
        self._newest_ns = -1

    def _set(self, transform: Any, static: bool) -> None:
        parent, child = transform.header.frame_id.strip("/"), transform.child_frame_id.strip("/")
        try:
            pose = transform_of(transform.transform)
            self._tree.set(parent, child, stamp_of(transform.header), pose, static)
        except EscherNetError as error:
            self._refuse("transforms not used", f"transform of '{child}' in '{parent}' not used: {error}")

    def _sample(self, now_ns: int) -> None:
        try:
            stamp_ns, pose = self._tree.newest(self.base_frame.strip("/"), self._frame.strip("/"))
        except TransformUnknown as error:
            self._reason = str(error)
            return
        if stamp_ns == 0:
            self._reason = "every transform between them is static: nothing moves"
            return
        self._reason = ""
        if stamp_ns != self._newest_ns:
            self._newest_ns = stamp_ns
            self._add(stamp_ns, now_ns, lambda: pose)

    def problems(self) -> list[str]:
        """As :meth:`PoseSource.problems`: when the chain is not connected."""
        if not self._reason:
            return []
        return [f"TF does not place '{self._frame}' in '{self.base_frame}': {self._reason}"]


class JointStateSource(PoseSource):
    """Joint states and forward kinematics; joints are found by name.

    Args:
        poses: is filled.
        topic: JointState.
        base_frame: frame id of the poses.
        pose_of: what the chain's end is.
        remedy: for a joint that is missing.
    """

    def __init__(self, poses: PoseBuffer, topic: str, base_frame: str, pose_of: str, remedy: str) -> None:
        super().__init__(poses, pose_of)
        self.base_frame = base_frame
        self._remedy = remedy
        self._forward: Callable[[Mapping[str, float]], SE3] | None = None
        self._joint_names: tuple[str, ...] = ()
        self._description = self._described = ""
        self._missing = ""
        kinds = ("sensor_msgs/msg/JointState",)
        self.inputs = (Input("joint states", topic, "joint_states.topic", kinds, self.take, words=("joint",)),)

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
        _log.info(
            "chain '%s' to '%s' of %d joints, moved by %s",
            *(chain.base_link, tip_link, len(chain.joints), ", ".join(chain.joint_names) or "none"),
        )

    def use_description_topic(self, topic: str, tip_link: str, base_link: str) -> None:
        """Use the robot description on a topic (String, latched) once it comes, and every new one after it."""

        def take(message: Any, _now_ns: int) -> None:
            if message.data == self._description:
                return
            try:
                self._poses.clear()
                self.use_urdf(message.data, tip_link, base_link)
                self._description, self._described = message.data, ""
            except EscherNetError as error:
                self._described = f"robot description on {topic} not used: {error}"
                _log.error("%s", self._described)

        kinds, remedy = ("std_msgs/msg/String",), "is robot_state_publisher running?"
        description = Input(
            "robot description", topic, "joint_states.urdf_topic", kinds, take, latched=True, remedy=remedy
        )
        self.inputs = (*self.inputs, description)

    def take(self, message: Any, now_ns: int) -> None:
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
        if self._add(stamp_of(message.header), now_ns, partial(self._forward, positions)):
            self._missing = ""

    def problems(self) -> list[str]:
        """As :meth:`PoseSource.problems`: when the description or a joint is missing."""
        problems = [self._described] if self._forward is None and self._described else []
        if self._missing and not len(self._poses):
            problems.append(self._missing)
        return problems


def make_pose_source(p: Mapping[str, Any], poses: PoseBuffer) -> PoseSource:
    """Return the source that the parameters of a capture choose.

    Raises:
        EscherNetError: parameters that do not fit together, a description that cannot be read.
    """
    pose_of = "ee" if p["pose_of"] == "auto" else p["pose_of"]
    if p["pose_source"] == "topic":
        return TopicSource(poses, p["pose_topic"], pose_of)
    if p["pose_source"] == "tf":
        return TfSource(poses, p["tf.base_frame"], p["tf.frame"], pose_of)
    return _joint_state_source(p, poses, pose_of)


def _joint_state_source(p: Mapping[str, Any], poses: PoseBuffer, pose_of: str) -> JointStateSource:
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
            poses, p["joint_states.topic"], base or f"{prefix}_link0", "flange", "set joint_states.prefix"
        )
        source.use_franka(prefix)
        return source
    if not tip:
        raise EscherNetError("a URDF needs joint_states.tip_link: the link (flange or end effector) to compute")
    remedy = "choose another joint_states.topic, or the links of the chain"
    source = JointStateSource(poses, p["joint_states.topic"], base, pose_of, remedy)
    if topic:
        source.use_description_topic(topic, tip, base)
        return source
    try:
        text = Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EscherNetError(f"joint_states.urdf_file cannot be read: {error}") from error
    source.use_urdf(text, tip, base)
    return source
