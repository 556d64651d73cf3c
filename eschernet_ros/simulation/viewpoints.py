# SPDX-License-Identifier: Apache-2.0
"""Viewpoints on a dome around the object and the order in which an arm visits them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.geometry import SE3


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A reachable, collision-free pose of the camera that sees the whole object.

    Attributes:
        azimuth_deg: direction of the camera in the object frame, from +x (the front) towards +y.
        elevation_deg: above the object's horizontal plane.
        standoff: distance camera to object centre in model units (the object's longest side).
        base_from_camera_optical: looks at the object's centre without roll.
        q: [7] joint angles (radians) that bring the camera there.
    """

    azimuth_deg: float
    elevation_deg: float
    standoff: float
    base_from_camera_optical: SE3
    q: NDArray[np.float64]


def short_tour(q: NDArray[np.float64], start: NDArray[np.float64]) -> list[int]:
    """A short open tour through joint vectors [N, 7] that begins near ``start`` [7]: nearest first, then 2-opt."""
    points = np.concatenate([start[None], q])
    cost = np.abs(points[:, None] - points[None]).max(axis=-1)
    tour, left = [0], set(range(1, len(points)))
    while left:
        nearest = min(left, key=lambda i: (cost[tour[-1], i], i))
        tour.append(nearest)
        left.remove(nearest)
    improved = True
    while improved:
        improved = False
        for i in range(1, len(tour) - 1):
            for j in range(i + 1, len(tour)):
                before = cost[tour[i - 1], tour[i]]
                after = cost[tour[i - 1], tour[j]]
                if j + 1 < len(tour):
                    before += cost[tour[j], tour[j + 1]]
                    after += cost[tour[i], tour[j + 1]]
                if after < before - 1e-9:
                    tour[i : j + 1] = tour[i : j + 1][::-1]
                    improved = True
    return [i - 1 for i in tour[1:]]
