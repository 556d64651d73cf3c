# SPDX-License-Identifier: Apache-2.0
"""Topics, hand-eye transform and clock of a stream, from the capture node's configuration or given one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from eschernet_ros.checking.bag import BagTopics
from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.geometry import SE3


@dataclass(frozen=True, eq=False)
class StreamSettings:
    """How to read a stream; names and meanings are those of the capture node's parameters.

    Attributes:
        topics: of camera and arm.
        hand_eye: the camera's optical frame in the frame ``hand_eye_parent``.
        hand_eye_parent: ``ee`` or ``flange``.
        hand_eye_file: a calibration file, anchored to the flange, instead; None: use ``hand_eye``.
        pose_of: what the poses are of: ``ee`` or ``flange``.
        flange_from_ee: F_T_EE; None: as the recording tells.
        camera_root_from_camera_optical: for a ``.calib`` that is attached to ``camera_link``.
        exposure_s: of the colour camera.
        time_offset_s: added to image stamps.
    """

    topics: BagTopics = field(default_factory=BagTopics)
    hand_eye: SE3 = field(default_factory=SE3.identity)
    hand_eye_parent: str = "ee"
    hand_eye_file: Path | None = None
    pose_of: str = "ee"
    flange_from_ee: SE3 | None = None
    camera_root_from_camera_optical: SE3 | None = None
    exposure_s: float = 0.0
    time_offset_s: float = 0.0


def settings_from_config(path: Path) -> StreamSettings:
    """Settings of a copy of ``config/capture.yaml``; what it does not set keeps its default.

    Raises:
        EscherNetError: the file cannot be read or holds no ``ros__parameters``.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        (node,) = [value for value in document.values() if "ros__parameters" in value]
        parameters: Mapping[str, Any] = node["ros__parameters"]
    except (OSError, yaml.YAMLError) as error:
        raise EscherNetError(f"the configuration {path} cannot be read: {first_line(error)}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise EscherNetError(
            f"{path} is no configuration of the capture node: one 'ros__parameters' is needed"
        ) from error
    defaults = StreamSettings()
    hand_eye = parameters.get("hand_eye") or {}
    ee = parameters.get("flange_from_ee")
    file = hand_eye.get("file")
    pose_of = parameters.get("pose_of", "auto")
    if parameters.get("pose_source", "topic") != "topic":
        raise EscherNetError(
            f"{path} takes poses from '{parameters['pose_source']}'; this command reads a pose topic: record "
            "current_pose, or publish the poses as PoseStamped"
        )
    return StreamSettings(
        topics=BagTopics(
            colour=parameters.get("colour_topic", defaults.topics.colour),
            camera_info=parameters.get("camera_info_topic", defaults.topics.camera_info),
            depth=parameters.get("depth_topic", defaults.topics.depth),
            pose=parameters.get("pose_topic", defaults.topics.pose),
        ),
        hand_eye=SE3.from_quaternion_xyzw(
            hand_eye.get("rotation_xyzw", [0.0, 0.0, 0.0, 1.0]), hand_eye.get("translation", [0.0, 0.0, 0.0])
        ),
        hand_eye_parent=hand_eye.get("parent", "ee"),
        hand_eye_file=Path(file) if file else None,
        pose_of="ee" if pose_of == "auto" else pose_of,
        flange_from_ee=None if not ee else SE3.from_quaternion_xyzw(ee["rotation_xyzw"], ee["translation"]),
        exposure_s=float(parameters.get("exposure_s", 0.0)),
        time_offset_s=float(parameters.get("time_offset_s", 0.0)),
    )
