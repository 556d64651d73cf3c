# SPDX-License-Identifier: Apache-2.0
"""What a capture is fed with, without ROS: the live node and the replay of a bag deliver messages to the same code."""

from eschernet_ros.streams.camera_on_arm import CameraOnArm
from eschernet_ros.streams.capture_parameters import PARAMETERS as CAPTURE_PARAMETERS
from eschernet_ros.streams.capture_streams import CaptureStreams, gates_of
from eschernet_ros.streams.exposures import METADATA_KINDS, Exposures, read_metadata
from eschernet_ros.streams.hand_eye import frame_from_camera, needs_flange_from_ee, used_flange_from_ee
from eschernet_ros.streams.inputs import Input
from eschernet_ros.streams.parameters import Parameter, Value, read_parameter_file, values_of
from eschernet_ros.streams.pose_sources import PoseSource, make_pose_source
from eschernet_ros.streams.transform_tree import TransformTree, TransformUnknown

__all__ = [
    "CAPTURE_PARAMETERS",
    "METADATA_KINDS",
    "CameraOnArm",
    "CaptureStreams",
    "Exposures",
    "Input",
    "Parameter",
    "PoseSource",
    "TransformTree",
    "TransformUnknown",
    "Value",
    "frame_from_camera",
    "gates_of",
    "make_pose_source",
    "needs_flange_from_ee",
    "read_metadata",
    "read_parameter_file",
    "used_flange_from_ee",
    "values_of",
]
