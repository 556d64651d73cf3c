# SPDX-License-Identifier: Apache-2.0
"""From values to places on a drawing, and where the tick marks go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from eschernet_ros.errors import EscherNetError


@dataclass(frozen=True)
class Scale:
    """A straight or logarithmic axis.

    Attributes:
        low: the value at ``start``.
        high: the value at ``end``.
        start: the place of ``low``, drawing units.
        end: the place of ``high``.
        ticks: values that get a mark and a number.
        logarithmic: equal ratios of values lie equally far apart.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value; outside ``low`` to ``high`` it lies outside the axis.

        Raises:
            EscherNetError: a value of zero or less on a logarithmic axis.
        """
        low, high = self.low, self.high
        if self.logarithmic:
            if value <= 0.0:
                raise EscherNetError(f"{value} has no place on a logarithmic axis.")
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (self.end - self.start) * (value - low) / (high - low)


def linear_scale(values: Sequence[float], start: float, end: float, most_ticks: int = 6) -> Scale:
    """An axis with round tick marks that holds all values; the outermost marks are its ends.

    Raises:
        EscherNetError: no value, or one that is not finite.
    """
    low, high = _extent(values)
    if high - low < 1e-9 * max(abs(low), abs(high), 1.0):
        margin = 0.05 * max(abs(low), abs(high)) or 1.0
        low, high = low - margin, high + margin
    step = _round_step((high - low) / max(1, most_ticks - 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(float(f"{number * step:.12g}") for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], start, end, ticks)


def logarithmic_scale(values: Sequence[float], start: float, end: float) -> Scale:
    """A logarithmic axis with a tick mark at each of the values, and a margin at both ends.

    Raises:
        EscherNetError: no value, or one that is not positive and finite.
    """
    low, high = _extent(values)
    if low <= 0.0:
        raise EscherNetError(f"A logarithmic axis holds positive values only, not {low}.")
    margin = (high / low) ** 0.07 if high > low else 1.5
    return Scale(low / margin, high * margin, start, end, tuple(sorted(set(values))), logarithmic=True)


def tick_text(value: float) -> str:
    """A tick's number, without digits that say nothing."""
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")


def _extent(values: Sequence[float]) -> tuple[float, float]:
    if not values or not all(math.isfinite(value) for value in values):
        raise EscherNetError("An axis needs values, all of them finite.")
    return min(values), max(values)


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``least``."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1.0 - 1e-9))
