# SPDX-License-Identifier: Apache-2.0
"""The published evaluation's rule for the poses of NeRF Synthetic (Blender camera-to-world matrices)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry.se3 import SE3

_WORLD_FLIP = SE3(np.diag([1.0, -1.0, -1.0, 1.0]))
_RADIUS = 1.5


def nerf_synthetic_poses(world_from_camera_gl: Iterable[SE3], largest_training_radius: float) -> list[SE3]:
    """6DoF poses (``camera_gl_from_world``) of a NeRF Synthetic scene by the published rule.

    The world is turned by half a turn about x (which changes no relative pose) and scaled so that the
    farthest training camera is 1.5 from the origin. For the 4DoF model the published rule does neither: it
    takes ``pose_vector_4dof(world_from_camera_gl.inverse())``, whose radius (about 4) is clipped.

    Args:
        world_from_camera_gl: ``transform_matrix`` of the frames.
        largest_training_radius: the largest distance of a **training** camera from the origin, also for
            test frames.

    Raises:
        EscherNetError: a radius that is not positive and finite.
    """
    if not math.isfinite(largest_training_radius) or largest_training_radius <= 0.0:
        raise EscherNetError(f"the largest training radius must be positive, it is {largest_training_radius}")
    scale = _RADIUS / largest_training_radius
    poses = []
    for pose in world_from_camera_gl:
        unscaled = (_WORLD_FLIP @ pose).inverse()
        poses.append(SE3.from_rotation_translation(unscaled.matrix[:3, :3], unscaled.translation * scale))
    return poses
