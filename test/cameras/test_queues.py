# SPDX-License-Identifier: Apache-2.0
"""What is lost between the driver and the reader is counted."""

from __future__ import annotations

import threading
import time

import pytest

from eschernet_ros.cameras.frame_gaps import FrameGaps
from eschernet_ros.cameras.frame_queue import FrameQueue
from eschernet_ros.errors import EscherNetError


def test_a_full_queue_drops_the_oldest() -> None:
    """And says how many."""
    queue: FrameQueue[int] = FrameQueue(3)
    for item in range(5):
        queue.put(item)
    assert queue.dropped == 2
    assert [queue.get(0.0) for _ in range(4)] == [2, 3, 4, None]
    queue.put(9)
    queue.clear()
    assert queue.get(0.0) is None
    assert queue.dropped == 2


def test_a_reader_is_woken() -> None:
    """Long before its time is over."""
    queue: FrameQueue[int] = FrameQueue(1)
    threading.Timer(0.05, queue.put, (7,)).start()
    start = time.monotonic()
    assert queue.get(30.0) == 7
    assert time.monotonic() - start < 10.0


def test_a_queue_without_room_is_refused() -> None:
    """It would drop everything."""
    with pytest.raises(EscherNetError, match="at least 1, it is 0"):
        FrameQueue(0)


def test_gaps() -> None:
    """Missing numbers are counted; repeated ones and a counter that starts anew are none."""
    gaps = FrameGaps()
    assert [gaps.add(number) for number in (7, 8, 11, 11, 12, 1, 2)] == [0, 0, 2, 0, 0, 0, 0]
