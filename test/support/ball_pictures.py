# SPDX-License-Identifier: Apache-2.0
"""Pictures of a coloured ball, drawn without any code under test but the cameras."""

from __future__ import annotations

import numpy as np

from eschernet_ros.geometry import look_at_origin, model_camera, stack_matrices


def ball_image(pose, size: int = 32) -> np.ndarray:
    """A ball of radius 0.5 coloured by direction, RGBA [size, size, 4], seen from ``camera_gl_from_world`` [4, 4]."""
    camera = model_camera(size)
    rays = camera.rays(camera.pixel_grid()) * [1.0, -1.0, -1.0]  # optical to OpenGL axes
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    directions = rays @ pose[:3, :3]
    centre = -pose[:3, :3].T @ pose[:3, 3]
    along = directions @ centre
    inside = along**2 - centre @ centre + 0.25
    hit = inside > 0.0
    depth = -along - np.sqrt(np.maximum(inside, 0.0))
    points = centre + depth[..., None] * directions
    rgba = np.zeros((size, size, 4), np.uint8)
    rgba[hit, :3] = np.clip(255.0 * (points[hit] + 0.5), 0, 250)
    rgba[hit, 3] = 255
    return rgba


def ball_views(count: int, size: int = 32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images on white, masks and poses of views from all around."""
    rng = np.random.default_rng(0)
    poses = stack_matrices(
        look_at_origin(azimuth, np.arccos(height), 1.8)
        for azimuth, height in zip(rng.uniform(0, 6.28, count), rng.uniform(-0.7, 0.7, count), strict=True)
    )
    rgba = np.stack([ball_image(pose, size) for pose in poses])
    masks = rgba[..., 3] > 0
    return np.where(masks[..., None], rgba[..., :3], np.uint8(255)), masks, poses
