# SPDX-License-Identifier: Apache-2.0
"""Joins messages that carry the same stamp: an image, its depth, its mask. Intrinsics: see `camera_infos`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from eschernet_ros.errors import EscherNetError


class StampJoin:
    """Collects one item per channel for every stamp; the order of arrival does not matter. Thread safe.

    Args:
        channels: the names, for example ``("colour", "depth")``.
        capacity: incomplete stamps that are kept; beyond it the one that has waited longest is dropped.

    Raises:
        EscherNetError: no channel, a name twice, or a capacity below 1.
    """

    def __init__(self, channels: Iterable[str], capacity: int = 30) -> None:
        self.channels = tuple(channels)
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise EscherNetError(f"channels must be different names, at least one; they are {self.channels}")
        if capacity < 1:
            raise EscherNetError(f"the capacity must be at least 1, it is {capacity}")
        self._capacity = capacity
        self._lock = threading.Lock()
        self._waiting: dict[int, dict[str, Any]] = {}  # in order of first arrival
        self._dropped = dict.fromkeys(self.channels, 0)

    def add(self, channel: str, stamp_ns: int, item: Any) -> dict[str, Any] | None:
        """Take an item; returns all channels' items of its stamp once the last of them is there, else None.

        A second item of the same channel and stamp replaces the first, which counts as dropped.

        Raises:
            EscherNetError: an unknown channel.
        """
        if channel not in self._dropped:
            raise EscherNetError(f"there is no channel '{channel}'; the channels are {self.channels}")
        with self._lock:
            items = self._waiting.setdefault(stamp_ns, {})
            if channel in items:
                self._dropped[channel] += 1
            items[channel] = item
            if len(items) == len(self.channels):
                del self._waiting[stamp_ns]
                return {name: items[name] for name in self.channels}
            if len(self._waiting) > self._capacity:
                longest = next(iter(self._waiting))
                for name in self._waiting.pop(longest):
                    self._dropped[name] += 1
            return None

    def clear(self) -> None:
        """Drop, and count, what waits: its partners belong to a time that is over."""
        with self._lock:
            for items in self._waiting.values():
                for name in items:
                    self._dropped[name] += 1
            self._waiting.clear()

    @property
    def dropped(self) -> Mapping[str, int]:
        """Items per channel that never found their partners.

        Large for all channels but one: that one does not arrive, or is stamped differently.
        """
        with self._lock:
            return MappingProxyType(dict(self._dropped))

    @property
    def waiting(self) -> int:
        """Incomplete stamps held now."""
        with self._lock:
            return len(self._waiting)
