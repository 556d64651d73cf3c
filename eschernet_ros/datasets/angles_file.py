# SPDX-License-Identifier: Apache-2.0
"""``angles.npy``: azimuth and elevation of every frame, grown in place.

numpy's file format (NEP 1) leaves room in the header for a growing first axis, so a row is appended behind the others
and the header is overwritten: the same cost for every row. Rows beyond the header's count do not exist for a reader.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.atomic_files import write_atomically, write_error

_ROW = np.dtype(np.float64).itemsize * 2


class AnglesFile:
    """Appends rows to ``path``.

    Attributes:
        rebuilt: whether opening had to write it anew, because it did not hold what it should.
    """

    def __init__(self, path: Path, angles: NDArray[np.float64]) -> None:
        """Open ``path``; write it anew unless it holds exactly ``angles`` [N,2].

        Raises:
            DatasetWriteError: it cannot be written.
        """
        self._path = path
        self._rows = len(angles)
        self.rebuilt = not _holds(path, angles)
        if self.rebuilt:
            buffer = io.BytesIO()
            np.save(buffer, angles.reshape(-1, 2).astype(np.float64))
            write_atomically(path, buffer.getvalue())

    def append(self, angles: NDArray[np.float64]) -> None:
        """Append rows [K,2]; on failure those before stay as they were.

        Raises:
            DatasetWriteError: they cannot be written.
        """
        count = self._rows + len(angles)
        header, content = _header(count), np.ascontiguousarray(angles, np.float64).tobytes()
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                _write_all(file, content, len(header) + self._rows * _ROW)
                _write_all(file, header, 0)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise write_error(self._path, error) from error
        self._rows = count


def _header(count: int) -> bytes:
    buffer = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(np.dtype(np.float64))
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": (count, 2)})
    return buffer.getvalue()


def _write_all(file: int, content: bytes, offset: int) -> None:
    written = 0
    while written < len(content):
        written += os.pwrite(file, content[written:], offset + written)


def _holds(path: Path, angles: NDArray[np.float64]) -> bool:
    try:
        stored = np.load(path, allow_pickle=False)
        with path.open("rb") as file:
            header = file.read(len(_header(len(angles))))
    except (OSError, ValueError, EOFError):
        return False
    return header == _header(len(angles)) and np.array_equal(stored, angles.reshape(-1, 2))
