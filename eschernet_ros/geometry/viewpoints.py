# SPDX-License-Identifier: Apache-2.0
"""Sets of viewpoints around the object: upright cameras looking at it, as ``camera_gl_from_world``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry.se3 import SE3, FloatArray
from eschernet_ros.geometry.spherical import look_at_origin, spherical_from_pose

PUBLISHED_RADIUS = 1.5
"""Distance of the published spiral and of every Franka16 pose, in model units."""


def spiral_100(radius: float = PUBLISHED_RADIUS) -> list[SE3]:
    """The published evaluation's 100 targets: a spiral from the north pole to the south pole.

    With i = 0.01 + 0.4 n: polar pi i / 40, azimuth -i radians.
    """
    steps = 0.01 + 0.4 * np.arange(100)
    return [look_at_origin(-step, math.pi * step / 40.0, radius) for step in steps.tolist()]


def franka16_poses(angles: ArrayLike) -> list[SE3]:
    """Poses of a Franka16 recording: azimuth - 180 deg, polar 90 deg - elevation, radius 1.5.

    Args:
        angles: [N, 2] azimuth and elevation in **radians**, as in ``angles.npy``.

    Raises:
        EscherNetError: wrong shape, not finite, or an elevation beyond +-pi/2 (degrees, or columns swapped).
    """
    values = np.asarray(angles, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 2:
        raise EscherNetError(f"Franka16 angles must have shape [N, 2], they have {list(values.shape)}")
    if not np.isfinite(values).all():
        raise EscherNetError(f"Franka16 angles of view {int(np.argwhere(~np.isfinite(values))[0, 0])} are not finite")
    beyond = np.abs(values[:, 1]) > math.pi / 2 + 1e-9
    if beyond.any():
        view = int(np.argmax(beyond))
        raise EscherNetError(
            f"the elevation of Franka16 view {view} is {values[view, 1]:.4g} rad, beyond +-pi/2: "
            "angles.npy holds (azimuth, elevation) in radians; are these degrees or swapped columns?"
        )
    return [
        look_at_origin(azimuth - math.pi, math.pi / 2 - elevation, PUBLISHED_RADIUS)
        for azimuth, elevation in values.tolist()
    ]


def franka16_angles(camera_gl_from_world: SE3 | Iterable[SE3]) -> FloatArray:
    """Azimuth (0..2 pi) and elevation in radians of poses, [N, 2]: what ``angles.npy`` stores.

    The format has no room for the radius, the roll and the aim; `franka16_poses` puts every camera at radius
    1.5, upright, looking at the origin.
    """
    poses = [camera_gl_from_world] if isinstance(camera_gl_from_world, SE3) else list(camera_gl_from_world)
    angles = np.empty((len(poses), 2))
    for row, pose in zip(angles, poses, strict=True):
        azimuth, polar, _ = spherical_from_pose(pose)
        row[:] = (azimuth + math.pi) % (2.0 * math.pi), math.pi / 2 - polar
    return angles


def ring(count: int, polar: float, radius: float, start: float = 0.0) -> list[SE3]:
    """``count`` cameras at equal azimuth steps from ``start``, all at one polar angle and radius."""
    if count < 1:
        raise EscherNetError(f"a ring needs at least one camera, {count} were asked for")
    return [look_at_origin(start + 2.0 * math.pi * i / count, polar, radius) for i in range(count)]


def dome(counts: Sequence[int], polars: Sequence[float], radius: float) -> list[SE3]:
    """Rings of ``counts[i]`` cameras at ``polars[i]``, each second ring turned by half a step.

    Raises:
        EscherNetError: no ring, or counts and polars of different length.
    """
    if len(counts) != len(polars) or len(counts) == 0:
        raise EscherNetError(
            f"a dome needs one polar angle per ring: there are {len(counts)} counts and {len(polars)} polar angles"
        )
    return [
        pose
        for index, (count, polar) in enumerate(zip(counts, polars, strict=True))
        for pose in ring(count, polar, radius, start=(index % 2) * math.pi / max(count, 1))
    ]


def view_directions(poses: Iterable[SE3]) -> FloatArray:
    """Unit vectors from the origin to the cameras ``camera_gl_from_world``, [N, 3]."""
    centres = np.array([pose.inverse().translation for pose in poses]).reshape(-1, 3)
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    if (lengths <= 0.0).any():
        raise EscherNetError(f"camera {int(np.argmin(lengths))} is at the world's origin, it has no direction")
    return centres / lengths


def farthest_point_order(directions: ArrayLike, start: int = 0) -> list[int]:
    """An order of unit vectors [N, 3] in which each next one is the farthest from all before it.

    The first n of it are n well-spread views, for every n. Ties go to the lower index.

    Raises:
        EscherNetError: wrong shape, vectors that are not unit, or a start outside 0..N-1.
    """
    vectors = np.asarray(directions, dtype=np.float64)
    if vectors.ndim != 2 or vectors.shape[1] != 3 or len(vectors) == 0:
        raise EscherNetError(f"directions must have shape [N, 3] with N >= 1, they have {list(vectors.shape)}")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.allclose(lengths, 1.0, atol=1e-6):
        raise EscherNetError("directions must be unit vectors; view_directions makes them from poses")
    if not 0 <= start < len(vectors):
        raise EscherNetError(f"start is {start}, it must lie in 0..{len(vectors) - 1}")
    order = [start]
    nearest = vectors @ vectors[start]  # cosine to the nearest chosen one
    for _ in range(len(vectors) - 1):
        nearest[order[-1]] = np.inf  # never again
        following = int(np.argmin(nearest))
        order.append(following)
        nearest = np.maximum(nearest, vectors @ vectors[following])
    return order
