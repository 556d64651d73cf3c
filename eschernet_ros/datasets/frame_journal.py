# SPDX-License-Identifier: Apache-2.0
"""``frames.jsonl``: an append-only file of JSON lines; a frame is recorded once its line is in it.

Appending costs the same however many lines there are. A line counts when its end is there: what a killed process left
of one is cut off by the next.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eschernet_ros.datasets.atomic_files import write_error
from eschernet_ros.datasets.errors import DatasetError


class FrameJournal:
    """Appends lines; the caller sees to it that there is one writer.

    Attributes:
        path: the file.
        cut_off: bytes of a torn last line that opening removed.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path``, made when it does not exist; cut off a torn last line.

        Raises:
            OSError: it cannot be opened.
        """
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._file).st_size
        self._end = _end_of_last_line(self._file, size)
        self.cut_off = size - self._end
        if self.cut_off:
            os.ftruncate(self._file, self._end)

    def append(self, lines: Sequence[str]) -> None:
        """Append lines and flush them to the disk; on failure the file is as it was.

        Raises:
            DatasetWriteError: they cannot be written.
        """
        content = "".join(f"{line}\n" for line in lines).encode()
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(self._file, content[written:], self._end + written)
            os.fsync(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise write_error(self.path, error) from error
        self._end += len(content)

    def close(self) -> None:
        """Let go of the file; harmless when that has been done."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The complete lines of a journal, in order; a torn last one is left out.

    Raises:
        DatasetError: the file cannot be read, or a line in it is damaged.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    entry = json.loads(line)
                except ValueError as error:
                    raise DatasetError(f"{path} is damaged in line {number} ({error}); restore it.") from error
                if not isinstance(entry, dict):
                    raise DatasetError(f"{path} is damaged in line {number}: it is no JSON object; restore it.")
                yield entry
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}.") from error


def _end_of_last_line(file: int, size: int, step: int = 65536) -> int:
    """Where the last complete line ends; looks from the end of the file."""
    end = size
    while end > 0:
        start = max(0, end - step)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
