# SPDX-License-Identifier: Apache-2.0
"""What stands on a plane: points above it, in parts that do not touch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from eschernet_ros.localisation.plane import Plane

_CELL_M = 0.004
_GAP_M = 0.012
"""Things nearer to each other than this, seen from above, are one."""
_LEAST_MARGIN_M = 0.003
_NOISE_SIGMAS = 4.0
_PLANE_SIGMAS = 3.0
_LEAST_POINTS = 80
_LEAST_HEIGHT_M = 0.01
_LARGEST_SIDE_M = 0.6
_FOOT_HEIGHT_M = 0.03
_FOOT_REACH_M = 0.02
_MOST_SEEN_UNDER = 0.3
"""A thing whose lowest points are farther above the plane than this, and under which more than this share of the plane
is seen, does not stand on it. From straight above only the top of a thing is seen, and nothing under it."""
_RING_M = (0.008, 0.036)
_SECTORS = 16
_LEAST_SUPPORT = 0.4
"""Share of the directions around its foot in which the plane must go on."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """One thing that stands on a plane.

    Attributes:
        members: indices [N] of its points among those given.
        plane: what it stands on.
    """

    members: NDArray[np.int64]
    plane: Plane


def plane_axes(plane: Plane) -> NDArray[np.float64]:
    """Rows x, y, z [3, 3] of a frame on the plane: z is its normal, x the base frame's x axis laid onto it."""
    x = np.array([1.0, 0.0, 0.0]) - plane.normal[0] * plane.normal
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(plane.normal, x), plane.normal])


def clusters_on(plane: Plane, points: NDArray[np.float64], noise: NDArray[np.float64]) -> list[Cluster]:
    """Things on a plane, the one with the most points first.

    A thing does not float above the plane, and the plane goes on around its foot: what is above the bonnet of a car,
    or the rim around the bottom of a bowl, is part of a larger thing.

    Args:
        plane: what they may stand on.
        points: [N, 3] base frame, metres.
        noise: [N] their depth noise, metres: lower than four times this, or three times the plane's own noise, is the
            plane.
    """
    height = plane.height(points)
    limit = np.maximum(max(_LEAST_MARGIN_M, _PLANE_SIGMAS * plane.noise), _NOISE_SIGMAS * noise)
    above = np.flatnonzero((height > limit) & (height < _LARGEST_SIDE_M))
    if len(above) < _LEAST_POINTS:
        return []
    flat = points @ plane_axes(plane)[:2].T
    origin = flat.min(axis=0) - 2.0 * _RING_M[1]
    cells = np.floor((flat - origin) / _CELL_M).astype(np.int64)
    shape = tuple(cells.max(axis=0) + 2 + int(2.0 * _RING_M[1] / _CELL_M))

    filled = np.zeros(shape, np.int32)
    np.add.at(filled, tuple(cells[above].T), 1)
    joined = cv2.dilate((filled >= 2).astype(np.uint8), _disc(_GAP_M / 2.0))
    count, labels = cv2.connectedComponents(joined)
    of_point = labels[tuple(cells[above].T)]

    table = np.zeros(shape, np.uint8)
    table[tuple(cells[np.abs(height) <= limit].T)] = 1
    table = np.asarray(cv2.dilate(table, np.ones((3, 3), np.uint8)), np.uint8)  # points may be sparser than cells
    found = []
    for label in range(1, count):
        members = above[of_point == label]
        if len(members) < _LEAST_POINTS:
            continue
        tall = height[members]
        if np.percentile(tall, 98.0) < _LEAST_HEIGHT_M:
            continue
        if np.ptp(flat[members], axis=0).max() > _LARGEST_SIDE_M:
            continue
        foot = members[tall < _FOOT_HEIGHT_M]
        ring, under = _support(cells[foot if len(foot) >= 10 else members], table)
        floats = np.percentile(tall, 1.0) > _FOOT_REACH_M and under > _MOST_SEEN_UNDER
        if ring >= _LEAST_SUPPORT and not floats:
            found.append(Cluster(members, plane))
    return sorted(found, key=lambda cluster: -len(cluster.members))


def _support(foot: NDArray[np.int64], table: NDArray[np.uint8]) -> tuple[float, float]:
    """Share of the directions around the foot's outline in which the plane goes on; share of the outline with it."""
    hull = cv2.convexHull(foot[:, ::-1].astype(np.int32))  # OpenCV's x is the column
    outline = np.zeros(table.shape, np.uint8)
    cv2.fillConvexPoly(outline, hull, 1)
    ring = (cv2.dilate(outline, _disc(_RING_M[1])) > 0) & (cv2.dilate(outline, _disc(_RING_M[0])) == 0)
    rows, columns = np.nonzero(ring)
    centre = foot.mean(axis=0)
    angle = np.arctan2(rows - centre[0], columns - centre[1])
    sector = np.minimum(((angle + np.pi) / (2.0 * np.pi) * _SECTORS).astype(int), _SECTORS - 1)
    cells = np.bincount(sector, minlength=_SECTORS)
    on_table = np.bincount(sector, weights=table[rows, columns], minlength=_SECTORS)
    around = float((on_table >= 0.2 * np.maximum(cells, 1)).mean())
    return around, float(table[outline > 0].mean())


def _disc(radius_m: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius_m / _CELL_M)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
