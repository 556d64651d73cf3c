# SPDX-License-Identifier: Apache-2.0
"""An order of views in which neighbours look from nearly the same side: a short closed way over the view sphere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEAST_GAIN = 1e-9


def view_tour(directions: NDArray[np.float64]) -> list[int]:
    """Rows of unit vectors [N, 3], each once, beginning with the first, in the order of a short round trip.

    Nearest neighbours first, then pairs of edges are exchanged (2-opt, Croes 1958) while that shortens the way. A ring
    of cameras comes out in the order of their azimuths.
    """
    count = len(directions)
    if count < 4:
        return list(range(count))
    distance = np.arccos(np.clip(directions @ directions.T, -1.0, 1.0))
    order = np.array(_nearest_neighbours(distance))
    while True:
        following = np.roll(order, -1)
        edge = distance[order, following]
        gain = edge[:, None] + edge[None, :] - distance[np.ix_(order, order)] - distance[np.ix_(following, following)]
        gain[np.tril_indices(count)] = -np.inf
        first, second = np.unravel_index(int(np.argmax(gain)), gain.shape)
        if gain[first, second] <= _LEAST_GAIN:
            break
        order[first + 1 : second + 1] = order[first + 1 : second + 1][::-1]
    order = np.roll(order, -int(np.flatnonzero(order == 0)[0]))
    if _turn(directions[order]) < 0.0:  # anticlockwise seen from above, as azimuths grow
        order = np.concatenate([order[:1], order[1:][::-1]])
    return [int(row) for row in order]


def tour_length(directions: NDArray[np.float64], order: list[int]) -> float:
    """Length (radians) of the closed way through unit vectors [N, 3] in that order."""
    way = directions[order]
    return float(np.arccos(np.clip((way * np.roll(way, -1, axis=0)).sum(axis=1), -1.0, 1.0)).sum())


def _nearest_neighbours(distance: NDArray[np.float64]) -> list[int]:
    left = distance.copy()
    order = [0]
    for _ in range(len(distance) - 1):
        left[:, order[-1]] = np.inf  # never again
        order.append(int(np.argmin(left[order[-1]])))
    return order


def _turn(way: NDArray[np.float64]) -> float:
    """Twice the area that the way encloses as seen from above; positive: anticlockwise."""
    after = np.roll(way, -1, axis=0)
    return float((way[:, 0] * after[:, 1] - way[:, 1] * after[:, 0]).sum())
