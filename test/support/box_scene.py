# SPDX-License-Identifier: Apache-2.0
"""Boxes in the air, on tables, on each other: exact depth from any camera, with or without noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eschernet_ros.geometry import SE3, PinholeCamera, look_at

CAMERA = PinholeCamera(320, 240, 303.6, 303.4, 160.7, 123.9)


@dataclass(frozen=True)
class Box:
    """A box standing on its bottom face: centre of that face (metres), sides, and turn about z in degrees."""

    foot: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw_deg: float = 0.0

    @property
    def base_from_box(self) -> SE3:
        """Pose of the box's centre."""
        x, y, z = self.foot
        return SE3.from_rotvec([0.0, 0.0, np.radians(self.yaw_deg)], [x, y, z + self.size[2] / 2.0])


TABLE = Box((0.45, 0.0, -0.02), (1.0, 1.0, 0.02))


def depth_of(
    boxes: list[Box], base_from_camera: SE3, noise: float = 0.0, seed: int = 0, camera: PinholeCamera = CAMERA
) -> np.ndarray:
    """Depth [H, W] float32 metres, 0 where nothing is, with Gaussian noise of ``noise`` metres."""
    nearest = np.full((camera.height, camera.width), np.inf)
    rays = camera.rays(camera.pixel_grid())
    for box in boxes:
        box_from_camera = box.base_from_box.inverse() @ base_from_camera
        turned = rays @ box_from_camera.matrix[:3, :3].T
        eye, half = box_from_camera.translation, np.array(box.size) / 2.0
        with np.errstate(divide="ignore", invalid="ignore"):
            first, second = (-half - eye) / turned, (half - eye) / turned
        near = np.minimum(first, second).max(axis=-1)
        far = np.maximum(first, second).min(axis=-1)
        nearest = np.where((near < far) & (near > 0.0), np.minimum(nearest, near), nearest)
    depth = np.where(np.isfinite(nearest), nearest, 0.0)
    if noise:
        depth = np.where(depth > 0.0, depth + np.random.default_rng(seed).normal(0.0, noise, depth.shape), 0.0)
    return depth.astype(np.float32)


def cameras_around(centre: tuple[float, float, float], count: int = 4, distance: float = 0.35) -> list[SE3]:
    """Cameras all around a point, 40 degrees above it, looking at it."""
    poses = []
    for azimuth in 2.0 * np.pi * np.arange(count) / count + 0.3:
        up, out = distance * np.sin(np.radians(40.0)), distance * np.cos(np.radians(40.0))
        eye = np.array(centre) + np.array([out * np.cos(azimuth), out * np.sin(azimuth), up])
        poses.append(look_at(eye, centre))
    return poses
