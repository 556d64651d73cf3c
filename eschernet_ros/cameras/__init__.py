# SPDX-License-Identifier: Apache-2.0
"""Cameras that this package reads itself, without a driver node; knows nothing of ROS."""

from eschernet_ros.cameras.camera import (
    Camera,
    CameraAbsentError,
    CameraDescription,
    CameraError,
    CameraFrame,
    CameraLostError,
    CameraSettingsError,
    MotionSample,
    RecordingEndedError,
)
from eschernet_ros.cameras.colour_control import MODES, ColourControl, ColourSettings
from eschernet_ros.cameras.depth_filters import HOLE_FILLING, DepthFilterSettings
from eschernet_ros.cameras.device_clock import DeviceClock
from eschernet_ros.cameras.profile import StreamProfile
from eschernet_ros.cameras.realsense import RealSenseCamera
from eschernet_ros.cameras.realsense_settings import RealSenseSettings
from eschernet_ros.cameras.reconnect import BackOff, frames

__all__ = [
    "HOLE_FILLING",
    "MODES",
    "BackOff",
    "Camera",
    "CameraAbsentError",
    "CameraDescription",
    "CameraError",
    "CameraFrame",
    "CameraLostError",
    "CameraSettingsError",
    "ColourControl",
    "ColourSettings",
    "DepthFilterSettings",
    "DeviceClock",
    "MotionSample",
    "RealSenseCamera",
    "RealSenseSettings",
    "RecordingEndedError",
    "StreamProfile",
    "frames",
]
