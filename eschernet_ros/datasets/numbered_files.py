# SPDX-License-Identifier: Apache-2.0
"""Files named by numbers, of which none may be missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from eschernet_ros.datasets.errors import DatasetError

_LAST_NUMBER = re.compile(r"(\d+)\D*$")


def numbered_files(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Files of ``folder`` whose whole name fits ``pattern``, by the number of its first group, ascending."""
    found = {int(match.group(1)): path for path in folder.iterdir() if (match := pattern.fullmatch(path.name))}
    return dict(sorted(found.items()))


def check_complete(files: dict[int, Path], count: int | None = None) -> None:
    """Refuse gaps: numbers must run from 0 to the highest, or to ``count`` - 1.

    Args:
        files: at least one file by number.
        count: how many there must be at least; None: up to the highest.

    Raises:
        DatasetError: names the missing files.
    """
    wanted = range(max(max(files) + 1, count or 0))
    missing = [number for number in wanted if number not in files]
    if missing:
        example = next(iter(files.values()))
        digits = len(example.stem)
        names = [f"{number:0{digits}d}{example.suffix}" for number in missing[:8]]
        more = f" and {len(missing) - len(names)} more" if len(missing) > len(names) else ""
        raise DatasetError(f"{example.parent} lacks {', '.join(names)}{more}; restore or render them.")


def ids_of_names(names: Sequence[str]) -> list[int]:
    """A view id for every file name: the last number in it, where all names have one and no two the same.

    Else the position of the name in sorted order. The folder part of a name and its suffix do not count for numbers.
    """
    numbers = []
    for name in names:
        match = _LAST_NUMBER.search(Path(name).stem)
        if match is None or len(match.group(1)) > 15:
            break
        numbers.append(int(match.group(1)))
    if len(numbers) == len(names) and len(set(numbers)) == len(names):
        return numbers
    rank = {name: position for position, name in enumerate(sorted(names))}
    return [rank[name] for name in names]
