# SPDX-License-Identifier: Apache-2.0
"""The records of a recorded object: ``recording.json`` and ``frames.jsonl``, or ``frames.json`` of schema 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.frame_files import StoredFile, decode_files, encode_files
from eschernet_ros.datasets.frame_journal import read_journal
from eschernet_ros.datasets.franka16_layout import HEAD_FILE, IMAGE, JOURNAL_FILE, OLD_FRAMES_FILE, frame_file
from eschernet_ros.datasets.franka16_record import (
    FrameRecord,
    decode_quality,
    decode_record,
    encode_line,
    encode_quality,
    encode_record,
)
from eschernet_ros.datasets.recording_head import COMPLETE, SCHEMA_VERSION, check_schema, read_head, read_json

OLD_SCHEMA = "eschernet_ros/franka16-frames"
OLD_SCHEMA_VERSION = 1

SESSION, FRAME, FINISHED = "session", "frame", "finished"
"""Kinds of lines: a recorder began; a frame was recorded; its missing pictures were made."""


@dataclass(frozen=True, eq=False)
class FramesFile:
    """What is recorded of an object's frames.

    Attributes:
        schema_version: 2, or 1 for a folder with ``frames.json``.
        package_version: the version of this package that wrote it last.
        records: the frames, in order; frame i has the files ``frame%06d.png``.
        files: of each frame its files by kind; empty in schema 1, which knows ``images_rgba`` only and no checksums.
        finished: the first so many frames have an image in ``images_rgba``.
        state: ``recording``, ``unfinished`` or ``complete``, as last written.
        stopped: why recording ended unasked; empty when it did not.
        sessions: what each recorder that appended said of itself.
    """

    schema_version: int
    package_version: str
    records: tuple[FrameRecord, ...]
    files: tuple[Mapping[str, StoredFile], ...]
    finished: int
    state: str = COMPLETE
    stopped: str = ""
    sessions: tuple[Mapping[str, Any], ...] = ()


def frame_line(index: int, record: FrameRecord, files: Mapping[str, StoredFile]) -> str:
    """The journal's line of a frame.

    Raises:
        DatasetError: when a number in the record is not finite.
    """
    return encode_line({"kind": FRAME, **encode_record(index, record), "files": encode_files(files)})


def finished_line(
    index: int, files: Mapping[str, StoredFile], quality: Mapping[str, float | str], warnings: tuple[str, ...]
) -> str:
    """The journal's line of pictures that were made later, with the scores and warnings that came with them."""
    entry = {"kind": FINISHED, "index": index, "files": encode_files(files), "quality": encode_quality(quality)}
    return encode_line({**entry, "warnings": list(warnings)})


def read_frames_file(folder: Path) -> FramesFile | None:
    """Read the records of the object at ``folder``; None when nothing was recorded there by this package.

    Raises:
        DatasetError: when they are damaged, of another kind, or of a newer schema.
    """
    head = read_head(folder)
    if head is None:
        return _read_old(folder / OLD_FRAMES_FILE)
    path = folder / JOURNAL_FILE
    if not path.is_file():
        raise DatasetError(f"{path} is missing, although {folder / HEAD_FILE} is there; restore it.")
    records: list[FrameRecord] = []
    files: list[dict[str, StoredFile]] = []
    sessions: list[Mapping[str, Any]] = []
    for number, entry in enumerate(read_journal(path), 1):
        with _damage(f"{path} is damaged in line {number}"):
            _take(entry, records, files, sessions)
    finished = next((i for i, of_frame in enumerate(files) if IMAGE not in of_frame), len(files))
    later = next((i for i in range(finished, len(files)) if IMAGE in files[i]), None)
    if later is not None:
        raise DatasetError(
            f"{path} is damaged: frame {later} is finished, frame {finished} before it is not; restore it."
        )
    return FramesFile(
        schema_version=SCHEMA_VERSION,
        package_version=head.package_version,
        records=tuple(records),
        files=tuple(files),
        finished=finished,
        state=head.state,
        stopped=head.stopped,
        sessions=tuple(sessions),
    )


def count_frames(folder: Path) -> tuple[int, int]:
    """Recorded and finished frames by the journal of ``folder``, without decoding the records.

    Raises:
        DatasetError: the journal cannot be read, or a line is damaged.
    """
    frames = finished = 0
    for entry in read_journal(folder / JOURNAL_FILE):
        frames += entry.get("kind") == FRAME
        finished += entry.get("kind") in (FRAME, FINISHED) and IMAGE in entry.get("files", {})
    return frames, finished


def _take(
    entry: Mapping[str, Any],
    records: list[FrameRecord],
    files: list[dict[str, StoredFile]],
    sessions: list[Mapping[str, Any]],
) -> None:
    """Take one line of the journal."""
    if entry["kind"] == SESSION:
        sessions.append({name: value for name, value in entry.items() if name != "kind"})
        return
    if entry["kind"] not in (FRAME, FINISHED):
        raise DatasetError(f"'{entry['kind']}' is no kind of line")
    index, stored = int(entry["index"]), decode_files(entry["files"])
    for kind, file in stored.items():
        if file.path != frame_file(kind, index):
            raise DatasetError(f"the {kind} of frame {index} is {file.path} instead of {frame_file(kind, index)}")
    if entry["kind"] == FRAME:
        if index != len(records):
            raise DatasetError(f"frame {index} stands where frame {len(records)} belongs")
        records.append(decode_record(entry))
        files.append(stored)
        return
    if not index < len(records):
        raise DatasetError(f"frame {index} was finished before it was recorded")
    files[index] |= stored
    records[index] = replace(
        records[index],
        quality={**records[index].quality, **decode_quality(entry["quality"])},
        warnings=(*records[index].warnings, *entry["warnings"]),
    )


def _read_old(path: Path) -> FramesFile | None:
    content = read_json(path)
    if content is None:
        return None
    check_schema(path, content, OLD_SCHEMA, OLD_SCHEMA_VERSION)
    records: list[FrameRecord] = []
    with _damage(f"{path} is damaged at frame {{count}}", records):
        for index, entry in enumerate(content["frames"]):
            if entry["index"] != index or entry["file"] != frame_file(IMAGE, index):
                raise DatasetError(f"its entry {index} is for {entry['file']} instead of {frame_file(IMAGE, index)}")
            records.append(decode_record(entry))
    return FramesFile(
        schema_version=OLD_SCHEMA_VERSION,
        package_version=str(content.get("package_version")),
        records=tuple(records),
        files=tuple({} for _ in records),
        finished=len(records),
    )


@contextmanager
def _damage(where: str, records: list[FrameRecord] | None = None) -> Iterator[None]:
    """Say where in a file an entry cannot be understood."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        place = where if records is None else where.format(count=len(records))
        raise DatasetError(f"{place}: {reason}; restore it.") from error
