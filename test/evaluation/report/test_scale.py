# SPDX-License-Identifier: Apache-2.0
"""Axes: where values lie and where the ticks are."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.report.scale import Scale, linear_scale, logarithmic_scale, tick_text


def test_round_ticks_hold_all_values():
    scale = linear_scale([12.3, 27.9], 300.0, 0.0)
    assert scale.ticks == (10.0, 15.0, 20.0, 25.0, 30.0)
    assert (scale(10.0), scale(30.0), scale(15.0)) == (300.0, 0.0, 225.0)
    assert linear_scale([0.52, 0.58], 0.0, 1.0).ticks == (0.52, 0.54, 0.56, 0.58)
    assert linear_scale([-0.3, 0.9], 0.0, 1.0).ticks == (-0.5, 0.0, 0.5, 1.0)


def test_one_value_has_room_around_it():
    scale = linear_scale([20.0], 0.0, 100.0)
    assert scale.low < 20.0 < scale.high
    assert linear_scale([0.0, 0.0], 0.0, 100.0)(0.0) == pytest.approx(50.0)


def test_equal_ratios_lie_equally_far_apart():
    scale = logarithmic_scale([1, 10, 100, 10], 0.0, 400.0)
    assert scale.ticks == (1, 10, 100)
    assert scale(10) == pytest.approx(200.0)
    assert scale(10) - scale(1) == pytest.approx(scale(100) - scale(10))
    assert logarithmic_scale([3], 0.0, 100.0)(3) == pytest.approx(50.0)


@settings(deadline=None)
@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=6))
def test_values_lie_between_the_ends_and_ticks_are_few(values):
    assume(max(values) - min(values) > 1e-6 or len(set(values)) == 1)
    scale = linear_scale(values, 50.0, 400.0)
    assert all(50.0 - 1e-6 <= scale(value) <= 400.0 + 1e-6 for value in values)
    assert 2 <= len(scale.ticks) <= 8
    steps = {
        round((b - a) / (scale.ticks[1] - scale.ticks[0]), 6)
        for a, b in zip(scale.ticks, scale.ticks[1:], strict=False)
    }
    assert steps == {1.0}


def test_impossible_axes_are_refused():
    for values in ([], [math.nan], [1.0, math.inf]):
        with pytest.raises(EscherNetError, match="An axis needs values"):
            linear_scale(values, 0.0, 1.0)
    with pytest.raises(EscherNetError, match="positive values only, not 0"):
        logarithmic_scale([0, 1], 0.0, 1.0)
    with pytest.raises(EscherNetError, match="no place on a logarithmic axis"):
        Scale(1.0, 10.0, 0.0, 1.0, (), logarithmic=True)(-1.0)


def test_numbers_of_ticks_are_short():
    assert [tick_text(value) for value in (10.0, 0.52, -20.0)] == ["10", "0.52", "−20"]
