# SPDX-License-Identifier: Apache-2.0
"""What a check needs of a bag, in bounded memory.

A first pass keeps poses, joint states, transforms and the stamps of pictures; the second decodes only the few frames
that were chosen. Nothing is replayed and no clock is involved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.bags import BagMessage, BagReader, find_topic, open_bag
from eschernet_ros.capture.frame_metadata import EXPOSURE_UNIT_S
from eschernet_ros.capture.image_messages import colour_from_image, depth_from_image
from eschernet_ros.capture.message_fields import camera_of, stamp_of, transform_of
from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.streams import METADATA_KINDS, read_metadata

_POSE_TYPE, _INFO_TYPE = "geometry_msgs/msg/PoseStamped", "sensor_msgs/msg/CameraInfo"
_IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_TF_TYPE, _JOINT_TYPE = "tf2_msgs/msg/TFMessage", "sensor_msgs/msg/JointState"
_STATE_TYPES = ("franka_msgs/msg/FrankaRobotState",)


@dataclass(frozen=True)
class BagTopics:
    """Names of the topics; the defaults are those of realsense-ros and franka_ros2.

    Attributes:
        colour: Image or CompressedImage.
        camera_info: of the colour camera.
        depth: aligned to colour (16UC1 or 32FC1); empty: none is read.
        pose: PoseStamped of the end effector.
        metadata, metadata_json: each frame's exposure, in either message type; empty: not read.
    """

    colour: str = "/camera/camera/color/image_raw"
    camera_info: str = "/camera/camera/color/camera_info"
    depth: str = "/camera/camera/aligned_depth_to_color/image_raw"
    pose: str = "/franka_robot_state_broadcaster/current_pose"
    metadata: str = "/camera/camera/color/metadata"
    metadata_json: str = "/camera/camera/color/metadata_json"


@dataclass(frozen=True, eq=False)
class BagContents:
    """The first pass: everything but the pictures.

    Attributes:
        path: the bag.
        topics: as found; ``depth`` is empty when there is none.
        track: poses ``base_from_ee``.
        base_frame: ``header.frame_id`` of the poses.
        camera: intrinsics of the colour camera.
        colour_stamps_ns: header stamps of the colour images, ascending.
        depth_stamps_ns: those of the depth images.
        tf_edges: (child, parent, topic).
        static_transforms: ``parent_from_child`` by (parent, child).
        joint_stamps_ns, joints: [7] rad of the arm.
        reported_ee: (stamp, F_T_EE) of the robot's state messages.
        exposures: seconds by image stamp, as metadata tell; None where those of a frame do not.
        notes: sentences about what was taken for what.
    """

    path: Path
    topics: BagTopics
    track: PoseTrack
    base_frame: str
    camera: PinholeCamera
    colour_stamps_ns: list[int]
    depth_stamps_ns: list[int]
    tf_edges: frozenset[tuple[str, str, str]]
    static_transforms: dict[tuple[str, str], SE3] = field(repr=False)
    joint_stamps_ns: list[int] = field(repr=False)
    joints: list[NDArray[np.float64]] = field(repr=False)
    reported_ee: list[tuple[int, SE3]] = field(repr=False)
    exposures: dict[int, float | None] = field(repr=False)
    notes: list[str]


def scan_bag(path: Path, topics: BagTopics | None = None, exposure_unit_s: float = EXPOSURE_UNIT_S) -> BagContents:
    """Read everything but the pictures.

    Args:
        path: the bag.
        topics: wanted; None: the default ones.
        exposure_unit_s: unit of ``actual_exposure`` in the metadata.

    Raises:
        EscherNetError: no bag, or a needed topic is not in it; the sentence lists what is.
        MissingDependencyError: rosbags is not installed.
    """
    wanted = topics or BagTopics()
    with open_bag(path) as bag:
        found, notes = _resolve(bag, wanted, path)
        scan = _Scan(exposure_unit_s)
        names = {found.colour, found.camera_info, found.pose, found.depth, found.metadata, found.metadata_json}
        names = (names | {"/tf", "/tf_static"}) - {""}
        names |= {topic.name for topic in bag.topics if topic.type == _JOINT_TYPE or topic.type in _STATE_TYPES}
        for message in bag.messages(names):
            scan.take(message, found)
    return scan.contents(path, found, notes)


def read_frames(
    contents: BagContents, stamps_ns: Sequence[int]
) -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.float32] | None]]:
    """Colour [H, W, 3] and depth [H, W] (metres, or None) of the frames with these stamps, in the order of time.

    Only these are decoded, and only as many held as wait for their partner.
    """
    wanted = set(stamps_ns)
    depths = wanted & set(contents.depth_stamps_ns)
    topics = contents.topics
    halves: dict[int, dict[str, Any]] = {}
    with open_bag(contents.path) as bag:
        for message in bag.messages({topics.colour, topics.depth} - {""}):
            stamp = message.stamp_ns
            if stamp not in wanted:
                continue
            half = halves.setdefault(stamp, {})
            if message.topic == topics.colour:
                half["colour"] = colour_from_image(message.decode())
            else:
                half["depth"] = depth_from_image(message.decode())
            if "colour" in half and ("depth" in half or stamp not in depths):
                wanted.discard(stamp)
                del halves[stamp]
                yield stamp, half["colour"], half.get("depth")


class _Scan:
    """What has been seen so far."""

    def __init__(self, exposure_unit_s: float) -> None:
        self.exposure_unit_s = exposure_unit_s
        self.exposures: dict[int, float | None] = {}
        self.not_understood: list[str] = []
        self.pose_stamps: list[int] = []
        self.positions: list[tuple[float, float, float]] = []
        self.quaternions: list[tuple[float, float, float, float]] = []
        self.base_frames: dict[str, int] = {}
        self.camera: PinholeCamera | None = None
        self.colour: list[int] = []
        self.depth: list[int] = []
        self.edges: set[tuple[str, str, str]] = set()
        self.static: dict[tuple[str, str], SE3] = {}
        self.joint_stamps: list[int] = []
        self.joints: list[NDArray[np.float64]] = []
        self.ee: list[tuple[int, SE3]] = []

    def take(self, message: BagMessage, topics: BagTopics) -> None:
        """One message; pictures are not decoded."""
        topic, kind = message.topic, message.type
        if topic == topics.colour:
            self.colour.append(message.stamp_ns)
        elif topic == topics.depth:
            self.depth.append(message.stamp_ns)
        elif topic == topics.pose:
            self._pose(message.decode())
        elif topic == topics.camera_info:
            if self.camera is None:
                self.camera = camera_of(message.decode())
        elif topic in (topics.metadata, topics.metadata_json):
            self._metadata(message.decode())
        elif kind == _TF_TYPE:
            for transform in message.decode().transforms:
                child, parent = transform.child_frame_id.strip("/"), transform.header.frame_id.strip("/")
                self.edges.add((child, parent, topic))
                if topic.endswith("tf_static"):
                    self.static[(parent, child)] = transform_of(transform.transform)
        elif kind == _JOINT_TYPE:
            self._joints(message.decode())
        elif kind in _STATE_TYPES:
            state = message.decode()
            if hasattr(state, "f_t_ee"):
                self.ee.append((stamp_of(state.header), transform_of(state.f_t_ee.pose)))

    def _pose(self, message: Any) -> None:
        position, orientation = message.pose.position, message.pose.orientation
        self.pose_stamps.append(stamp_of(message.header))
        self.positions.append((position.x, position.y, position.z))
        self.quaternions.append((orientation.x, orientation.y, orientation.z, orientation.w))
        frame = message.header.frame_id
        self.base_frames[frame] = self.base_frames.get(frame, 0) + 1

    def _metadata(self, message: Any) -> None:
        try:
            stamp, metadata = read_metadata(message, self.exposure_unit_s)
        except EscherNetError as error:
            self.not_understood.append(str(error))
            return
        if metadata.exposure_s is not None or stamp not in self.exposures:
            self.exposures[stamp] = metadata.exposure_s

    def _joints(self, message: Any) -> None:
        names = {name: index for index, name in enumerate(message.name)}
        arm = [next((i for name, i in names.items() if name.endswith(f"joint{j}")), None) for j in range(1, 8)]
        if None not in arm and len(message.position) == len(message.name):
            self.joint_stamps.append(stamp_of(message.header))
            self.joints.append(np.array([message.position[i] for i in arm], dtype=np.float64))

    def contents(self, path: Path, topics: BagTopics, notes: list[str]) -> BagContents:
        """All of it, checked."""
        if self.camera is None:
            raise EscherNetError(f"{path}: {topics.camera_info} holds no message; record the camera's intrinsics too")
        if not self.pose_stamps or not self.colour:
            silent = topics.pose if not self.pose_stamps else topics.colour
            raise EscherNetError(f"{path}: the topic {silent} holds no message")
        if len(self.base_frames) > 1:
            notes.append(f"The poses' frame changes within the bag: {', '.join(map(repr, self.base_frames))}.")
        if self.not_understood:
            notes.append(f"{len(self.not_understood)} metadata messages were not used: {self.not_understood[0]}.")
        order = np.argsort(self.joint_stamps, kind="stable")
        return BagContents(
            path=path,
            topics=topics,
            track=PoseTrack(self.pose_stamps, self.positions, self.quaternions),
            base_frame=max(self.base_frames, key=lambda frame: self.base_frames[frame]),
            camera=self.camera,
            colour_stamps_ns=sorted(self.colour),
            depth_stamps_ns=sorted(self.depth),
            tf_edges=frozenset(self.edges),
            static_transforms=self.static,
            joint_stamps_ns=[self.joint_stamps[i] for i in order],
            joints=[self.joints[i] for i in order],
            reported_ee=self.ee,
            exposures=self.exposures,
            notes=notes,
        )


def _resolve(bag: BagReader, wanted: BagTopics, path: Path) -> tuple[BagTopics, list[str]]:
    """The wanted topics, or the only ones that fit; and sentences about each that was taken instead."""
    notes: list[str] = []

    def find(name: str, kinds: Sequence[str], what: str, option: str, words: Sequence[str], needed: bool = True) -> str:
        found, note = find_topic(path, bag.topics, name, kinds, what, f"Name one with {option}", words, needed)
        notes.extend([note] if note else [])
        return found

    colour = find(wanted.colour, _IMAGE_TYPES, "the colour image", "--colour-topic", ("color|colour|rgb", "!depth"))
    info = find(wanted.camera_info, (_INFO_TYPE,), "the camera's intrinsics", "--camera-info-topic", ("!depth",))
    depth = find(wanted.depth, _IMAGE_TYPES, "aligned depth", "--depth-topic", ("align", "depth"), needed=False)
    pose = find(wanted.pose, (_POSE_TYPE,), "the arm's pose", "--pose-topic", ("pose",))
    if not depth and wanted.depth:
        notes.append("There is no aligned depth in the bag: only features and masks are compared.")
    words, what = ("color|colour|rgb", "metadata"), "each frame's exposure"
    of_driver = find(wanted.metadata, (METADATA_KINDS["metadata"],), what, "--metadata-topic", words, needed=False)
    as_json = find(
        wanted.metadata_json, (METADATA_KINDS["metadata_json"],), what, "--metadata-json-topic", words, needed=False
    )
    return BagTopics(colour, info, depth, pose, of_driver, as_json), notes
