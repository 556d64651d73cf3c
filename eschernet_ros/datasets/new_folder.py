# SPDX-License-Identifier: Apache-2.0
"""A folder that appears when all of it is there, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eschernet_ros.datasets.atomic_files import sync_folder, write_error
from eschernet_ros.datasets.errors import DatasetWriteError

_UNFINISHED = ".partial"
"""Readers leave folders of this ending out."""


def free_path(folder: str | Path) -> Path:
    """The absolute path of a folder that is not there yet.

    Raises:
        DatasetWriteError: something is there.
    """
    path = Path(folder).expanduser().absolute()
    if path.exists() or path.is_symlink():
        raise DatasetWriteError(f"{path} exists; nothing is overwritten: name another folder, or move that one away.")
    return path


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """Fill a hidden folder; it takes the name ``folder`` at the end, and is removed when anything fails.

    Yields:
        The hidden folder, empty, beside the wanted one.

    Raises:
        DatasetWriteError: ``folder`` exists, or cannot be written. An `OSError` inside becomes one too.
    """
    path = free_path(folder)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}{_UNFINISHED}")
    try:
        unfinished.mkdir(parents=True)
        try:
            yield unfinished
            _sync(unfinished)
            unfinished.rename(path)
            sync_folder(path.parent)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    except OSError as error:
        raise write_error(path, error) from error


def _sync(folder: Path) -> None:
    """Flush every file and folder to the disk, so that the new name never shows a part after a power cut."""
    for parent, _, files in os.walk(folder):
        for name in files:
            with (Path(parent) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(parent))
