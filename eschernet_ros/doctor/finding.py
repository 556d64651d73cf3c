# SPDX-License-Identifier: Apache-2.0
"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad it is; also the exit code of the command."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: how bad it is.
        subject: what was looked at, in a word or two.
        seen: what was seen, with its numbers.
        remedy: what to do, one sentence, and lines to copy where there are any; empty exactly when all is well.
    """

    level: Level
    subject: str
    seen: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if (self.level == Level.OK) == bool(self.remedy):
            raise ValueError(f"finding '{self.subject}': a remedy belongs to warnings and errors, and to each of them")


def fine(subject: str, seen: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, subject, seen)


def warn(subject: str, seen: str, remedy: str) -> Finding:
    """It works, but not as well as it could, or not for long."""
    return Finding(Level.WARN, subject, seen, remedy)


def error(subject: str, seen: str, remedy: str) -> Finding:
    """It cannot work like this."""
    return Finding(Level.ERROR, subject, seen, remedy)


def verdict(findings: Iterable[Finding]) -> Level:
    """The worst level; OK when there is nothing."""
    return max((finding.level for finding in findings), default=Level.OK)
