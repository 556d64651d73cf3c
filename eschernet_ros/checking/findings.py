# SPDX-License-Identifier: Apache-2.0
"""What a check finds, each with its weight."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad something is; the higher, the worse."""

    PASS = 0
    SUSPICIOUS = 1
    BAD = 2

    @property
    def word(self) -> str:
        """As printed."""
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """One sentence about a recording.

    Attributes:
        level: how bad it is.
        topic: what it is about, in a word or two.
        text: the sentence, with the numbers and the remedy.
    """

    level: Level
    topic: str
    text: str
