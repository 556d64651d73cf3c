# SPDX-License-Identifier: Apache-2.0
"""Messages of a bag as arrays and transforms. Knows fields by name only, so no ROS package is imported."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from eschernet_ros.capture.image_messages import colour_from_image
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

_DISTORTIONS = ("", "plumb_bob", "rational_polynomial")


def colour_of(message: Any) -> NDArray[np.uint8]:
    """[H, W, 3] uint8 RGB of an Image or CompressedImage.

    Raises:
        EscherNetError: an encoding that is not understood, or damaged data.
    """
    if hasattr(message, "format"):
        picture = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise EscherNetError(f"a compressed image (format '{message.format}') in the bag cannot be decoded")
        return np.ascontiguousarray(picture[..., ::-1])
    return colour_from_image(message)


def camera_of(message: Any) -> PinholeCamera:
    """Intrinsics of a CameraInfo.

    Raises:
        EscherNetError: not calibrated, or a distortion model that is not OpenCV's.
    """
    if message.distortion_model not in _DISTORTIONS:
        raise EscherNetError(
            f"camera_info has distortion model '{message.distortion_model}'; understood are plumb_bob and "
            "rational_polynomial"
        )
    return PinholeCamera.from_matrix(message.k, message.width, message.height, tuple(float(v) for v in message.d))


def transform_of(message: Any) -> SE3:
    """A Transform or a Pose.

    Raises:
        EscherNetError: no rigid transform.
    """
    position = message.translation if hasattr(message, "translation") else message.position
    turn = message.rotation if hasattr(message, "rotation") else message.orientation
    return SE3.from_quaternion_xyzw([turn.x, turn.y, turn.z, turn.w], [position.x, position.y, position.z])
