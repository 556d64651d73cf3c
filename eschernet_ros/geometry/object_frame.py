# SPDX-License-Identifier: Apache-2.0
"""From robot coordinates in metres to the model's world: object at the origin, longest side 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry.frames import camera_gl_from_world, world_from_camera_optical
from eschernet_ros.geometry.se3 import SE3

MAX_SIDE_M = 5.0
"""A longer box is taken for one given in millimetres."""


@dataclass(frozen=True)
class ObjectFrame:
    """The object's box: the frame the model calls the world, and the scale that makes its longest side 1.

    Args:
        base_from_object: pose of the object frame in the robot's base frame, metres. Its origin is the
            **centre** of the box, its axes are the box's, its z axis points up.
        size: side lengths (x, y, z) of the box in metres.

    Raises:
        EscherNetError: a size that is not three positive finite numbers, or longer than `MAX_SIDE_M`.
    """

    base_from_object: SE3
    size: tuple[float, float, float]

    def __post_init__(self) -> None:
        size: Sequence[float] = tuple(float(side) for side in np.asarray(self.size, dtype=np.float64).ravel())
        if len(size) != 3 or not all(np.isfinite(side) and side > 0.0 for side in size):
            raise EscherNetError(f"the object's size must be three positive lengths in metres, it is {size}")
        if max(size) > MAX_SIDE_M:
            raise EscherNetError(
                f"the object's longest side is {max(size):g} m, more than {MAX_SIDE_M:g} m: "
                "is the size given in millimetres? It is expected in metres"
            )
        object.__setattr__(self, "size", size)

    @property
    def scale(self) -> float:
        """Model units per metre: 1 / longest side."""
        return 1.0 / max(self.size)

    def normalise(self, base_from_camera_optical: SE3) -> SE3:
        """EscherNet's pose (``camera_gl_from_object``, model units) of a camera posed in the base, metres."""
        object_from_camera = self.base_from_object.inverse() @ base_from_camera_optical
        return camera_gl_from_world(_scaled(object_from_camera, self.scale))

    def denormalise(self, camera_gl_from_object: SE3) -> SE3:
        """``base_from_camera_optical`` in metres of an EscherNet pose; the inverse of `normalise`."""
        object_from_camera = world_from_camera_optical(camera_gl_from_object)
        return self.base_from_object @ _scaled(object_from_camera, 1.0 / self.scale)

    def standoff(self, base_from_camera_optical: SE3) -> float:
        """Distance from the object's centre to the camera in model units; trained on `STANDOFF_RANGE`."""
        offset = base_from_camera_optical.translation - self.base_from_object.translation
        return float(np.linalg.norm(offset)) * self.scale


def _scaled(transform: SE3, scale: float) -> SE3:
    return SE3.from_rotation_translation(transform.matrix[:3, :3], transform.translation * scale)
