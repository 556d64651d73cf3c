# SPDX-License-Identifier: Apache-2.0
"""``recording.json``: what a folder is, which schema it has, and in which state it is.

The frames are in the journal; this small file is written anew, in one step, whenever the state changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eschernet_ros import __version__
from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.franka16_layout import HEAD_FILE

SCHEMA = "eschernet_ros/recording"
SCHEMA_VERSION = 2

RECORDING, UNFINISHED, COMPLETE = "recording", "unfinished", "complete"
"""States: being written (or cut off); closed, with pictures still to be made; closed, with everything there."""


@dataclass(frozen=True)
class RecordingHead:
    """The content of ``recording.json``.

    Attributes:
        state: ``recording``, ``unfinished`` or ``complete``.
        frames: recorded frames when the state was last written.
        finished: those of them with all their pictures.
        stopped: why recording ended before it was asked to (the disk is full); empty when it did not.
        created_utc: when the folder was made, ISO 8601.
        package_version: the version of this package that wrote the state.
    """

    state: str
    frames: int = 0
    finished: int = 0
    stopped: str = ""
    created_utc: str = ""
    package_version: str = __version__

    def sentence(self) -> str:
        """The state in words."""
        words = {
            RECORDING: "being recorded, or cut off: the next recorder, or `eschernet-ros dataset finish`, repairs it",
            UNFINISHED: f"unfinished: {self.finished} of {self.frames} frames have all their pictures; "
            "`eschernet-ros dataset finish` makes the others",
            COMPLETE: f"complete: {self.frames} frames",
        }[self.state]
        return f"{words}. Recording stopped: {self.stopped}" if self.stopped else f"{words}."


def utc_now() -> str:
    """The time now, ISO 8601, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def write_head(folder: Path, head: RecordingHead) -> None:
    """Write ``recording.json``.

    Raises:
        DatasetWriteError: when it cannot be written.
    """
    content = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(head), "depth_unit_m": 0.001}
    write_atomically(folder / HEAD_FILE, (json.dumps(content, indent=2) + "\n").encode())


def read_head(folder: Path) -> RecordingHead | None:
    """Read ``recording.json``; None when there is none.

    Raises:
        DatasetError: when it is damaged, of another kind, or of a newer schema.
    """
    path = folder / HEAD_FILE
    content = read_json(path)
    if content is None:
        return None
    check_schema(path, content, SCHEMA, SCHEMA_VERSION)
    try:
        head = RecordingHead(
            state=str(content["state"]),
            frames=int(content["frames"]),
            finished=int(content["finished"]),
            stopped=str(content["stopped"]),
            created_utc=str(content["created_utc"]),
            package_version=str(content["package_version"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({type(error).__name__}: {error}); restore it.") from error
    if head.state not in (RECORDING, UNFINISHED, COMPLETE):
        raise DatasetError(f"{path} is damaged: '{head.state}' is no state; restore it.")
    return head


def read_json(path: Path) -> Any:
    """The content of a JSON file; None when there is no such file.

    Raises:
        DatasetError: when it cannot be read or is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):  # an object may be a single file, not a folder
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path} is damaged (line {error.lineno}: {error.msg}); restore it.") from error


def check_schema(path: Path, content: Any, schema: str, version: int) -> None:
    """Refuse a file of another schema, or of another version than the one that is read.

    Raises:
        DatasetError: it is.
    """
    if not isinstance(content, Mapping) or content.get("schema") != schema:
        raise DatasetError(f"{path} is not of the schema '{schema}'; it was written by something else.")
    found = content.get("schema_version")
    if found != version:
        raise DatasetError(
            f"{path} has schema version {found}, written by eschernet_ros {content.get('package_version')}; this "
            f"version ({__version__}) reads version {version}: read it with that one, or a newer one."
        )
