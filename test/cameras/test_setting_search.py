# SPDX-License-Identifier: Apache-2.0
"""The search for a setting ends, stays in its range, and finds what there is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.cameras.setting_search import SettingSearch
from eschernet_ros.errors import EscherNetError


@settings(deadline=None)
@given(
    answer=st.floats(110.0, 30_000.0),
    start=st.floats(0.0, 100_000.0),
    gamma=st.floats(0.3, 1.2),
    proportional=st.booleans(),
)
def test_a_growing_measurement_is_met(answer: float, start: float, gamma: float, proportional: bool) -> None:
    """Exposures of a D435i (100 to 33 300 us by 100 us), pictures whose brightness grows with some power of them."""
    search = SettingSearch(
        low=100.0,
        high=33_300.0,
        step=100.0,
        start=start,
        target=answer**gamma,
        tolerance=0.03,
        proportional=proportional,
        tries=20,
    )
    tried = 0
    while not search.done:
        assert 100.0 <= search.value <= 33_300.0
        assert search.value % 100.0 == pytest.approx(0.0, abs=1e-6)
        search.observe(search.value**gamma)
        tried += 1
    assert tried <= 20
    nearest = min(range(100, 33_400, 100), key=lambda value: abs(value**gamma - answer**gamma))
    assert search.found or search.value == pytest.approx(nearest)
    if search.found:
        assert search.value**gamma == pytest.approx(answer**gamma, rel=0.03)


@pytest.mark.parametrize(("target", "end"), [(1e6, 32_000.0), (1e-3, 100.0)])
def test_out_of_reach_ends_at_the_border(target: float, end: float) -> None:
    """And is not said to be found."""
    search = SettingSearch(
        low=100.0, high=32_000.0, step=100.0, start=5000.0, target=target, tolerance=0.03, proportional=True, tries=20
    )
    while not search.done:
        search.observe(search.value)
    assert search.value == pytest.approx(end, rel=0.05)
    assert not search.found


def test_nothing_to_search_is_refused() -> None:
    """An empty range."""
    with pytest.raises(EscherNetError, match="no setting can be searched from 5 to 5"):
        SettingSearch(low=5, high=5, step=1, start=5, target=1, tolerance=0.1, proportional=False)
