# SPDX-License-Identifier: Apache-2.0
"""Cameras on a sphere around the object: look-at poses, spherical coordinates, EscherNet's 4DoF vectors.

The world has z up and the object at its origin. Azimuth is measured in the xy plane from +x towards +y, the
polar angle from +z (0 looks straight down on the object), both in radians.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry.se3 import SE3, FloatArray

STANDOFF_RANGE = (1.5, 2.2)
"""Distances from the object's centre that the published models were trained on, in longest sides."""

_PARALLEL = 1e-6
_POLE = 1e-12
"""Distance from the axis, of the radius, below which a camera stands on it: rounding is less."""


class Spherical(NamedTuple):
    """Position of a camera: azimuth and polar angle (radians), radius (units of the world)."""

    azimuth: float
    polar: float
    radius: float


class PoseVector(NamedTuple):
    """A 4DoF pose for the model.

    Attributes:
        vector: [4] polar angle, azimuth, pi * log-normalised radius, 0.
        clipped: whether the true radius lay outside `STANDOFF_RANGE` and was clipped to it.
        radius: the true radius, before clipping.
    """

    vector: FloatArray
    clipped: bool
    radius: float


def look_at_origin(azimuth: float, polar: float, radius: float) -> SE3:
    """``camera_gl_from_world`` of an upright camera that looks at the origin (EscherNet's spherical poses).

    At the poles, where "upright" has no meaning, the azimuth decides the roll.

    Args:
        azimuth: radians, any value.
        polar: radians from +z, 0..pi.
        radius: distance from the origin, > 0.

    Raises:
        EscherNetError: values not finite, polar outside 0..pi, radius not positive.
    """
    if not all(math.isfinite(value) for value in (azimuth, polar, radius)):
        raise EscherNetError(f"azimuth, polar and radius must be finite, they are {azimuth}, {polar}, {radius}")
    if not -1e-9 <= polar <= math.pi + 1e-9:
        raise EscherNetError(
            f"the polar angle is {polar:.6g} rad, it must lie in 0..pi (measured from +z, in radians; "
            "polar = pi/2 - elevation)"
        )
    if radius <= 0.0:
        raise EscherNetError(f"the radius is {radius:.6g}, a camera needs a positive distance from the origin")
    sin_a, cos_a = math.sin(azimuth), math.cos(azimuth)
    sin_p, cos_p = math.sin(polar), math.cos(polar)
    return SE3(
        np.array(
            [
                [-sin_a, cos_a, 0.0, 0.0],
                [-cos_p * cos_a, -cos_p * sin_a, sin_p, 0.0],
                [sin_p * cos_a, sin_p * sin_a, cos_p, -radius],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )
    )


def look_at(eye: ArrayLike, target: ArrayLike, up: ArrayLike = (0.0, 0.0, 1.0)) -> SE3:
    """``world_from_camera_optical`` of a camera at ``eye`` that looks at ``target``, with ``up`` upwards.

    Args:
        eye: [3] camera centre.
        target: [3] point on the optical axis.
        up: [3] direction, any length.

    Raises:
        EscherNetError: eye and target coincide, up is zero or parallel to the viewing direction, or values
            are not finite.
    """
    eye_point, target_point, up_vector = (np.asarray(value, dtype=np.float64) for value in (eye, target, up))
    for name, value in (("eye", eye_point), ("target", target_point), ("up", up_vector)):
        if value.shape != (3,) or not np.isfinite(value).all():
            raise EscherNetError(f"{name} must be three finite numbers, it is {value.tolist()}")
    distance = float(np.linalg.norm(target_point - eye_point))
    if distance <= 0.0:
        raise EscherNetError(
            f"eye and target are the same point {eye_point.tolist()}: there is no direction to look in"
        )
    length = float(np.linalg.norm(up_vector))
    if length <= 0.0:
        raise EscherNetError("up is the zero vector: give a direction such as (0, 0, 1)")
    forward = (target_point - eye_point) / distance
    right = np.cross(forward, up_vector / length)
    sine = float(np.linalg.norm(right))
    if sine < _PARALLEL:
        raise EscherNetError(
            f"up {up_vector.tolist()} is parallel to the viewing direction {forward.tolist()}: "
            "the roll is undefined; give another up, for example (0, 1, 0), "
            "or use look_at_origin, where the azimuth decides it"
        )
    right /= sine
    rotation = np.column_stack([right, np.cross(forward, right), forward])
    return SE3.from_rotation_translation(rotation, eye_point)


def spherical_from_pose(camera_gl_from_world: SE3) -> Spherical:
    """Azimuth (-pi..pi), polar angle and radius of the camera centre; where the camera looks does not matter.

    But at the poles: a centre on the axis has no azimuth but that of rounding. There it is the one that makes
    `look_at_origin` a camera with the given camera's x axis.

    Raises:
        EscherNetError: the camera centre is the origin.
    """
    x, y, z = camera_gl_from_world.inverse().translation.tolist()
    radius = math.sqrt(x * x + y * y + z * z)
    if radius <= 0.0:
        raise EscherNetError("the camera centre is the world's origin, its spherical angles are undefined")
    beside = math.hypot(x, y)
    if beside < _POLE * radius:
        right = camera_gl_from_world.matrix[0]
        x, y = float(right[1]), -float(right[0])
    return Spherical(math.atan2(y, x), math.atan2(beside, z), radius)


def pose_vector_4dof(camera_gl_from_world: SE3) -> PoseVector:
    """The pose vector of the 4DoF model: (polar, azimuth, pi (ln r - ln 1.5) / (ln 2.2 - ln 1.5), 0).

    The vector says nothing about roll or aim, but for the azimuth at the poles (`spherical_from_pose`): the 4DoF model
    takes for granted that the camera is upright and looks at the origin (`aim_deviation` measures both).

    Raises:
        EscherNetError: the camera centre is the origin.
    """
    azimuth, polar, radius = spherical_from_pose(camera_gl_from_world)
    nearest, farthest = STANDOFF_RANGE
    kept = min(max(radius, nearest), farthest)
    # a radius that only rounding carries over the limit (1.5 - 1e-16 in a spiral) is no clipping
    clipped = abs(kept - radius) > 1e-6 * radius
    position = math.log(kept / nearest) / math.log(farthest / nearest)
    return PoseVector(np.array([polar, azimuth, math.pi * position, 0.0]), clipped, radius)


class AimDeviation(NamedTuple):
    """How far a camera is from "upright and looking at the origin", in radians.

    Attributes:
        aim: angle between the optical axis and the direction to the origin, 0..pi.
        roll: rotation of the image about its axis that is left after aiming, -pi..pi; positive when the
            camera is turned clockwise as seen from behind it.
    """

    aim: float
    roll: float


def aim_deviation(camera_gl_from_world: SE3) -> AimDeviation:
    """Aim and roll of a camera against the upright camera at the same place that looks at the origin.

    The published models have only seen cameras for which both are zero (training data of arXiv 2402.03908).

    Raises:
        EscherNetError: the camera centre is the origin.
    """
    upright = look_at_origin(*spherical_from_pose(camera_gl_from_world))
    # z axis of the true camera in the upright one's axes, then what remains is a turn about z
    camera_from_upright = camera_gl_from_world.matrix[:3, :3] @ upright.matrix[:3, :3].T
    axis = camera_from_upright[2]
    aim = math.atan2(math.hypot(axis[0], axis[1]), axis[2])
    quaternion = SE3.from_rotation_translation(camera_from_upright.T, np.zeros(3)).quaternion_xyzw
    twist = 2.0 * math.atan2(-quaternion[2], quaternion[3])
    return AimDeviation(aim, math.remainder(twist, 2.0 * math.pi))
