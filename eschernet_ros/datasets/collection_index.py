# SPDX-License-Identifier: Apache-2.0
"""``index.json``: what the objects of a collection hold, so that nobody has to open every one of them.

It is a summary that can be thrown away: each entry carries the size and time of the files it was made from, and is made
again when those differ, when an object has appeared, or when the file is damaged.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eschernet_ros import __version__
from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.franka16_frames import count_frames, read_frames_file
from eschernet_ros.datasets.franka16_layout import HEAD_FILE, JOURNAL_FILE, OLD_FRAMES_FILE
from eschernet_ros.datasets.reader import subfolders
from eschernet_ros.datasets.recording_head import read_head, read_json

INDEX_FILE = "index.json"
INDEX_SCHEMA = "eschernet_ros/collection-index"
INDEX_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class IndexEntry:
    """One recorded object.

    Attributes:
        frames: recorded frames.
        finished: those of them with all their pictures.
        state: ``recording``, ``unfinished`` or ``complete``; ``damaged`` when its records cannot be read.
        problem: why it is damaged, or why recording stopped; empty when neither.
        package_version: the version of this package that wrote it.
        stamp: size and time of the files that this was made from.
    """

    frames: int
    finished: int
    state: str
    problem: str
    package_version: str
    stamp: str


def read_index(collection: Path) -> dict[str, IndexEntry]:
    """The recorded objects of a collection by name, up to date; the file is not touched.

    Args:
        collection: folder with an object in each subfolder.

    Raises:
        DatasetError: the folder cannot be listed.
    """
    known = _stored(collection)
    try:
        folders = {folder.name: folder for folder in subfolders(collection)}
    except OSError as error:
        raise DatasetError(f"{collection} cannot be listed: {error.strerror or error}.") from error
    entries = {}
    for name, folder in folders.items():
        stamp = _stamp(folder)
        if stamp:
            old = known.get(name)
            entries[name] = old if old is not None and old.stamp == stamp else _entry(folder, stamp)
    return entries


def update_index(collection: Path) -> dict[str, IndexEntry]:
    """As `read_index`, and write ``index.json`` when it says something else.

    Raises:
        DatasetError: the folder cannot be listed.
        DatasetWriteError: the file cannot be written.
    """
    entries = read_index(collection)
    if entries != _stored(collection) or not (collection / INDEX_FILE).exists():
        content = {
            "schema": INDEX_SCHEMA,
            "schema_version": INDEX_SCHEMA_VERSION,
            "package_version": __version__,
            "objects": {name: asdict(entry) for name, entry in entries.items()},
        }
        write_atomically(collection / INDEX_FILE, (json.dumps(content, indent=2) + "\n").encode())
    return entries


def _stored(collection: Path) -> dict[str, IndexEntry]:
    """The entries of the file; none when it is missing, damaged, or of another schema."""
    try:
        content: Any = read_json(collection / INDEX_FILE)
        if content["schema"] != INDEX_SCHEMA or content["schema_version"] != INDEX_SCHEMA_VERSION:
            return {}
        return {name: IndexEntry(**entry) for name, entry in content["objects"].items()}
    except (DatasetError, KeyError, TypeError, AttributeError):
        return {}


def _stamp(folder: Path) -> str:
    """Size and time of the files that hold an object's records; empty when there are none."""
    parts = []
    for name in (HEAD_FILE, JOURNAL_FILE, OLD_FRAMES_FILE):
        try:
            found = (folder / name).stat()
        except OSError:
            continue
        parts.append(f"{name} {found.st_size} {found.st_mtime_ns}")
    return "; ".join(parts)


def _entry(folder: Path, stamp: str) -> IndexEntry:
    try:
        head = read_head(folder)
        if head is not None:
            frames, finished = count_frames(folder)
            return IndexEntry(frames, finished, head.state, head.stopped, head.package_version, stamp)
        old = read_frames_file(folder)
        if old is None:
            raise DatasetError(f"{folder / HEAD_FILE} is missing; restore it.")
        return IndexEntry(len(old.records), old.finished, old.state, "", old.package_version, stamp)
    except DatasetError as error:
        return IndexEntry(0, 0, "damaged", str(error), "", stamp)
