# SPDX-License-Identifier: Apache-2.0
"""Frames that never came, told by the gaps in their numbers."""

from __future__ import annotations


class FrameGaps:
    """Counts the numbers missing in a sequence that should grow by one; a number that goes back starts anew."""

    def __init__(self) -> None:
        self._last: int | None = None

    def add(self, number: int) -> int:
        """Return how many frames are missing between the one before and this one."""
        last, self._last = self._last, number
        return 0 if last is None or number <= last else number - last - 1
