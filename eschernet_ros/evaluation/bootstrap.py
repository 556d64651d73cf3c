# SPDX-License-Identifier: Apache-2.0
"""Bootstrap intervals of means of numbers that come in groups, as the views of objects do.

The views of one object resemble each other, so whole groups are drawn again, not single numbers; only where there is
one group are its numbers drawn (percentile interval: Efron and Tibshirani, An Introduction to the Bootstrap, 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eschernet_ros.errors import EscherNetError

DRAWS = 2000
_LEVEL = 0.95


@dataclass(frozen=True)
class MeanInterval:
    """A mean and where it may lie.

    Attributes:
        mean: of the numbers.
        low: lower end of the 95 % interval; None where there is only one number.
        high: upper end.
        count: of numbers.
        groups: how many groups they came in.
    """

    mean: float
    low: float | None
    high: float | None
    count: int
    groups: int


def bootstrap_mean(groups: Sequence[Sequence[float]], groups_alike: bool, draws: int = DRAWS) -> MeanInterval:
    """The mean of all numbers and its interval; the same numbers give the same interval.

    Args:
        groups: the numbers, group by group; empty groups do not count.
        groups_alike: True: the mean of the groups' means, so that each group counts the same. False: the mean of all
            numbers, so that each number does.
        draws: how often is drawn.

    Raises:
        EscherNetError: no number, or one that is not finite.
    """
    filled = [np.asarray(group, dtype=np.float64) for group in groups if len(group)]
    if not filled or not all(np.isfinite(group).all() for group in filled):
        raise EscherNetError("A mean needs numbers, all of them finite.")
    if len(filled) == 1:
        values, weights = filled[0], np.ones(len(filled[0]))
    else:
        values = np.array([group.mean() for group in filled])
        weights = np.ones(len(filled)) if groups_alike else np.array([float(len(group)) for group in filled])
    mean = float(values @ weights / weights.sum())
    low: float | None = None
    high: float | None = None
    if len(values) > 1:
        drawn = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
        means = (values[drawn] * weights[drawn]).sum(axis=1) / weights[drawn].sum(axis=1)
        tail = 50.0 * (1.0 - _LEVEL)
        low, high = (float(end) for end in np.percentile(means, [tail, 100.0 - tail]))
    return MeanInterval(mean, low, high, sum(len(group) for group in filled), len(filled))
