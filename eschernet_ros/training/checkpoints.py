# SPDX-License-Identifier: Apache-2.0
"""The checkpoints of a run: complete folders only, the newest kept, each one a model that loads by itself.

``checkpoint-00001000/`` holds a model in the published layout and, in ``training_state/``, what resuming needs.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eschernet_ros.errors import EscherNetError
from eschernet_ros.json_file import read_json_object

logger = logging.getLogger(__name__)

STATE_FOLDER = "training_state"
RECORD_FILE = "training.json"
_NAME = re.compile(r"checkpoint-(\d{8})")


def checkpoint_folder(output: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return output / f"checkpoint-{step:08d}"


def existing_checkpoints(output: Path) -> list[Path]:
    """Complete checkpoints in ``output``, oldest first."""
    if not output.is_dir():
        return []
    return sorted(entry for entry in output.iterdir() if _NAME.fullmatch(entry.name) and entry.is_dir())


def find_checkpoint(output: Path, wanted: str) -> Path | None:
    """The checkpoint to resume from: ``"latest"`` (None when there is none), a step's number, or a folder.

    Raises:
        EscherNetError: a named checkpoint that is not there, or that holds no training state.
    """
    existing = existing_checkpoints(output)
    if wanted == "latest":
        if not existing:
            return None
        folder = existing[-1]
    else:
        folder = checkpoint_folder(output, int(wanted)) if wanted.isdecimal() else Path(wanted).expanduser()
    if not (folder / STATE_FOLDER).is_dir():
        names = ", ".join(entry.name for entry in existing) or "none"
        raise EscherNetError(f"{folder} is no checkpoint with a training state; {output} holds {names}.")
    return folder


def set_aside_later(output: Path, step: int) -> list[Path]:
    """Rename checkpoints of steps beyond ``step`` to ``*.set-aside``: a run goes on before them and makes its own.

    Otherwise they would count as the newest. An older folder of that name is removed.
    """
    renamed = []
    for folder in existing_checkpoints(output):
        if int(folder.name.removeprefix("checkpoint-")) > step:
            aside = folder.with_name(folder.name + ".set-aside")
            shutil.rmtree(aside, ignore_errors=True)
            renamed.append(folder.rename(aside))
            logger.warning("%s is of a later step than %d, where this run goes on: now %s.", folder, step, aside.name)
    return renamed


def write_checkpoint(
    output: Path, step: int, write: Callable[[Path], None], record: Mapping[str, Any], keep: int
) -> Path:
    """Write a checkpoint under another name, sync it, rename it, then remove the oldest beyond ``keep`` (0: none).

    ``write`` fills the folder it is given; ``record`` becomes its ``training.json``. What killed writes left is
    removed first.
    """
    folder = checkpoint_folder(output, step)
    for leftover in output.glob("checkpoint-*.partial"):
        shutil.rmtree(leftover)
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True)
    write(partial)
    (partial / RECORD_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for path in (*partial.rglob("*"), partial):
        _sync(path)
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
    _sync(output)
    if keep:
        for old in existing_checkpoints(output)[:-keep]:
            shutil.rmtree(old)
    return folder


def read_record(folder: Path) -> dict[str, Any]:
    """``training.json`` of a checkpoint.

    Raises:
        EscherNetError: when it is missing or damaged.
    """
    content = read_json_object(folder / RECORD_FILE)
    if not isinstance(content.get("step"), int):
        raise EscherNetError(f"{folder / RECORD_FILE} does not record a step.")
    return content


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
