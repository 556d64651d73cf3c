# SPDX-License-Identifier: Apache-2.0
"""Percentiles of the last values."""

from __future__ import annotations

import math

import pytest

from eschernet_ros.capture.recent import RecentValues
from eschernet_ros.errors import EscherNetError


def test_only_the_window_counts() -> None:
    """Five values, of which the first two are forgotten."""
    recent = RecentValues(3)
    for value in (1000.0, -1000.0, 1.0, 2.0, 3.0):
        recent.add(value)
    assert recent.percentiles(0, 50, 100) == [1.0, 2.0, 3.0]


def test_nothing_yet_is_no_number() -> None:
    """NaN, which /diagnostics shows as it is."""
    assert all(map(math.isnan, RecentValues().percentiles(50, 99)))


def test_a_window_of_nothing_is_refused() -> None:
    """It would never say anything."""
    with pytest.raises(EscherNetError, match="at least 1 value, not 0"):
        RecentValues(0)
