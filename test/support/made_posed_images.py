# SPDX-License-Identifier: Apache-2.0
"""Posed images made of nothing: noise on white, with edge pixels, under any cameras and poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eschernet_ros.datasets import PosedImages
from eschernet_ros.geometry import SE3, PinholeCamera, look_at_origin, stack_matrices


def posed_images(
    poses: Sequence[SE3] | int = 3,
    cameras: Sequence[PinholeCamera] | PinholeCamera | None = None,
    *,
    masked: bool = True,
    name: str = "mug",
    size: tuple[int, int] = (16, 16),
    **changes,
) -> PosedImages:
    """Noise in a square in the middle, white around it, and a row of coloured edge pixels that the mask leaves out.

    Args:
        poses: of the views, or how many upright ones.
        cameras: one for each view or one for all; None: no intrinsics, images of ``size`` (width, height).
        masked: give them masks; else all is noise.
        name: of the object.
        size: see ``cameras``.
        changes: other fields.
    """
    if isinstance(poses, int):
        poses = [look_at_origin(0.7 * number, 1.0 + 0.1 * number, 1.6 + 0.05 * number) for number in range(poses)]
    if isinstance(cameras, PinholeCamera):
        cameras = [cameras] * len(poses)
    width, height = size if cameras is None else (cameras[0].width, cameras[0].height)
    rng = np.random.default_rng(len(poses))
    images = rng.integers(0, 256, (len(poses), height, width, 3), dtype=np.uint8)
    masks = None
    if masked:
        masks = np.zeros(images.shape[:3], dtype=bool)
        masks[:, height // 4 : -height // 4, width // 4 : -width // 4] = True
        edge = np.zeros_like(masks)
        edge[:, height // 4 - 1, width // 4 : -width // 4] = True
        images[~(masks | edge)] = 255
    fields = {
        "name": name,
        "layout": "made",
        "view_ids": tuple(range(len(poses))),
        "images": images,
        "masks": masks,
        "camera_gl_from_world": stack_matrices(poses),
        "pose_source": "Made.",
        "cameras": None if cameras is None else tuple(cameras),
    }
    return PosedImages(**{**fields, **changes})
