# SPDX-License-Identifier: Apache-2.0
"""Numbered files of a folder: which numbers are missing, and which files lack their companion."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from eschernet_ros.checking.findings import Finding, Level
from eschernet_ros.datasets.posed_images import format_ids

_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")
_LEAST = 3
_COMPANION_SHARE = 0.5
_MOST_NAMED = 12


@dataclass(frozen=True)
class Series:
    """Files whose names differ in a number only.

    Attributes:
        pattern: path below the folder with ``*`` for the number, for example ``images_rgba/frame*.png``.
        files: path of each number.
    """

    pattern: str
    files: dict[int, Path]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers, ascending."""
        return tuple(sorted(self.files))

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers between the first and the last one that are not there; none where numbers keep a larger step."""
        numbers = self.numbers
        steps = {b - a for a, b in pairwise(numbers)}
        if len(steps) == 1:
            return ()
        return tuple(sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers)))


def dataset_files(folder: Path) -> Iterator[Path]:
    """All files below a folder in the order of their names; hidden files and folders are left out.

    An object may be a single file (Text2Img): then that one.
    """
    if folder.is_file():
        yield folder
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from dataset_files(entry)
        elif entry.is_file():
            yield entry


def numbered_series(folder: Path, files: Sequence[Path]) -> list[Series]:
    """The series of at least three files among ``files``, by pattern; the last number of a name counts."""
    found: dict[str, dict[int, Path]] = {}
    for path in files:
        match = _NUMBERED.fullmatch(path.stem)
        if match:
            head, number, tail = match.groups()
            pattern = (path.relative_to(folder).parent / f"{head}*{tail}{path.suffix}").as_posix()
            found.setdefault(pattern, {})[int(number)] = path
    return [Series(pattern, numbers) for pattern, numbers in sorted(found.items()) if len(numbers) >= _LEAST]


def numbering_findings(series: Sequence[Series], starts_at_zero: bool = False) -> list[Finding]:
    """What the numbers say: gaps, and files without the companion that most others have.

    Args:
        series: of one object.
        starts_at_zero: the layout's first number is 0.
    """
    findings = []
    for one in series:
        missing = one.missing
        if starts_at_zero and 0 < one.numbers[0] <= len(one.files):
            missing = tuple(sorted({*range(one.numbers[0]), *missing}))
        if 0 < len(missing) < len(one.files):
            findings.append(
                Finding(
                    Level.SUSPICIOUS,
                    "missing number",
                    f"{one.pattern}: {_named(missing)} of {0 if starts_at_zero else one.numbers[0]}..{one.numbers[-1]} "
                    f"{'is' if len(missing) == 1 else 'are'} missing. Restore the file, or make sure that every other "
                    "view kept its own pose: where poses are told by their place in a list, all after the gap shift.",
                )
            )
    for one in series:
        for other in series:
            shared = set(one.files) & set(other.files)
            lacking = sorted(set(one.files) - set(other.files))
            if one is other or not lacking or len(shared) < max(_LEAST - 1, _COMPANION_SHARE * len(one.files)):
                continue
            findings.append(
                Finding(
                    Level.SUSPICIOUS,
                    "missing companion",
                    f"{one.pattern}: {_named(lacking)} {'has' if len(lacking) == 1 else 'have'} no {other.pattern}, "
                    "which the others have. Restore the file, or take its partner away.",
                )
            )
    return findings


def _named(numbers: Sequence[int]) -> str:
    text = format_ids(numbers[:_MOST_NAMED])
    return text if len(numbers) <= _MOST_NAMED else f"{text} and {len(numbers) - _MOST_NAMED} more"
