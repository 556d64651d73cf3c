# SPDX-License-Identifier: Apache-2.0
"""A box on a table, rendered analytically: exact depth, mask and colour from any camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera

FLOOR_COLOUR = (0, 0, 255)
FACE_COLOURS = np.array([(255, 0, 0), (200, 30, 0), (230, 60, 0)], np.uint8)  # faces across x, y and z


@dataclass(frozen=True)
class Shot:
    """What a camera sees: colour [H,W,3] uint8, depth [H,W] float32 m, mask [H,W] bool."""

    colour: np.ndarray
    depth: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class Bench:
    """A box standing on an endless table."""

    frame: ObjectFrame

    def shoot(self, base_from_camera: SE3, camera: PinholeCamera) -> Shot:
        """Intersect every pixel's ray with the box (slab method) and the table plane."""
        object_from_camera = self.frame.base_from_object.inverse() @ base_from_camera
        rays = camera.rays(camera.pixel_grid()) @ object_from_camera.matrix[:3, :3].T
        eye, half = object_from_camera.translation, np.array(self.frame.size) / 2.0
        with np.errstate(divide="ignore"):
            first, second = (-half - eye) / rays, (half - eye) / rays
            table = (-half[2] - eye[2]) / rays[..., 2]
        enter = np.minimum(first, second)
        near, far = enter.max(axis=-1), np.maximum(first, second).min(axis=-1)
        mask = (near < far) & (near > 0.0)
        floor = np.where(table > 0.0, table, 0.0)
        depth = np.where(mask, near, floor)  # rays have z = 1, so the ray parameter is the depth
        colour = np.where(mask[..., None], FACE_COLOURS[enter.argmax(axis=-1)], FLOOR_COLOUR)
        return Shot(colour.astype(np.uint8), depth.astype(np.float32), mask)


@pytest.fixture(scope="session")
def bench() -> Bench:
    """A 12 x 6 x 6 cm box, turned by 30 degrees, on a table at z = 0 half a metre before the robot."""
    base_from_object = SE3.from_rotvec([0.0, 0.0, np.radians(30.0)], [0.5, 0.0, 0.03])
    return Bench(ObjectFrame(base_from_object, (0.12, 0.06, 0.06)))


@pytest.fixture(scope="session")
def realsense() -> PinholeCamera:
    """Intrinsics like a D435's colour stream at 640x480."""
    return PinholeCamera(640, 480, 607.2, 606.8, 321.4, 247.9)
