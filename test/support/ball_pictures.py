# SPDX-License-Identifier: Apache-2.0
"""Pictures of a coloured ball, drawn without any code under test but the cameras."""

from __future__ import annotations

import numpy as np

from eschernet_ros.geometry import model_camera


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
