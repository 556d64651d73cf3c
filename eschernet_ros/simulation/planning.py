# SPDX-License-Identifier: Apache-2.0
"""A collision-free way from one joint vector to another: straight, else RRT-Connect and short cuts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.kinematics import JointLimits
from eschernet_ros.simulation.collision import CollisionChecker

Path = list[NDArray[np.float64]]
REACH = 0.35
"""A tree grows by at most this much per step (radians of the joint that moves most)."""


class NoPathError(EscherNetError):
    """No collision-free path was found."""


class _Tree:
    """Nodes that are connected by free straight paths to a root."""

    def __init__(self, root: NDArray[np.float64]) -> None:
        self.nodes = [root]
        self.parents = [-1]

    def extend(self, target: NDArray[np.float64], checker: CollisionChecker) -> tuple[int, bool]:
        """Grow from the nearest node towards ``target`` as far as it is free: (last node or -1, arrived)."""
        distances = np.abs(np.array(self.nodes) - target).max(axis=1)
        index = int(distances.argmin())
        while True:
            here = self.nodes[index]
            gap = target - here
            length = float(np.abs(gap).max())
            if length < 1e-9:
                return index, True
            step = here + gap * min(1.0, REACH / length)
            if not checker.is_path_free(here, step):
                return index, False
            self.nodes.append(step)
            self.parents.append(index)
            index = len(self.nodes) - 1

    def branch(self, index: int) -> Path:
        """Nodes from the root to ``index``."""
        path = []
        while index >= 0:
            path.append(self.nodes[index])
            index = self.parents[index]
        return path[::-1]


def find_path(
    start: NDArray[np.float64],
    goal: NDArray[np.float64],
    checker: CollisionChecker,
    limits: JointLimits,
    seed: int = 0,
    attempts: int = 3000,
) -> Path:
    """Way-points from ``start`` to ``goal`` ([7], radians), joined by straight free paths, both included.

    RRT-Connect (Kuffner and LaValle 2000), then short cuts between random way-points. The same call gives the
    same path.

    Raises:
        NoPathError: when the start or the goal touches something, or nothing was found in ``attempts``.
    """
    for name, q in (("start", start), ("goal", goal)):
        touching = checker.contacts(q)
        if touching:
            raise NoPathError(f"the {name} of the path collides: {', '.join(touching)}")
    if checker.is_path_free(start, goal):
        return [start, goal]
    rng = np.random.default_rng(seed)
    low, high = np.minimum(start, goal) - 0.8, np.maximum(start, goal) + 0.8
    lower, upper = limits.arrays()
    trees = [_Tree(start), _Tree(goal)]
    for attempt in range(attempts):
        widen = min(1.0, attempt / 200)  # first look near the two ends, then everywhere
        sample = rng.uniform(
            np.maximum(low + widen * (lower - low), lower), np.minimum(high + widen * (upper - high), upper)
        )
        grown, other = trees[attempt % 2], trees[1 - attempt % 2]
        index, _ = grown.extend(sample, checker)
        met, arrived = other.extend(grown.nodes[index], checker)
        if arrived:
            there, back = grown.branch(index), other.branch(met)
            path = there[:-1] + back[::-1]
            return _shorten(path if attempt % 2 == 0 else path[::-1], checker, rng)
    raise NoPathError(
        f"no collision-free path in {attempts} attempts; go by way of a pose farther from the table and the object"
    )


def _shorten(path: Path, checker: CollisionChecker, rng: np.random.Generator) -> Path:
    """Drop way-points wherever the straight way between two others is free."""
    for _ in range(60):
        if len(path) < 3:
            break
        i, j = sorted(rng.choice(len(path), 2, replace=False))
        if j - i > 1 and checker.is_path_free(path[i], path[j]):
            path = path[: i + 1] + path[j:]
    index = 0
    while index < len(path) - 2:
        if checker.is_path_free(path[index], path[index + 2]):
            del path[index + 1]
        else:
            index += 1
    return path
