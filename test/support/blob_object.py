# SPDX-License-Identifier: Apache-2.0
"""An object made of coloured balls, drawn ray by ray, no code under test but the pose; small data sets of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from eschernet_ros.geometry import SE3, look_at_origin

SIZE = 40
BALLS = (
    (np.array([0.0, 0.0, -0.2]), 0.28, (200, 60, 40)),
    (np.array([0.3, 0.0, 0.1]), 0.18, (40, 160, 60)),
    (np.array([-0.1, 0.25, 0.3]), 0.16, (50, 80, 200)),
    (np.array([-0.3, -0.2, -0.3]), 0.14, (220, 190, 40)),
)
"""Centre, radius, colour; not symmetric in any way; longest side of the box 0.98."""


def poses(count: int = 12, radius: float = 1.8) -> list[SE3]:
    """``camera_gl_from_object`` of cameras all around, at elevations from -20 to 60 degrees."""
    golden = math.pi * (3.0 - math.sqrt(5.0))
    return [
        look_at_origin(i * golden, math.pi / 2 - math.radians(-20.0 + 80.0 * i / max(count - 1, 1)), radius)
        for i in range(count)
    ]


def draw(camera_gl_from_object: SE3, size: int = SIZE) -> np.ndarray:
    """RGBA [size, size, 4] from there with the model's camera (f = 280/256 of the width); alpha 0 beside the object."""
    focal, middle = size * 280.0 / 256.0, (size - 1) / 2.0
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    rays = np.stack([(columns - middle) / focal, -(rows - middle) / focal, -np.ones((size, size))], axis=-1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    rgba = np.zeros((size, size, 4), np.uint8)
    nearest = np.full((size, size), np.inf)
    for centre, radius, colour in BALLS:
        ball = camera_gl_from_object @ centre
        along = rays @ ball
        inside = radius**2 - (ball @ ball - along**2)
        distance = np.where(inside > 0.0, along - np.sqrt(np.maximum(inside, 0.0)), np.inf)
        rgba[distance < nearest] = (*colour, 255)
        nearest = np.minimum(nearest, distance)
    return rgba


def write_renders(
    folder: Path,
    cameras: Sequence[SE3] | None = None,
    stored: Callable[[SE3], np.ndarray] = lambda pose: pose.matrix,
) -> Path:
    """A folder of renders, ``%03d.png`` and ``%03d.npy``; ``stored`` is what the files hold of a pose."""
    folder.mkdir(parents=True)
    for number, pose in enumerate(poses() if cameras is None else cameras):
        Image.fromarray(draw(pose)).save(folder / f"{number:03d}.png")
        np.save(folder / f"{number:03d}.npy", stored(pose)[:3])
    return folder


def write_angles(folder: Path, stored: Callable[[np.ndarray], np.ndarray] = lambda angles: angles) -> Path:
    """A published Franka16 object; ``stored`` is what ``angles.npy`` holds of azimuth and elevation [N, 2]."""
    (folder / "images_rgba").mkdir(parents=True)
    cameras = poses(radius=1.5)
    angles = []
    for number, pose in enumerate(cameras):
        Image.fromarray(draw(pose)).save(folder / "images_rgba" / f"frame{number:06d}.png")
        x, y, z = pose.inverse().translation / 1.5
        angles.append(((math.atan2(y, x) + math.pi) % (2.0 * math.pi), math.asin(z)))
    np.save(folder / "angles.npy", stored(np.array(angles)))
    return folder
