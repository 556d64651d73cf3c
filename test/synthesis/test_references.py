# SPDX-License-Identifier: Apache-2.0
"""The set of reference views."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from eschernet_ros.geometry import look_at_origin
from eschernet_ros.synthesis import PutResult, ReferenceSet, ReferenceView


@pytest.fixture
def view():
    """Function: (id, azimuth) -> a view whose pixels hold its id."""

    def make(view_id: int, azimuth: float = 0.0, size: int = 8) -> ReferenceView:
        image = np.full((size, size, 3), view_id, np.uint8)
        return ReferenceView(view_id, image, look_at_origin(azimuth, 1.2, 1.8), stamp_ns=view_id)

    return make


def test_oldest_view_makes_room(view):
    references = ReferenceSet(max_count=2)
    assert references.put(view(4)) == PutResult(replaced=False, dropped_id=None)
    references.put(view(9))
    assert references.put(view(2)) == PutResult(replaced=False, dropped_id=4)
    assert references.ids == (9, 2)
    assert len(references) == 2


def test_a_view_that_is_on_its_way_is_waited_for(view):
    """It comes from another thread; what never comes is waited for as long as was said."""
    references = ReferenceSet(max_count=4)
    references.put(view(1))
    assert references.wait_for([1], 0.0)
    assert references.wait_for([], 0.0)
    assert not references.wait_for([1, 2], 0.01)
    later = threading.Timer(0.05, references.put, [view(2)])
    later.start()
    assert references.wait_for([1, 2], 60.0)
    later.join()
    assert references.select([2, 1]).ids == (2, 1)


def test_view_of_the_same_id_replaces_and_counts_as_new(view):
    references = ReferenceSet(max_count=2)
    for view_id in (1, 2):
        references.put(view(view_id))
    assert references.put(view(1, azimuth=2.0)) == PutResult(replaced=True, dropped_id=None)
    assert references.ids == (2, 1)
    np.testing.assert_allclose(references.select().poses[1], look_at_origin(2.0, 1.2, 1.8).matrix)


def test_selection_by_ids_keeps_their_order(view):
    references = ReferenceSet(max_count=5)
    for view_id in (1, 2, 3):
        references.put(view(view_id, azimuth=view_id))
    chosen = references.select(ids=[3, 1])
    assert chosen.ids == (3, 1)
    assert chosen.images[:, 0, 0, 0].tolist() == [3, 1]
    np.testing.assert_allclose(chosen.poses[0], look_at_origin(3.0, 1.2, 1.8).matrix)
    assert references.select().ids == (1, 2, 3)


def test_selection_by_count_spreads(view):
    references = ReferenceSet(max_count=9)
    for view_id, azimuth in enumerate((0.0, 0.1, 0.2, 2.1, 4.2)):
        references.put(view(view_id, azimuth))
    assert references.select(count=3).ids == (0, 3, 4)
    assert references.select(ids=[1, 2, 4], count=2).ids == (1, 4)
    assert references.select(count=20).ids == (0, 1, 2, 3, 4)


def test_views_can_be_taken_out(view):
    references = ReferenceSet(max_count=3)
    for view_id in (1, 2):
        references.put(view(view_id))
    references.remove(1)
    assert references.ids == (2,)
    references.clear()
    assert len(references) == 0


def test_errors_name_what_is_there(view):
    references = ReferenceSet(max_count=3)
    with pytest.raises(ValueError, match="no reference view yet"):
        references.select()
    with pytest.raises(ValueError, match="no reference view 5; there are: none"):
        references.remove(5)
    for view_id in (1, 2):
        references.put(view(view_id))
    with pytest.raises(ValueError, match="no reference view 5, 6; there are: 1, 2"):
        references.select(ids=[1, 5, 6])
    with pytest.raises(ValueError, match="named twice"):
        references.select(ids=[1, 1])
    with pytest.raises(ValueError, match="At least 1"):
        references.select(count=0)
    with pytest.raises(ValueError, match="16x16, the others are 8x8"):
        references.put(view(3, size=16))
    with pytest.raises(ValueError, match="must be uint8 RGB"):
        references.put(ReferenceView(3, np.zeros((8, 8)), look_at_origin(0, 1, 2), 0))
    assert references.ids == (1, 2)
    with pytest.raises(ValueError, match="at least 1 view"):
        ReferenceSet(0)
