# SPDX-License-Identifier: Apache-2.0
"""Topics, hand-eye transform and clock of a stream, from the capture node's configuration or given one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from eschernet_ros.capture.frame_metadata import EXPOSURE_UNIT_S
from eschernet_ros.checking.bag import BagTopics
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.streams import read_parameter_file


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
        exposure_s: of the colour camera, where no metadata tell it.
        exposure_unit_s: unit of ``actual_exposure`` in the metadata.
        metadata_required: frames whose exposure no metadata tell are left out.
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
    exposure_unit_s: float = EXPOSURE_UNIT_S
    metadata_required: bool = False
    time_offset_s: float = 0.0


def settings_from_config(path: Path) -> StreamSettings:
    """Settings of a copy of ``config/capture.yaml``; what it does not set keeps its default.

    Raises:
        EscherNetError: the file cannot be read or holds no ``ros__parameters``.
    """
    parameters = read_parameter_file(path)
    defaults = StreamSettings()
    ee = None
    if "flange_from_ee.translation" in parameters and "flange_from_ee.rotation_xyzw" in parameters:
        ee = SE3.from_quaternion_xyzw(
            parameters["flange_from_ee.rotation_xyzw"], parameters["flange_from_ee.translation"]
        )
    file = parameters.get("hand_eye.file")
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
            metadata=parameters.get("metadata.topic", defaults.topics.metadata),
            metadata_json=parameters.get("metadata.json_topic", defaults.topics.metadata_json),
        ),
        hand_eye=SE3.from_quaternion_xyzw(
            parameters.get("hand_eye.rotation_xyzw", [0.0, 0.0, 0.0, 1.0]),
            parameters.get("hand_eye.translation", [0.0, 0.0, 0.0]),
        ),
        hand_eye_parent=parameters.get("hand_eye.parent", "ee"),
        hand_eye_file=Path(file) if file else None,
        pose_of="ee" if pose_of == "auto" else pose_of,
        flange_from_ee=ee,
        exposure_s=float(parameters.get("exposure_s", 0.0)),
        exposure_unit_s=float(parameters.get("metadata.exposure_unit_us", EXPOSURE_UNIT_S * 1e6)) * 1e-6,
        metadata_required=bool(parameters.get("metadata.required", False)),
        time_offset_s=float(parameters.get("time_offset_s", 0.0)),
    )
