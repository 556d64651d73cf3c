# SPDX-License-Identifier: Apache-2.0
"""Messages of one stamp are joined whatever their order, and what stays alone is counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.capture import StampJoin
from eschernet_ros.errors import EscherNetError

CHANNELS = ("colour", "depth", "info")


@settings(deadline=None, max_examples=50)
@given(st.permutations([(channel, stamp) for stamp in range(5) for channel in CHANNELS]))
def test_every_order_of_arrival_completes_every_stamp_once(order: list[tuple[str, int]]) -> None:
    join = StampJoin(CHANNELS, capacity=5)
    complete = []
    for channel, stamp in order:
        joined = join.add(channel, stamp, (channel, stamp))
        if joined is not None:
            complete.append(stamp)
            assert joined == {name: (name, stamp) for name in CHANNELS}
            assert list(joined) == list(CHANNELS)
    assert sorted(complete) == list(range(5))
    assert join.waiting == 0
    assert set(join.dropped.values()) == {0}


def test_one_channel_completes_at_once() -> None:
    assert StampJoin(["colour"]).add("colour", 3, "x") == {"colour": "x"}


def test_a_silent_channel_shows_in_the_others_drops() -> None:
    join = StampJoin(CHANNELS, capacity=4)
    for stamp in range(10):
        assert join.add("colour", stamp, stamp) is None
        assert join.add("info", stamp, stamp) is None
    assert join.dropped == {"colour": 6, "depth": 0, "info": 6}
    assert join.waiting == 4
    assert join.add("depth", 9, 9) is not None
    assert join.add("depth", 0, 0) is None  # too late, its partners are gone


def test_a_repeated_message_replaces_and_counts() -> None:
    join = StampJoin(["a", "b"])
    join.add("a", 1, "old")
    join.add("a", 1, "new")
    assert join.add("b", 1, "b") == {"a": "new", "b": "b"}
    assert join.dropped["a"] == 1


def test_counters_are_a_snapshot() -> None:
    join = StampJoin(["a", "b"])
    before = join.dropped
    join.add("a", 1, "old")
    join.add("a", 1, "new")
    assert (before["a"], join.dropped["a"]) == (0, 1)


def test_mistakes_are_named() -> None:
    with pytest.raises(EscherNetError, match=r"no channel 'color'; the channels are \('colour', 'depth', 'info'\)"):
        StampJoin(CHANNELS).add("color", 1, None)
    with pytest.raises(EscherNetError, match="different names"):
        StampJoin(["a", "a"])
    with pytest.raises(EscherNetError, match="different names"):
        StampJoin([])
    with pytest.raises(EscherNetError, match="capacity must be at least 1, it is 0"):
        StampJoin(["a"], capacity=0)
