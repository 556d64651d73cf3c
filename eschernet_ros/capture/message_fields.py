# SPDX-License-Identifier: Apache-2.0
"""Stamps, transforms and cameras of messages, read by rclpy from a topic or by rosbags from a file.

Knows fields by name only, so that no ROS package is imported. ROS 1 names the matrices of a CameraInfo in capitals.
"""

from __future__ import annotations

from typing import Any

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

_DISTORTIONS = ("plumb_bob", "rational_polynomial")


def stamp_of(header: Any) -> int:
    """A header's stamp in nanoseconds."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def transform_of(message: Any) -> SE3:
    """A Transform or a Pose.

    Raises:
        EscherNetError: NaN, or a quaternion that is not of unit length (all zero: never filled in).
    """
    position = message.translation if hasattr(message, "translation") else message.position
    turn = message.rotation if hasattr(message, "rotation") else message.orientation
    return SE3.from_quaternion_xyzw([turn.x, turn.y, turn.z, turn.w], [position.x, position.y, position.z])


def camera_of(message: Any) -> PinholeCamera:
    """The pinhole camera of a CameraInfo.

    Raises:
        EscherNetError: an uncalibrated camera (all zero K), or a distortion model that is not OpenCV's.
    """
    distortion = [float(value) for value in (message.d if hasattr(message, "d") else message.D)]
    if message.distortion_model not in ("", *_DISTORTIONS) and any(distortion):
        raise EscherNetError(
            f"camera_info of frame '{message.header.frame_id}' has distortion model '{message.distortion_model}'; "
            f"understood are {', '.join(_DISTORTIONS)}: rectify the images first (image_proc)"
        )
    matrix = message.k if hasattr(message, "k") else message.K
    return PinholeCamera.from_matrix(matrix, message.width, message.height, tuple(distortion))
