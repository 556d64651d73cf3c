# SPDX-License-Identifier: Apache-2.0
"""Samples that do not belong: the arm moved, the board slipped, a picture went with another pose."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import f as f_distribution

from eschernet_ros.calibration.problem import Estimate, Problem
from eschernet_ros.calibration.refine import NoisyFit, refine_noisy_robot
from eschernet_ros.calibration.solvers import SolverError, solve
from eschernet_ros.geometry.se3 import FloatArray

SIGNIFICANCE = 1e-3
"""Chance to remove any sample of a set that holds no outlier."""
LEAST_RATIO = 4.0
"""Nor is a sample removed that is less than so many times beyond the noise: errors of lens and arm are no perfect
noise, and a sample far from the others, which shows them most, is also the one that a calibration needs most."""
LEAST_KEPT = 5
LEAST_SHARE = 0.6
"""At least this share of the samples is kept: with more outliers nothing tells which ones they are."""

_SUBSET = 4
_SUBSETS = 120
_DEGREE_PER_METRE = np.radians(0.2) / 2e-3
"""Weighs turns against shifts before the noise is known: what is usual of arms, 0.2 deg to 2 mm."""
_FAR = 6.0


@dataclass(frozen=True)
class Outlier:
    """A sample that was left out.

    Attributes:
        name: of the sample.
        shift_m, turn_rad: how far its arm pose is from where the others put it.
        ratio: that, over what their noise allows (root of the F statistic).
    """

    name: str
    shift_m: float
    turn_rad: float
    ratio: float

    def sentence(self) -> str:
        """What a user should know about it."""
        return (
            f"sample {self.name} was left out: arm and picture disagree by {self.shift_m * 1e3:.1f} mm and "
            f"{np.degrees(self.turn_rad):.2f} deg, {self.ratio:.1f} times what the others scatter"
        )


def robust_start(problem: Problem) -> tuple[Estimate, list[int]]:
    """A closed-form solution that up to some 40 % of wrong samples do not disturb, and the samples that agree with it.

    Least median of squares (Rousseeuw, 1984) over small subsets, solved by Park's method.

    Raises:
        SolverError: no subset gives a solution.
    """
    count = len(problem)
    if count <= _SUBSET:
        return solve(problem, "park"), list(range(count))
    subsets = list(combinations(range(count), _SUBSET))
    if len(subsets) > _SUBSETS:
        chosen = np.random.default_rng(0).choice(len(subsets), _SUBSETS, replace=False)
        subsets = [subsets[i] for i in chosen]
    best: tuple[float, FloatArray] | None = None
    for subset in [tuple(range(count)), *subsets]:
        try:
            distances = _distances(problem, solve(problem.subset(list(subset)), "park"))
        except SolverError:
            continue
        median = float(np.median(distances))
        if best is None or median < best[0]:
            best = (median, distances)
    if best is None:
        raise SolverError("no subset of the samples gives a closed-form solution")
    median, distances = best
    kept = np.flatnonzero(distances <= _FAR * median)
    least = max(LEAST_KEPT, int(np.ceil(LEAST_SHARE * count)))
    if len(kept) < least:
        kept = np.sort(np.argsort(distances)[:least])
    return solve(problem.subset(kept), "park"), [int(i) for i in kept]


def remove_outliers(problem: Problem) -> tuple[Problem, tuple[Outlier, ...]]:
    """The samples that belong together, and those that do not.

    Each sample in turn is compared with a calibration from the others (F test of its six coordinates, with the noise
    of the arm found from those); the worst is left out until none is significant. Samples that a robust start had put
    aside are taken back when they pass the same test.
    """
    start, kept = robust_start(problem)
    aside = [i for i in range(len(problem)) if i not in kept]
    least = max(LEAST_KEPT, int(np.ceil(LEAST_SHARE * len(problem))))
    level = SIGNIFICANCE / len(problem)
    found: dict[int, Outlier] = {}
    for _ in range(2 * len(problem)):
        changed = False
        fit = refine_noisy_robot(problem.subset(kept), start)
        judged = [(*_judge(problem, i, fit, 6 * len(kept) - 14), i) for i in aside]
        for chance, outlier, i in sorted(judged, key=lambda item: -item[0]):
            if chance >= level or outlier.ratio < LEAST_RATIO:
                kept, changed = sorted([*kept, i]), True
                aside.remove(i)
                break
            found[i] = outlier
        if changed:
            continue
        if len(kept) <= least:
            break
        worst: tuple[float, Outlier, int] | None = None
        for i in _suspects(problem, kept, fit):
            others = [k for k in kept if k != i]
            chance, outlier = _judge(
                problem, i, refine_noisy_robot(problem.subset(others), fit.estimate), 6 * len(others) - 14
            )
            if worst is None or chance < worst[0]:
                worst = (chance, outlier, i)
        if worst is not None and worst[0] < level and worst[1].ratio >= LEAST_RATIO:
            kept.remove(worst[2])
            aside.append(worst[2])
            found[worst[2]] = worst[1]
        else:
            break
    return problem.subset(kept), tuple(found[i] for i in sorted(aside))


def _suspects(problem: Problem, kept: list[int], fit: NoisyFit) -> list[int]:
    """The three kept samples that fit worst."""
    left = problem.subset(kept).discrepancy(fit.estimate)
    sizes = np.einsum("ni,nij,nj->n", left, np.linalg.inv(fit.sample_covariances), left)
    return [kept[int(i)] for i in np.argsort(-sizes)[:3]]


def _judge(problem: Problem, index: int, fit: NoisyFit, freedom: int) -> tuple[float, Outlier]:
    """How likely a sample that belongs is as far off as this one, by a fit it took no part in."""
    single = problem.subset([index])
    left = single.discrepancy(fit.estimate)[0]
    arm = np.diag([fit.noise.turn**2] * 3 + [fit.noise.shift**2] * 3)
    jacobian = _jacobian(single, fit.estimate)
    covariance = single.image_covariances(fit.estimate)[0] * (problem.noise_px / single.noise_px) ** 2
    covariance = covariance + arm + jacobian @ fit.covariance @ jacobian.T
    statistic = float(left @ np.linalg.solve(covariance, left)) / 6.0
    chance = float(f_distribution.sf(statistic, 6, max(freedom, 1)))
    outlier = Outlier(
        problem.names[index],
        float(np.linalg.norm(left[3:])),
        float(np.linalg.norm(left[:3])),
        float(np.sqrt(statistic)),
    )
    return chance, outlier


def _jacobian(single: Problem, estimate: Estimate) -> FloatArray:
    left = single.discrepancy(estimate)[0]
    columns = []
    for parameter in range(12):
        step = np.zeros(12)
        step[parameter] = 1e-6
        columns.append((single.discrepancy(estimate.stepped(step))[0] - left) / 1e-6)
    return np.stack(columns, axis=-1)


def _distances(problem: Problem, estimate: Estimate) -> FloatArray:
    left = problem.discrepancy(estimate)
    return np.asarray(
        np.hypot(np.linalg.norm(left[:, :3], axis=1) / _DEGREE_PER_METRE, np.linalg.norm(left[:, 3:], axis=1))
    )
