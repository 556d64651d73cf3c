# SPDX-License-Identifier: Apache-2.0
"""PosedView messages made without a camera, for tests of the nodes that take them."""

from __future__ import annotations

import math

import numpy as np
from eschernet_ros.msg import PosedView as PosedViewMessage

from eschernet_ros.capture import PosedView, PoseSample
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera, look_at_origin, model_camera
from eschernet_ros.nodes import messages

CAMERA = PinholeCamera(640, 480, 607.0, 607.0, 320.0, 240.0)
OBJECT = ObjectFrame(SE3.from_rotvec([0.0, 0.0, 0.4], [0.5, 0.1, 0.2]), (0.1, 0.2, 0.05))
HAND_EYE = SE3.from_rotvec([0.0, 0.0, 1.2], [0.05, 0.0, 0.03])


def camera_pose(azimuth_deg: float, radius: float = 1.5) -> SE3:
    """Return ``base_from_camera_optical`` of a camera that looks at the object."""
    return OBJECT.denormalise(look_at_origin(math.radians(azimuth_deg), math.radians(70.0), radius))


def made_view(
    index: int, azimuth_deg: float, *, size: int = 64, object_frame: ObjectFrame = OBJECT
) -> PosedViewMessage:
    """Return a view with a coloured square on white."""
    image = np.full((size, size, 3), 255, np.uint8)
    mask = np.zeros((size, size), bool)
    mask[size // 4 : -size // 4, size // 4 : -size // 4] = True
    image[mask] = np.random.default_rng(index).integers(0, 256, 3, np.uint8)
    stamp_ns = 1_700_000_000_000_000_000 + index * 1_000_000_000
    base_from_camera = camera_pose(azimuth_deg)
    view = PosedView(
        index=index,
        stamp_ns=stamp_ns,
        image_stamp_ns=stamp_ns + 4_000_000,
        image=image,
        mask=mask,
        camera=model_camera(size),
        source_camera=CAMERA,
        base_from_camera_optical=base_from_camera,
        object_frame=object_frame,
        pose_sample=PoseSample(base_from_camera @ HAND_EYE.inverse(), stamp_ns, 4_000_000, 1_000_000, 0.0, 0.0),
    )
    info = messages.to_camera_info(CAMERA, "camera_color_optical_frame", messages.to_time(stamp_ns))
    return messages.to_posed_view(view, object_frame="object", base_frame="base", hand_eye=HAND_EYE, source_info=info)
