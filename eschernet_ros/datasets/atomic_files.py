# SPDX-License-Identifier: Apache-2.0
"""Files that are either there in full or not at all, and a folder that has one writer."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import IO

from eschernet_ros.datasets.errors import DatasetWriteError

_TEMPORARY_SUFFIX = ".eschernet-tmp"


def write_error(path: Path, error: OSError) -> DatasetWriteError:
    """The sentence for a failed write at ``path``."""
    reasons = {
        errno.ENOSPC: "the disk is full; free some space or record elsewhere",
        errno.EDQUOT: "the disk quota is used up; free some space or record elsewhere",
        errno.EACCES: "permission denied; check who owns the folder",
        errno.EPERM: "permission denied; check who owns the folder",
        errno.EROFS: "the file system is mounted read-only; record elsewhere",
        errno.ENOTDIR: "a part of the path is a file, not a folder; record elsewhere",
        errno.EEXIST: "a file of that name is in the way; record elsewhere",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    return DatasetWriteError(f"{path} cannot be written: {reason}.")


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path``, flush it to the disk, then rename it into place.

    Whoever opens ``path`` sees the old content or the new one, never a part. When writing fails, the old
    content stays and the temporary file is removed.

    Raises:
        DatasetWriteError: when the disk is full or a permission is missing.
    """
    temporary = path.with_name(f".{path.name}{_TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise write_error(path, error) from error


def remove_temporary_files(folder: Path) -> int:
    """Remove what interrupted :func:`write_atomically` calls left in ``folder``; returns how many."""
    leftovers = list(folder.glob(f".*{_TEMPORARY_SUFFIX}"))
    for path in leftovers:
        path.unlink()
    return len(leftovers)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk, so that renames in it outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FolderLock:
    """An exclusive lock on a folder, held until :meth:`release` or the end of the process.

    The kernel drops the lock when its holder dies, however it dies. The lock file stays; it names the
    holder's process id while the lock is held.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            DatasetWriteError: when another writer holds it (names its process id), or the lock file cannot
                be written.
        """
        self._path = folder / ".writer.lock"
        try:
            self._file: IO[str] = self._path.open("a+")
        except OSError as error:
            raise write_error(self._path, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip()
            self._file.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise write_error(self._path, error) from error
            who = f"process {holder}" if holder else "another process"
            raise DatasetWriteError(
                f"{folder} is being written by {who}; stop that writer or record into another folder."
            ) from error
        self._set_holder(str(os.getpid()))

    def release(self) -> None:
        """Give the lock back; harmless when it was already given back."""
        if not self._file.closed:
            self._set_holder("")
            self._file.close()

    def _set_holder(self, text: str) -> None:
        """Write the holder's id; a full disk costs only the id, not the lock."""
        with contextlib.suppress(OSError):
            self._file.truncate(0)
            self._file.write(text)
            self._file.flush()
