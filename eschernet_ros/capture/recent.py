# SPDX-License-Identifier: Apache-2.0
"""Percentiles of the last values of something that is measured all the time."""

from __future__ import annotations

from collections import deque

import numpy as np

from eschernet_ros.errors import EscherNetError


class RecentValues:
    """The last values; their percentiles are computed when asked for.

    Args:
        window: how many values are kept.

    Raises:
        EscherNetError: a window below 1.
    """

    def __init__(self, window: int = 300) -> None:
        if window < 1:
            raise EscherNetError(f"the window must hold at least 1 value, not {window}")
        self._values: deque[float] = deque(maxlen=window)

    def add(self, value: float) -> None:
        """Take a value; the oldest beyond the window is forgotten."""
        self._values.append(value)

    def percentiles(self, *percents: float) -> list[float]:
        """The values below which ``percents`` percent of the last ones lie; NaN where there are none."""
        if not self._values:
            return [float("nan")] * len(percents)
        return [float(value) for value in np.percentile(list(self._values), percents)]
