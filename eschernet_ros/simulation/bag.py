# SPDX-License-Identifier: Apache-2.0
"""Writes a bench recording as a ROS 2 bag with the topics of realsense-ros and franka_ros2, without ROS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.optional import require
from eschernet_ros.simulation.recording import BenchRecording

_INSTALL = "pip install rosbags"
_OPTICAL = "camera_color_optical_frame"
_CAMERA, _ALIGNED = "/camera/camera/color", "/camera/camera/aligned_depth_to_color"
CAMERA_ROOT_FROM_OPTICAL = SE3(np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0.015], [0, -1, 0, 0], [0, 0, 0, 1]]))
"""``camera_link`` to the optical frame, as a D435i's driver publishes it (rounded)."""


def write_bag(
    path: Path,
    recording: BenchRecording,
    storage: str = "mcap",
    pose_clock_ahead_s: float = 0.0,
    hand_eye_parent: str = "fr3_hand_tcp",
    hand_eye_child: str = "camera_link",
) -> None:
    """Write the bag.

    Args:
        path: the folder to make; it must not exist.
        recording: what to write.
        storage: ``mcap`` or ``sqlite3``.
        pose_clock_ahead_s: the arm's clock is ahead of the camera's by this: stamps of poses and joints are shifted.
        hand_eye_parent, hand_eye_child: frames between which the hand-eye transform stands on ``/tf_static``; a child
            other than ``camera_link`` gives ``camera_color_optical_frame`` two parents.

    Raises:
        EscherNetError: an unknown storage, or the folder exists.
        MissingDependencyError: rosbags is not installed.
    """
    rosbag2 = require("rosbags.rosbag2", _INSTALL, "writing bags")
    typesys = require("rosbags.typesys", _INSTALL, "writing bags")
    plugins = {plugin.name.lower(): plugin for plugin in rosbag2.StoragePlugin}
    if storage not in plugins:
        raise EscherNetError(f"there is no bag storage '{storage}'; the known ones are {', '.join(plugins)}")
    if path.exists():
        raise EscherNetError(f"{path} exists; a bag is written to a folder of its own")
    store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
    with rosbag2.Writer(path, version=9, storage_plugin=plugins[storage]) as writer:
        messages = _Messages(store.types)
        shift = round(pose_clock_ahead_s * 1e9)
        entries: list[tuple[int, str, Any]] = []
        for stamp, pose in zip(recording.pose_stamps_ns, recording.poses, strict=True):
            entries.append((stamp, "/franka_robot_state_broadcaster/current_pose", messages.pose(pose, stamp + shift)))
        for stamp, q in zip(recording.joint_stamps_ns, recording.joints, strict=True):
            entries.append((stamp, "/joint_states", messages.joints(q.tolist(), stamp + shift)))
        start = recording.pose_stamps_ns[0]
        child_from_optical = CAMERA_ROOT_FROM_OPTICAL if hand_eye_child == "camera_link" else SE3.identity()
        transforms = [
            (hand_eye_parent, hand_eye_child, recording.ee_from_camera_optical @ child_from_optical.inverse()),
            ("camera_link", "camera_color_frame", SE3.from_rotvec([0, 0, 0], [0, 0.015, 0])),
            ("camera_color_frame", _OPTICAL, SE3.from_rotvec([0, 0, 0], [0, -0.015, 0]) @ CAMERA_ROOT_FROM_OPTICAL),
        ]
        entries.append((start, "/tf_static", messages.transforms(transforms, start)))
        entries.sort(key=lambda entry: entry[0])
        connections: dict[str, Any] = {}

        def write(stamp: int, topic: str, message: Any) -> None:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            writer.write(connections[topic], stamp, store.serialize_cdr(message, kind))

        position = 0
        for frame in recording.frames:  # pictures are made one at a time: they are most of the bag
            while position < len(entries) and entries[position][0] <= frame.stamp_ns:
                write(*entries[position])
                position += 1
            stamp = frame.stamp_ns
            info = messages.camera_info(recording, stamp)
            write(stamp, f"{_CAMERA}/camera_info", info)
            write(stamp, f"{_CAMERA}/image_raw", messages.image(frame.colour, "rgb8", stamp))
            write(stamp, f"{_ALIGNED}/camera_info", info)
            write(stamp, f"{_ALIGNED}/image_raw", messages.image(frame.depth_mm, "16UC1", stamp))
        for entry in entries[position:]:
            write(*entry)


class _Messages:
    """Makes messages of a type store."""

    def __init__(self, types: Any) -> None:
        self._types = types

    def _make(self, kind: str, *values: Any) -> Any:
        package, name = kind.split("/")
        return self._types[f"{package}/msg/{name}"](*values)

    def _header(self, stamp_ns: int, frame: str) -> Any:
        time = self._make("builtin_interfaces/Time", stamp_ns // 1_000_000_000, stamp_ns % 1_000_000_000)
        return self._make("std_msgs/Header", time, frame)

    def _quaternion(self, pose: SE3) -> Any:
        return self._make("geometry_msgs/Quaternion", *map(float, pose.quaternion_xyzw))

    def pose(self, pose: SE3, stamp_ns: int) -> Any:
        position = self._make("geometry_msgs/Point", *map(float, pose.translation))
        return self._make(
            "geometry_msgs/PoseStamped",
            self._header(stamp_ns, "base"),
            self._make("geometry_msgs/Pose", position, self._quaternion(pose)),
        )

    def joints(self, angles: Sequence[float], stamp_ns: int) -> Any:
        names = [f"fr3_joint{i}" for i in range(1, 8)]
        nothing = np.empty(0)
        return self._make(
            "sensor_msgs/JointState", self._header(stamp_ns, ""), names, np.array(angles), nothing, nothing
        )

    def transforms(self, transforms: Sequence[tuple[str, str, SE3]], stamp_ns: int) -> Any:
        return self._make(
            "tf2_msgs/TFMessage",
            [
                self._make(
                    "geometry_msgs/TransformStamped",
                    self._header(stamp_ns, parent),
                    child,
                    self._make(
                        "geometry_msgs/Transform",
                        self._make("geometry_msgs/Vector3", *map(float, pose.translation)),
                        self._quaternion(pose),
                    ),
                )
                for parent, child, pose in transforms
            ],
        )

    def image(self, pixels: np.ndarray, encoding: str, stamp_ns: int) -> Any:
        height, width = pixels.shape[:2]
        pixels = np.ascontiguousarray(pixels)
        return self._make(
            "sensor_msgs/Image",
            self._header(stamp_ns, _OPTICAL),
            height,
            width,
            encoding,
            0,
            pixels.strides[0],
            pixels.reshape(-1).view(np.uint8),
        )

    def camera_info(self, recording: BenchRecording, stamp_ns: int) -> Any:
        camera = recording.camera
        projection = np.hstack([camera.matrix, np.zeros((3, 1))])
        region = self._make("sensor_msgs/RegionOfInterest", 0, 0, 0, 0, False)
        return self._make(
            "sensor_msgs/CameraInfo",
            self._header(stamp_ns, _OPTICAL),
            camera.height,
            camera.width,
            "plumb_bob",
            np.zeros(5),
            camera.matrix.ravel(),
            np.eye(3).ravel(),
            projection.ravel(),
            0,
            0,
            region,
        )
