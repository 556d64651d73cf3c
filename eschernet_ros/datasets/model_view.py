# SPDX-License-Identifier: Apache-2.0
"""Views as the model's camera would have taken them from the same places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eschernet_ros.datasets.dataset_writer import cameras_of
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.geometry import (
    SE3,
    PinholeCamera,
    look_at_origin,
    model_camera,
    resample,
    spherical_from_pose,
    stack_matrices,
    world_from_camera_optical,
)

_SAME = 1e-6


def is_model_camera(camera: PinholeCamera) -> bool:
    """Whether a camera is the model's, at its own image size."""
    wanted = model_camera(camera.width)
    pairs = ((getattr(camera, name), getattr(wanted, name)) for name in ("height", "fx", "fy", "cx", "cy"))
    return not camera.distortion and all(abs(a - b) <= _SAME * camera.width for a, b in pairs)


def on_model_camera(views: PosedImages, size: int) -> PosedImages:
    """The views resampled to the model's camera, turned upright and towards the object's centre.

    Camera centres stay; the turn is a pure rotation, so no depth is needed. Lens distortion is removed; what the
    sources do not show, and everything outside the masks, is white.

    Args:
        views: with intrinsics; the object is at the world's origin.
        size: side of the new images.

    Raises:
        DatasetError: the views have no intrinsics.
    """
    images, masks, poses = [], [], []
    for row, (camera, pose) in enumerate(zip(cameras_of(views, "of the model"), views.poses, strict=True)):
        aimed = look_at_origin(*spherical_from_pose(pose))
        turn = world_from_camera_optical(pose).inverse() @ world_from_camera_optical(aimed)
        mask = None if views.masks is None else views.masks[row]
        result = resample(views.images[row], camera, model_camera(size), mask, turn.rotation)
        images.append(result.image)
        masks.append(result.mask)
        poses.append(SE3.from_matrix(aimed.matrix))
    return replace(
        views,
        images=np.stack(images),
        masks=None if views.masks is None else np.stack(masks),
        camera_gl_from_world=stack_matrices(poses),
        cameras=(model_camera(size),) * len(views),
    )
