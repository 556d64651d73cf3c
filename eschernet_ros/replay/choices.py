# SPDX-License-Identifier: Apache-2.0
"""Which frames of a recording become views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

from eschernet_ros.errors import EscherNetError


class FrameChoice(ABC):
    """Chooses among complete frames, in the order they were recorded.

    Attributes:
        gated: views must pass the gates.
    """

    gated: bool

    @abstractmethod
    def wants(self, stamp_ns: int) -> bool:
        """Whether the frame with this stamp, the next one, is to become a view."""


class StillViews(FrameChoice):
    """Every frame at which all gates are open: at rest at a new place, sharp and well exposed."""

    gated = True

    def wants(self, stamp_ns: int) -> bool:
        """All of them; the gates choose."""
        return True


class EveryNth(FrameChoice):
    """One frame of ``count``, the first among them.

    Raises:
        EscherNetError: a count below 1.
    """

    def __init__(self, count: int, gated: bool) -> None:
        if count < 1:
            raise EscherNetError(f"one frame of {count} cannot be chosen; give 1 (all), 2, 3, ...")
        self.gated = gated
        self._count = count
        self._seen = 0

    def wants(self, stamp_ns: int) -> bool:
        """Every n-th."""
        self._seen += 1
        return (self._seen - 1) % self._count == 0


class TakenViews(FrameChoice):
    """The frames that the live capture took, by their stamps."""

    gated = False

    def __init__(self, stamps_ns: Collection[int]) -> None:
        self._stamps = frozenset(stamps_ns)

    def wants(self, stamp_ns: int) -> bool:
        """Those of the live views."""
        return stamp_ns in self._stamps
