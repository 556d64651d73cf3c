# SPDX-License-Identifier: Apache-2.0
"""How well the views agree with each other: what a wrong hand-eye calibration or pose pulls apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

_REACH_M = 0.03
_ROUNDS = 12
_KEPT_SHARE = 0.7
_FEWEST_POINTS = 100


def view_shifts(clouds: Sequence[NDArray[np.float64]]) -> list[float]:
    """How far each view's points must be moved to lie on those of all other views, metres.

    A translation found by iterated closest points, with the farthest 30 % of the pairs left out: the other views need
    not see all that this one sees. NaN for a view with too few points, or when there is no other.

    Args:
        clouds: for each view the points [N, 3] of the same thing and its surroundings, metres.
    """
    shifts = []
    for index, cloud in enumerate(clouds):
        others = [other for i, other in enumerate(clouds) if i != index and len(other) >= _FEWEST_POINTS]
        if len(cloud) < _FEWEST_POINTS or not others:
            shifts.append(float("nan"))
            continue
        target = np.concatenate(others)
        tree = cKDTree(target)
        moved = cloud.copy()
        for _ in range(_ROUNDS):
            distance, nearest = tree.query(moved, distance_upper_bound=_REACH_M)
            paired = np.isfinite(distance)
            if int(paired.sum()) < _FEWEST_POINTS:
                break
            paired &= distance <= np.quantile(distance[paired], _KEPT_SHARE)
            step = (target[nearest[paired]] - moved[paired]).mean(axis=0)
            moved += step
            if float(np.linalg.norm(step)) < 1e-5:
                break
        shifts.append(float(np.linalg.norm(moved[0] - cloud[0])))
    return shifts
