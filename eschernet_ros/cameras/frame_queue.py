# SPDX-License-Identifier: Apache-2.0
"""A short queue between a driver's thread and the one that reads: the oldest item goes when it is full."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

from eschernet_ros.errors import EscherNetError

Item = TypeVar("Item")


class FrameQueue(Generic[Item]):
    """Thread safe; :meth:`put` never waits.

    Args:
        capacity: items held at most. A driver has few buffers, and an item may hold one of them: keep it small.

    Raises:
        EscherNetError: a capacity below 1.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise EscherNetError(f"the capacity of a frame queue must be at least 1, it is {capacity}")
        self.dropped = 0
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()

    def put(self, item: Item) -> None:
        """Add the newest item; the oldest is dropped and counted when there is no room."""
        with self._changed:
            if len(self._items) == self._capacity:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify()

    def get(self, timeout_s: float) -> Item | None:
        """Return the oldest item, or None when none came within the time."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items), timeout_s)
            return self._items.popleft() if self._items else None

    def clear(self) -> None:
        """Let everything go; not counted as dropped."""
        with self._changed:
            self._items.clear()
