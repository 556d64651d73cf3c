# SPDX-License-Identifier: Apache-2.0
"""What the arm touches: MuJoCo's own collision detection on the bench's simple shapes."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.simulation.graphics import load_mujoco

STEP = 0.03
"""Paths are checked at least this often (radians of the joint that moves most)."""


class CollisionChecker:
    """Collision queries on one model; safe to call from several threads.

    Args:
        model: the bench's ``mujoco.MjModel``; geoms with a contact type take part.
        clearance: metres; what is closer than this touches.
    """

    def __init__(self, model: Any, clearance: float) -> None:
        self._mj = load_mujoco(graphics=False)
        self._model = model
        self._data = self._mj.MjData(model)
        self._clearance = clearance
        self._lock = threading.Lock()

    def contacts(self, q: NDArray[np.float64]) -> list[str]:
        """Pairs that touch at joint angles ``q`` [7], such as ``link6 / table``; empty when free."""
        mj, model, data = self._mj, self._model, self._data
        with self._lock:
            data.qpos[:7] = q
            mj.mj_kinematics(model, data)
            mj.mj_collision(model, data)
            if data.ncon == 0:
                return []
            geoms = data.contact.geom[data.contact.dist < self._clearance].copy()
        pairs = {tuple(sorted(int(model.geom_bodyid[g]) for g in pair)) for pair in geoms}
        return sorted(" / ".join(model.body(b).name for b in reversed(pair)) for pair in pairs)

    def is_free(self, q: NDArray[np.float64]) -> bool:
        """Whether nothing touches at ``q`` [7]."""
        return not self.contacts(q)

    def is_path_free(self, start: NDArray[np.float64], end: NDArray[np.float64]) -> bool:
        """Whether the straight joint-space path is free, checked every ``STEP`` radians, both ends included.

        The middle is looked at first, because that is where paths collide.
        """
        steps = max(1, int(np.ceil(np.abs(end - start).max() / STEP)))
        order = sorted(range(steps + 1), key=lambda i: (-(i & -i) if i else 0, i))
        return all(self.is_free(start + (i / steps) * (end - start)) for i in order)
