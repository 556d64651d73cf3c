# SPDX-License-Identifier: Apache-2.0
"""Surfaces that objects are put together from: lathe, box, prism, superquadric, tube.

All are in metres with z up; texture coordinates fill [0, 1] x [0, 1], u to the right and v up as seen from
outside. Around the vertical axis u = 0.5 looks along +x (the front) and u grows counter-clockwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.errors import EscherNetError


@dataclass(frozen=True, eq=False)
class Surface:
    """A textured surface, open or closed: vertices [V, 3] m, faces [F, 3] (outward), uv [V, 2]."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    uv: NDArray[np.float64]

    def moved(self, translation: ArrayLike = (0.0, 0.0, 0.0), rotation: ArrayLike | None = None) -> Surface:
        """The same surface turned by ``rotation`` [3, 3] and then moved by ``translation`` [3] metres."""
        vertices = self.vertices if rotation is None else self.vertices @ np.asarray(rotation, float).T
        return Surface(vertices + np.asarray(translation, float), self.faces, self.uv)


def _grid(points: NDArray[np.float64], u: NDArray[np.float64], v: NDArray[np.float64]) -> Surface:
    """Triangulate points [rows, columns, 3] (rows go up, columns go right seen from outside)."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    vertices = points.reshape(-1, 3)
    corner = vertices[faces]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    uu, vv = np.broadcast_arrays(u[None, :], v[:, None])
    uv = np.stack([uu.ravel(), vv.ravel()], -1)
    used, renumbered = np.unique(faces[area > 1e-14], return_inverse=True)
    return Surface(vertices[used], renumbered.reshape(-1, 3).astype(np.int32), uv[used])


def lathe(profile: ArrayLike, segments: int = 72, planar: bool = False) -> Surface:
    """Turn a profile about the z axis.

    Args:
        profile: [N, 2] (radius, z) in metres. Running upward gives a surface that looks outward, inward
            at the bottom of a cup and so on: the surface looks to the right of the profile's direction
            when the radius is drawn to the right and z up.
        segments: facets around the axis.
        planar: map the texture from above instead of wrapping it (for caps): u along +y, v along -x,
            so that the picture is upright for a viewer in front.
    """
    points = np.asarray(profile, float)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or (points[:, 0] < 0).any():
        raise EscherNetError(f"a lathe profile is [N >= 2, 2] with radii >= 0, got shape {points.shape}")
    turn = np.arange(segments + 1)
    angle = 2 * np.pi * (turn % segments) / segments - np.pi
    x = points[:, :1] * np.cos(angle)
    y = points[:, :1] * np.sin(angle)
    z = np.broadcast_to(points[:, 1:], x.shape)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    surface = _grid(np.stack([x, y, z], -1), turn / segments, length / length[-1])
    if not planar:
        return surface
    reach = 2 * points[:, 0].max()
    uv = np.stack([surface.vertices[:, 1], -surface.vertices[:, 0]], -1) / reach + 0.5
    return Surface(surface.vertices, surface.faces, np.clip(uv, 0, 1))


def quad(lower_left: ArrayLike, lower_right: ArrayLike, upper_right: ArrayLike, upper_left: ArrayLike) -> Surface:
    """A flat four-cornered face; the corners are named as seen from outside."""
    corners = np.array([lower_left, lower_right, upper_right, upper_left], float)
    return Surface(
        corners,
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float),
    )


def box(size: ArrayLike, centre: ArrayLike = (0.0, 0.0, 0.0)) -> dict[str, Surface]:
    """Six faces of a box: ``front`` (+x), ``left`` (+y), ``back`` (-x), ``right`` (-y), ``top``, ``bottom``.

    Left is the object's own left: a viewer in front of it sees that side on the right.
    """
    x, y, z = np.asarray(size, float) / 2
    corner = {
        "front": ((x, -y, -z), (x, y, -z), (x, y, z), (x, -y, z)),
        "left": ((x, y, -z), (-x, y, -z), (-x, y, z), (x, y, z)),
        "back": ((-x, y, -z), (-x, -y, -z), (-x, -y, z), (-x, y, z)),
        "right": ((-x, -y, -z), (x, -y, -z), (x, -y, z), (-x, -y, z)),
        "top": ((x, -y, z), (x, y, z), (-x, y, z), (-x, -y, z)),
        "bottom": ((-x, -y, -z), (-x, y, -z), (x, y, -z), (x, -y, -z)),
    }
    return {side: quad(*points).moved(centre) for side, points in corner.items()}


def prism(outline: ArrayLike, depth: float) -> dict[str, Surface]:
    """Extrude a convex outline along x: ``front`` (+x), ``back`` (-x) and one surface ``side0``.. per edge.

    Args:
        outline: [N, 2] convex polygon (y, z) in metres, counter-clockwise seen from the front.
        depth: extent along x, centred at x = 0.

    Raises:
        EscherNetError: when the outline is not a convex counter-clockwise polygon.
    """
    points = np.asarray(outline, float)
    edge = np.roll(points, -1, axis=0) - points
    following = np.roll(edge, -1, axis=0)
    turns = edge[:, 0] * following[:, 1] - edge[:, 1] * following[:, 0]
    if points.ndim != 2 or len(points) < 3 or (turns <= 0).any():
        raise EscherNetError("a prism's outline must be a convex, counter-clockwise polygon [N >= 3, 2]")
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    uv = (points - low) / span
    fan = np.array([[0, i, i + 1] for i in range(1, len(points) - 1)], np.int32)
    front = np.column_stack([np.full(len(points), depth / 2), points])
    back = np.column_stack([np.full(len(points), -depth / 2), points])
    parts = {
        "front": Surface(front, fan, uv),
        "back": Surface(back, fan[:, ::-1].copy(), np.column_stack([1 - uv[:, 0], uv[:, 1]])),
    }
    for i in range(len(points)):
        j = (i + 1) % len(points)
        parts[f"side{i}"] = quad(front[i], back[i], back[j], front[j])
    return parts


def superquadric(size: ArrayLike, vertical: float = 1.0, horizontal: float = 1.0, segments: int = 48) -> Surface:
    """A closed superellipsoid (Barr 1981): exponent 1 is an ellipsoid, towards 0 a box, 2 an octahedron.

    Args:
        size: (x, y, z) side lengths in metres.
        vertical: exponent of the outline seen from the side.
        horizontal: exponent of the outline seen from above.
        segments: facets around; half as many from pole to pole.
    """
    half = np.asarray(size, float) / 2

    def power(value: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
        return np.sign(value) * np.abs(value) ** exponent

    turn = np.arange(segments + 1)
    longitude = 2 * np.pi * (turn % segments) / segments - np.pi
    latitude = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)[:, None]
    radius = power(np.cos(latitude), vertical)
    radius[[0, -1]] = 0.0
    points = np.stack(
        [
            half[0] * radius * power(np.cos(longitude), horizontal),
            half[1] * radius * power(np.sin(longitude), horizontal),
            np.broadcast_to(half[2] * power(np.sin(latitude), vertical), (len(latitude), segments + 1)),
        ],
        -1,
    )
    return _grid(points, turn / segments, np.linspace(0, 1, len(latitude), dtype=np.float64))


def tube(path: ArrayLike, radius: ArrayLike, flatness: float = 1.0, segments: int = 20) -> Surface:
    """A closed tube along a path, its ends capped: handles, spouts, wheels.

    Args:
        path: [N, 3] points in metres, no two neighbours equal.
        radius: one radius or [N] radii in metres.
        flatness: the section's second half-axis as a fraction of the first.
        segments: facets around. The texture's u runs around the tube and v along it.
    """
    points = np.asarray(path, float)
    radii = np.broadcast_to(np.asarray(radius, float), len(points))
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent[0], [0.0, 0.0, 1.0])
    if np.linalg.norm(side) < 1e-6:
        side = np.array([1.0, 0.0, 0.0])
    sides = []
    for direction in tangent:  # carry the section along without twist
        side = side - direction * (side @ direction)
        side /= np.linalg.norm(side)
        sides.append(side)
    first = np.array(sides)
    second = np.cross(tangent, first)
    turn = np.arange(segments + 1)
    angle = 2 * np.pi * (turn % segments) / segments
    ring = (
        np.cos(angle)[None, :, None] * first[:, None, :] + flatness * np.sin(angle)[None, :, None] * second[:, None, :]
    )
    rings = points[:, None, :] + radii[:, None, None] * ring
    rings = np.concatenate([np.broadcast_to(points[0], rings[:1].shape), rings[:1], rings])
    rings = np.concatenate([rings, rings[-1:], np.broadcast_to(points[-1], rings[:1].shape)])
    along = np.linspace(0.03, 0.97, len(points))
    return _grid(rings, turn / segments, np.concatenate([[0.0, 0.03], along, [0.97, 1.0]]))


def extrusion(outline: ArrayLike, depth: float, kernel: ArrayLike = (0.0, 0.0)) -> dict[str, Surface]:
    """Extrude a star-shaped outline along x: ``front`` (+x), ``back`` (-x) and one surface ``side0``.. per edge.

    Unlike `prism` the outline need not be convex; the texture of the sides runs once around all of them.

    Args:
        outline: [N, 2] polygon (y, z) in metres, counter-clockwise seen from the front.
        depth: extent along x, centred at x = 0.
        kernel: [2] a point (y, z) inside, from which every edge is seen from its inner side.

    Raises:
        EscherNetError: when an edge is not seen counter-clockwise from the kernel.
    """
    points = np.asarray(outline, float)
    middle = np.asarray(kernel, float)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise EscherNetError(f"an extrusion's outline must be a polygon [N >= 3, 2], got shape {points.shape}")
    following = np.roll(points, -1, axis=0)
    one, two = points - middle, following - middle
    if (one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] <= 0).any():
        raise EscherNetError(
            f"an extrusion's outline must run counter-clockwise as seen from its kernel {middle.tolist()}"
        )
    count = len(points)
    fan = np.column_stack([np.zeros(count, np.int32), 1 + np.arange(count), 1 + (1 + np.arange(count)) % count])
    flat = np.concatenate([middle[None], points])
    uv = (flat - points.min(axis=0)) / np.ptp(points, axis=0)
    front = np.column_stack([np.full(count + 1, depth / 2), flat])
    back = np.column_stack([np.full(count + 1, -depth / 2), flat])
    parts = {
        "front": Surface(front, fan.astype(np.int32), uv),
        "back": Surface(back, fan[:, ::-1].astype(np.int32), np.column_stack([1 - uv[:, 0], uv[:, 1]])),
    }
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(following - points, axis=1))])
    length /= length[-1]
    for i in range(count):
        j = (i + 1) % count
        side = quad(front[1 + i], back[1 + i], back[1 + j], front[1 + j])
        along = length[[i, i, i + 1, i + 1]]
        parts[f"side{i}"] = Surface(side.vertices, side.faces, np.column_stack([along, 1 - side.uv[:, 0]]))
    return parts
