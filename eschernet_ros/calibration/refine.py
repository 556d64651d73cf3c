# SPDX-License-Identifier: Apache-2.0
"""Refinement by least squares, with the robot taken as exact or as noisy.

*Exact robot*: hand-eye and board pose minimise the reprojection error of all corners (soft L1). This is the best that
pictures can do, and it is badly conditioned when the arm is not: at a working distance a turn of the camera about the
board moves the corners by about 1 px per 3 deg, so an arm that is off by 1 mm can turn the result by degrees.

*Noisy robot*: every sample's arm pose may be off by a turn and a shift, with standard deviations that are found from
the samples by restricted maximum likelihood (Patterson and Thompson, 1971). The views enter by the board poses they
give and by the covariance of those, which for corners' noise of a pixel is the same as entering by their corners. With
an exact robot both refinements agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares, minimize

from eschernet_ros.calibration.problem import Estimate, Problem
from eschernet_ros.geometry.se3 import FloatArray

_LEAST_TURN, _LARGEST_TURN = 1e-5, 0.2
_LEAST_SHIFT, _LARGEST_SHIFT = 1e-5, 0.2
_BEHIND_CAMERA_PX = 1e4
_RELINEARISATIONS = 20
_NOISE_SEARCHES = 3
"""The discrepancies are nearly linear, so the noise hardly changes after the first step."""
_SMALL_STEP = 1e-7
_DERIVATIVE_STEP = 1e-6


@dataclass(frozen=True)
class RobotNoise:
    """Noise of the arm's poses, standard deviation per axis in the flange frame: radians and metres."""

    turn: float
    shift: float

    @property
    def below_limit(self) -> bool:
        """Whether the samples show no noise of the arm at all beside that of the pictures."""
        return self.turn <= 2 * _LEAST_TURN and self.shift <= 2 * _LEAST_SHIFT


@dataclass(frozen=True, eq=False)
class NoisyFit:
    """Outcome of `refine_noisy_robot`.

    Attributes:
        estimate: the unknowns.
        noise: of the arm.
        covariance: [12, 12] of the steps of `Estimate.stepped`.
        jacobian: [N, 6, 12] of the discrepancies (not whitened).
        sample_covariances: [N, 6, 6] of the discrepancies.
        scale, scale_deviation: factor on the board's size that fits best, and its standard deviation; 1 and 0 unless it
            was asked for.
    """

    estimate: Estimate
    noise: RobotNoise
    covariance: FloatArray
    jacobian: FloatArray
    sample_covariances: FloatArray
    scale: float = 1.0
    scale_deviation: float = 0.0


def refine_exact_robot(problem: Problem, start: Estimate) -> Estimate:
    """Minimise the reprojection error of all corners over hand-eye and board pose."""
    typical = float(np.median(np.linalg.norm(problem.all_pixel_residuals(start), axis=1)))
    scale = max(1.0, 3.0 * typical) if np.isfinite(typical) else 10.0
    fit = least_squares(
        lambda step: _pixels(problem, start.stepped(step)),
        np.zeros(12),
        loss="soft_l1",
        f_scale=scale,
        x_scale="jac",
        tr_solver="lsmr",
    )
    return start.stepped(fit.x)


def best_board(problem: Problem, start: Estimate) -> Estimate:
    """The estimate with its hand-eye kept and the board where the reprojection error is least (no robust loss)."""
    fit = least_squares(
        lambda step: _pixels(problem, start.stepped(np.concatenate([np.zeros(6), step]))),
        np.zeros(6),
        x_scale="jac",
        tr_solver="lsmr",
    )
    return start.stepped(np.concatenate([np.zeros(6), fit.x]))


def _pixels(problem: Problem, estimate: Estimate) -> FloatArray:
    return np.asarray(np.nan_to_num(problem.all_pixel_residuals(estimate), nan=_BEHIND_CAMERA_PX)).ravel()


def refine_noisy_robot(
    problem: Problem, start: Estimate, noise: RobotNoise | None = None, *, with_scale: bool = False
) -> NoisyFit:
    """Weighted least squares over hand-eye and board pose, with the noise of the arm found from the samples.

    Args:
        problem: the samples.
        start: a closed-form solution.
        noise: of the arm, when it is known; it is found otherwise.
        with_scale: also find a factor on the board's size.
    """
    estimate, scale = start, 1.0
    found = noise
    for turn in range(_RELINEARISATIONS):
        linear = _linearise(problem, estimate, scale, with_scale)
        if noise is None and turn < _NOISE_SEARCHES:
            found = _find_noise(linear, found)
        assert found is not None
        step, covariance, covariances = _weighted_step(linear, found)
        estimate, scale = estimate.stepped(step), scale * (float(np.exp(step[12])) if with_scale else 1.0)
        if np.abs(step).max() < _SMALL_STEP:
            break
    assert found is not None
    return NoisyFit(
        estimate,
        found,
        covariance[:12, :12],
        linear.jacobian[..., :12],
        covariances,
        scale,
        scale * float(np.sqrt(covariance[12, 12])) if with_scale else 0.0,
    )


@dataclass(frozen=True, eq=False)
class _Linear:
    """Discrepancies [N, 6], their derivatives [N, 6, 12 or 13], and the share of the pictures' noise [N, 6, 6]."""

    left: FloatArray
    jacobian: FloatArray
    image: FloatArray


def _linearise(problem: Problem, estimate: Estimate, scale: float, with_scale: bool) -> _Linear:
    left = problem.discrepancy(estimate, scale)
    columns = []
    for parameter in range(13 if with_scale else 12):
        step = np.zeros(13)
        step[parameter] = _DERIVATIVE_STEP
        moved_left = problem.discrepancy(estimate.stepped(step), scale * float(np.exp(step[12])))
        columns.append((moved_left - left) / _DERIVATIVE_STEP)
    return _Linear(left, np.stack(columns, axis=-1), problem.image_covariances(estimate))


def _covariances(linear: _Linear, noise: RobotNoise) -> FloatArray:
    return linear.image + np.diag([noise.turn**2] * 3 + [noise.shift**2] * 3)


def _weighted_step(linear: _Linear, noise: RobotNoise) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The step that brings the weighted discrepancies to their least, its covariance, and theirs."""
    covariances = _covariances(linear, noise)
    weights = np.linalg.inv(covariances)
    information = np.einsum("nip,nij,njq->pq", linear.jacobian, weights, linear.jacobian)
    covariance = np.linalg.pinv(information, hermitian=True)
    return -covariance @ np.einsum("nip,nij,nj->p", linear.jacobian, weights, linear.left), covariance, covariances


def _find_noise(linear: _Linear, guess: RobotNoise | None) -> RobotNoise:
    """The noise of the arm with the highest restricted likelihood, the discrepancies being linear in the unknowns."""
    low, high = np.log([_LEAST_TURN, _LEAST_SHIFT]), np.log([_LARGEST_TURN, _LARGEST_SHIFT])
    if guess is None:
        guess = RobotNoise(float(linear.left[:, :3].std()), float(linear.left[:, 3:].std()))
    start = np.clip(np.log([max(guess.turn, 1e-12), max(guess.shift, 1e-12)]), low + 1.0, high - 1.0)

    def cost(logarithms: FloatArray) -> float:
        clipped = np.clip(logarithms, low, high)
        turn, shift = np.exp(clipped)
        step, covariance, covariances = _weighted_step(linear, RobotNoise(float(turn), float(shift)))
        left = linear.left + linear.jacobian @ step
        return (
            float(np.einsum("ni,nij,nj->", left, np.linalg.inv(covariances), left))
            + float(np.linalg.slogdet(covariances)[1].sum())
            - float(np.linalg.slogdet(covariance)[1])
            + float(((logarithms - clipped) ** 2).sum())
        )

    simplex = np.array([start, start - (1.0, 0.0), start - (0.0, 1.0)])
    options = {"initial_simplex": simplex, "xatol": 0.02, "fatol": 1e-3, "maxfev": 120}
    best = minimize(cost, start, method="Nelder-Mead", options=options)
    turn, shift = np.exp(np.clip(best.x, low, high))
    return RobotNoise(float(turn), float(shift))
