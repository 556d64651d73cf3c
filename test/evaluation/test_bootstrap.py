# SPDX-License-Identifier: Apache-2.0
"""Means and bootstrap intervals of grouped numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.bootstrap import bootstrap_mean

finite = st.floats(-100.0, 100.0)


def test_each_group_or_each_number_counts_the_same():
    groups = [[1.0, 2.0, 3.0], [10.0]]
    assert bootstrap_mean(groups, groups_alike=True).mean == pytest.approx((2.0 + 10.0) / 2)
    assert bootstrap_mean(groups, groups_alike=False).mean == pytest.approx(16.0 / 4)


def test_two_groups_give_the_interval_between_them():
    found = bootstrap_mean([[1.0, 3.0], [7.0, 9.0]], groups_alike=True)
    # a quarter of the draws is the first group twice, another quarter the second: beyond the 2.5 % tails
    assert (found.low, found.high) == (2.0, 8.0)
    assert (found.count, found.groups) == (4, 2)


def test_one_group_is_drawn_over_its_numbers():
    values = np.random.default_rng(1).normal(5.0, 2.0, 400)
    found = bootstrap_mean([list(values), []], groups_alike=True)
    standard_error = values.std() / math.sqrt(len(values))
    assert found.groups == 1
    assert found.low == pytest.approx(values.mean() - 1.96 * standard_error, abs=0.1 * standard_error)
    assert found.high == pytest.approx(values.mean() + 1.96 * standard_error, abs=0.1 * standard_error)


def test_one_number_has_no_interval():
    found = bootstrap_mean([[4.0]], groups_alike=False)
    assert (found.mean, found.low, found.high) == (4.0, None, None)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(finite, min_size=1, max_size=4), min_size=2, max_size=5), st.booleans())
def test_the_interval_lies_within_the_groups_means_and_repeats(groups, alike):
    found = bootstrap_mean(groups, alike, draws=50)
    means = [np.mean(group) for group in groups]
    assert found.low is not None
    assert found.high is not None
    assert min(means) - 1e-9 <= found.low <= found.high <= max(means) + 1e-9
    assert found == bootstrap_mean(groups, alike, draws=50)


@pytest.mark.parametrize("groups", [[], [[]], [[1.0, math.nan]], [[math.inf], [1.0]]])
def test_no_number_or_one_that_is_not_finite_is_refused(groups):
    with pytest.raises(EscherNetError, match="all of them finite"):
        bootstrap_mean(groups, groups_alike=True)
