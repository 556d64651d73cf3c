# SPDX-License-Identifier: Apache-2.0
"""Inverse kinematics: damped least squares from many starting points at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics.dh import base_from_links, flange_jacobian
from eschernet_ros.kinematics.limits import JointLimits

POSITION_TOLERANCE = 1e-5
"""A solution is this close to the wanted position (metres)."""
ROTATION_TOLERANCE = 2e-5
"""A solution is this close to the wanted rotation (radians)."""


@dataclass(frozen=True, eq=False)
class PoseSolutions:
    """What each starting point led to; within the joint limits by construction.

    Attributes:
        q: [N, 7] joint angles, radians.
        position_error: [N] metres.
        rotation_error: [N] radians.
    """

    q: NDArray[np.float64]
    position_error: NDArray[np.float64]
    rotation_error: NDArray[np.float64]

    @property
    def converged(self) -> NDArray[np.bool_]:
        """[N] whether the pose was reached within the tolerances."""
        return (self.position_error < POSITION_TOLERANCE) & (self.rotation_error < ROTATION_TOLERANCE)


def _twist(target: NDArray[np.float64], flange: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, 6] position (m) and rotation (rad, base frame) that lead from the flange poses to the target."""
    turn = target[:3, :3] @ np.swapaxes(flange[:, :3, :3], -1, -2)
    return np.concatenate([target[:3, 3] - flange[:, :3, 3], Rotation.from_matrix(turn).as_rotvec()], axis=1)


def solve_flange_pose(
    base_from_flange: SE3,
    seeds: ArrayLike,
    limits: JointLimits,
    margin: float = 0.02,
    iterations: int = 100,
) -> PoseSolutions:
    """Joint angles that bring the flange to a pose, one attempt per seed.

    Levenberg-Marquardt steps, projected: a joint that is at a limit and pulled beyond it does not take part.
    Every attempt adapts its own damping.

    Args:
        base_from_flange: the wanted pose.
        seeds: [N, 7] starting points, radians.
        limits: position limits that hold throughout.
        margin: stay this far (radians) inside the limits.
        iterations: at most this many steps.
    """
    lower, upper = limits.arrays(margin)
    q = np.clip(np.atleast_2d(np.asarray(seeds, dtype=np.float64)), lower, upper)
    target = base_from_flange.matrix
    frames = base_from_links(q)
    error = _twist(target, frames[:, -1])
    cost = np.einsum("ij,ij->i", error, error)
    damping = np.full(len(q), 1e-2)
    for _ in range(iterations):
        busy = np.flatnonzero(cost > 1e-14)
        if busy.size == 0:
            break
        jacobian = flange_jacobian(frames[busy])
        pull = np.einsum("nij,ni->nj", jacobian, error[busy])
        stuck = ((q[busy] >= upper) & (pull > 0)) | ((q[busy] <= lower) & (pull < 0))
        jacobian = np.where(stuck[:, None, :], 0.0, jacobian)
        transposed = np.swapaxes(jacobian, -1, -2)
        system = jacobian @ transposed + damping[busy, None, None] * np.eye(6)
        step = (transposed @ np.linalg.solve(system, error[busy][..., None]))[..., 0]
        step *= np.minimum(1.0, 0.6 / np.maximum(np.abs(step).max(axis=1), 1e-12))[:, None]
        trial = np.clip(q[busy] + step, lower, upper)
        trial_frames = base_from_links(trial)
        trial_error = _twist(target, trial_frames[:, -1])
        trial_cost = np.einsum("ij,ij->i", trial_error, trial_error)
        better = trial_cost < cost[busy]
        chosen = busy[better]
        q[chosen], frames[chosen] = trial[better], trial_frames[better]
        error[chosen], cost[chosen] = trial_error[better], trial_cost[better]
        damping[busy] = np.clip(np.where(better, damping[busy] * 0.2, damping[busy] * 6.0), 1e-9, 1e3)
    return PoseSolutions(q, np.linalg.norm(error[:, :3], axis=1), np.linalg.norm(error[:, 3:], axis=1))
