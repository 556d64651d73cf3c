# SPDX-License-Identifier: Apache-2.0
"""Finds the setting of a camera at which its pictures measure what they should."""

from __future__ import annotations

import math

from eschernet_ros.errors import EscherNetError


class SettingSearch:
    """Bisection over a setting on which a measurement grows: exposure time and brightness, for example.

    Give each picture's measurement at :attr:`value` to :meth:`observe`; afterwards :attr:`value` is the next one to
    try, and in the end the best that was found.

    Args:
        low, high, step: range of the setting; its values are ``low + n * step``.
        start: tried first.
        target: what should be measured, positive.
        tolerance: share of the target that the measurement may be off.
        proportional: halve the range in ratios instead of differences, for settings that span decades.
        tries: measurements at most.

    Raises:
        EscherNetError: an empty range, or a target that is not positive.
    """

    def __init__(
        self,
        *,
        low: float,
        high: float,
        step: float,
        start: float,
        target: float,
        tolerance: float,
        proportional: bool,
        tries: int = 12,
    ) -> None:
        if not (low < high and step > 0.0 and target > 0.0) or (proportional and low <= 0.0):
            raise EscherNetError(f"no setting can be searched from {low} to {high} by {step} for a target of {target}")
        self._low, self._high, self._step = low, high, step
        self._below, self._above = low, high  # the answer lies between them; both still untried
        self._target, self._tolerance, self._proportional = target, tolerance, proportional
        self._left = tries
        self._best = (math.inf, start)
        self.value = self._rounded(start)
        self.done = False

    @property
    def error(self) -> float:
        """Share of the target by which the best measurement was off."""
        return self._best[0]

    @property
    def found(self) -> bool:
        """Whether the best measurement was within the tolerance."""
        return self.error <= self._tolerance

    def observe(self, measured: float) -> None:
        """Take the measurement at :attr:`value`."""
        error = abs(measured - self._target) / self._target
        if error < self._best[0]:
            self._best = (error, self.value)
        self._left -= 1
        if measured < self._target:
            self._below = self.value + self._step
        else:
            self._above = self.value - self._step
        if error <= self._tolerance or not self._left or self._below > self._above:
            self.value, self.done = self._best[1], True
        else:
            self.value = self._rounded(self._middle())

    def _middle(self) -> float:
        if self._proportional:
            return math.sqrt(self._below * self._above)
        return (self._below + self._above) / 2.0

    def _rounded(self, value: float) -> float:
        value = min(max(value, self._below), self._above)
        steps = round((value - self._low) / self._step)
        while self._low + steps * self._step > self._high:
            steps -= 1
        return self._low + steps * self._step
