# SPDX-License-Identifier: Apache-2.0
"""The upright box around points that stand on a plane."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from eschernet_ros.geometry import SE3, ObjectFrame
from eschernet_ros.localisation.clusters import plane_axes
from eschernet_ros.localisation.plane import Plane

_VOXEL_M = 0.002
_NEAR_M = 0.006
_FEWEST_NEAR = 6
"""A point with fewer others within `_NEAR_M` is a stray."""
_FILLED = 0.9
_ROUND = 0.02
"""Principal axes whose variances differ by less than this share are those of a disc."""
_TAIL_PERCENT = 0.05
"""This share of the points lies beyond each side: sensor noise would push the sides outwards."""


def upright_box(points: NDArray[np.float64], plane: Plane, up: str = "plane") -> ObjectFrame:
    """The box around the points whose bottom face lies on the plane, turned as `_heading` says.

    Its x axis is the one nearest to the base frame's x axis: a box looks the same after a quarter turn.

    Args:
        points: [N, 3] of the object, base frame, metres.
        plane: what it stands on.
        up: ``plane``: the z axis is the plane's normal; ``base``: it is the base frame's.
    """
    level = plane if up == "plane" else _levelled(plane, points)
    axes = plane_axes(level)
    local = without_strays(merged(points)) @ axes.T
    yaw = _heading(np.asarray(cv2.convexHull(local[:, :2].astype(np.float32)), np.float32))
    turn = np.array([[np.cos(yaw), np.sin(yaw), 0.0], [-np.sin(yaw), np.cos(yaw), 0.0], [0.0, 0.0, 1.0]])
    axes = turn @ axes
    local = local @ turn.T
    low, high = np.percentile(local, [_TAIL_PERCENT, 100.0 - _TAIL_PERCENT], axis=0)
    low[2] = level.offset
    size = np.maximum(high - low, 1e-3)
    centre = axes.T @ ((low + high) / 2.0)
    return ObjectFrame(SE3.from_rotation_translation(axes.T, centre), tuple(size))


def _heading(outline: NDArray[np.float32]) -> float:
    """The box's turn about its z axis for an outline seen from above (convex, [K, 1, 2]), -45 to 45 deg in radians.

    An outline that nearly fills its rectangle of least area takes that one's. A round one with something sticking out
    takes its longer principal axis instead: the rectangle of least area around a mug lies diagonally to the handle.
    """
    _, sides, degrees = cv2.minAreaRect(outline)
    yaw = np.radians(degrees)
    if cv2.contourArea(outline) < _FILLED * sides[0] * sides[1]:
        scaled = outline * np.float32(1e3)  # moments of metres would be tiny
        m = cv2.moments(scaled)
        if np.hypot(2.0 * m["mu11"], m["mu20"] - m["mu02"]) > _ROUND * (m["mu20"] + m["mu02"]):
            yaw = 0.5 * np.arctan2(2.0 * m["mu11"], m["mu20"] - m["mu02"])
    return float((yaw + np.pi / 4.0) % (np.pi / 2.0) - np.pi / 4.0)


def merged(points: NDArray[np.float64], voxel: float = _VOXEL_M) -> NDArray[np.float64]:
    """One point per voxel, the mean of those in it: surfaces seen from near or often do not count more."""
    keys = np.floor(points / voxel).astype(np.int64)
    keys -= keys.min(axis=0)
    width = keys.max(axis=0) + 1
    _, first, counts = np.unique(
        (keys[:, 0] * width[1] + keys[:, 1]) * width[2] + keys[:, 2], return_inverse=True, return_counts=True
    )
    sums = np.stack([np.bincount(first, weights=points[:, axis]) for axis in range(3)], axis=1)
    return np.asarray(sums / counts[:, None])


def without_strays(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points [N, 3] that have company; all of them when none has."""
    near = cKDTree(points).query_ball_point(points, _NEAR_M, return_length=True)
    kept = points[near > _FEWEST_NEAR]
    return kept if len(kept) >= 10 else points


def _levelled(plane: Plane, points: NDArray[np.float64]) -> Plane:
    """The horizontal plane at the height of ``plane`` under the points."""
    middle = np.median(points, axis=0)
    return Plane(np.array([0.0, 0.0, 1.0]), plane.at(middle[0], middle[1]), plane.inliers)
