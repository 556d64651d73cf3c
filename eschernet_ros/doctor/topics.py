# SPDX-License-Identifier: Apache-2.0
"""Which topics are looked at, and what is known about each of their roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eschernet_ros.errors import EscherNetError

DEFAULTS = {
    "colour_topic": "/camera/camera/color/image_raw",
    "camera_info_topic": "/camera/camera/color/camera_info",
    "depth_topic": "/camera/camera/aligned_depth_to_color/image_raw",
    "mask_topic": "",
    "pose_source": "topic",
    "pose_topic": "/franka_robot_state_broadcaster/current_pose",
    "joint_states.topic": "/franka/joint_states",
    "metadata.topic": "/camera/camera/color/metadata",
    "metadata.json_topic": "/camera/camera/color/metadata_json",
    "flange_from_ee.topic": "",
    "object.topic": "",
}
"""The capture node's parameters that name what it listens to (a test compares them with the node's)."""


@dataclass(frozen=True)
class Watched:
    """One topic the capture node needs or can use.

    Attributes:
        role: what it is for: colour, camera_info, depth, mask, pose, joint states, F_T_EE, metadata, object.
        name: of the topic.
        type: of its messages.
        needed: without it, no view can be taken.
        remedy: what to do when nothing is published or nothing arrives.
        slow_hz: below this rate it is a warning; 0 for a topic without a rate (latched).
    """

    role: str
    name: str
    type: str
    needed: bool
    remedy: str
    slow_hz: float = 0.0


def capture_names(config: Path | None) -> dict[str, str]:
    """Return the capture node's topic parameters: its defaults, or as its parameter file says.

    Raises:
        EscherNetError: for a file that is no ROS parameter file.
    """
    names = dict(DEFAULTS)
    if config is None:
        return names
    try:
        tree = yaml.safe_load(config.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise EscherNetError(f"the parameter file '{config}' cannot be read: {error}") from error
    sections = [
        node["ros__parameters"]
        for node in (tree.values() if isinstance(tree, dict) else ())
        if isinstance(node, dict) and isinstance(node.get("ros__parameters"), dict)
    ]
    if not sections:
        raise EscherNetError(
            f"'{config}' holds no 'ros__parameters'; give the capture node's parameter file, as config/capture.yaml"
        )
    for section in sections:
        names |= {key: str(value) for key, value in _flat(section).items() if key in names}
    return names


def watched(names: Mapping[str, str]) -> list[Watched]:
    """Return what to listen to for these names of :func:`capture_names`; an empty name is left out."""
    camera = "start the camera's driver, or correct colour_topic and camera_info_topic"
    image, info = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
    topics = [
        Watched("colour", names["colour_topic"], image, True, camera, 5.0),
        Watched("camera_info", names["camera_info_topic"], info, True, camera, 5.0),
        Watched("depth", names["depth_topic"], image, True, "start realsense-ros with align_depth.enable:=true", 5.0),
        Watched("mask", names["mask_topic"], image, True, "start what publishes masks, or leave mask_topic empty", 5.0),
        Watched(
            "object",
            names["object.topic"],
            "visualization_msgs/msg/Marker",
            True,
            "publish the object's box, or leave object.topic empty and give object.position and object.size",
        ),
    ]
    topics.append(
        Watched(
            "F_T_EE",
            names["flange_from_ee.topic"],
            "geometry_msgs/msg/PoseStamped",
            True,
            "start the node franka_state, or leave flange_from_ee.topic empty and give F_T_EE as parameters",
        )
    )
    if names["pose_source"] == "topic":
        topics.append(
            Watched(
                "pose",
                names["pose_topic"],
                "geometry_msgs/msg/PoseStamped",
                True,
                "start franka_ros2's state broadcaster (there is none with fake hardware), or the node franka_state",
                100.0,
            )
        )
    if names["pose_source"] == "joint_states":
        topics.append(
            Watched(
                "joint states",
                names["joint_states.topic"],
                "sensor_msgs/msg/JointState",
                True,
                "start the arm's driver, or correct joint_states.topic",
                100.0,
            )
        )
    said = "not needed: exposure and clock are then those of the parameters"
    topics += [
        Watched("metadata", names["metadata.topic"], "realsense2_camera_msgs/msg/Metadata", False, said),
        Watched("metadata", names["metadata.json_topic"], "std_msgs/msg/String", False, said),
    ]
    return [topic for topic in topics if topic.name]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
