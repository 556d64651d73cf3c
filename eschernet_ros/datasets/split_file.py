# SPDX-License-Identifier: Apache-2.0
"""``split.json``: which views of each object are references, which are targets, and by which rule they were chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from eschernet_ros import __version__
from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.datasets.errors import DatasetError, DatasetWriteError
from eschernet_ros.datasets.posed_images import PosedImages, format_ids
from eschernet_ros.datasets.reader import ViewSplit
from eschernet_ros.datasets.recording_head import check_schema, read_json

SPLIT_FILE = "split.json"
SCHEMA = "eschernet_ros/split"
SCHEMA_VERSION = 1


def write_split_file(path: Path, layout: str, splits: Mapping[str, ViewSplit], *, replace: bool = False) -> None:
    """Write the splits of all objects of a data set, in full or not at all.

    Args:
        path: the file; ``split.json`` in the data set's folder is where :func:`read_split_file` looks.
        layout: of the data set.
        splits: by object.
        replace: an existing file is replaced.

    Raises:
        DatasetWriteError: the file exists and is not to be replaced, or cannot be written.
    """
    if path.exists() and not replace:
        raise DatasetWriteError(f"{path} exists; say that it may be replaced, or write elsewhere.")
    content = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "package_version": __version__,
        "layout": layout,
        "objects": {
            name: {
                "rule": split.rule,
                "references": list(split.reference_ids),
                "targets": "spiral" if split.targets == "spiral" else list(split.target_ids),
                "scored": list(split.scored_ids),
            }
            for name, split in splits.items()
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def read_split_file(path: str | Path) -> dict[str, ViewSplit]:
    """The splits of a file, or of ``split.json`` in a folder, by object.

    Raises:
        DatasetError: there is none, or it is damaged or of another schema.
    """
    file = Path(path)
    if file.is_dir():
        file = file / SPLIT_FILE
    content = read_json(file)
    if content is None:
        raise DatasetError(f"{file} is missing; `eschernet-ros dataset split` makes it.")
    check_schema(file, content, SCHEMA, SCHEMA_VERSION)
    try:
        return {str(name): _decode(entry) for name, entry in content["objects"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{file} is damaged ({type(error).__name__}: {error}); make it again.") from error


def split_of(views: PosedImages, path: str | Path) -> ViewSplit:
    """The split of one object, by its name, checked against the views that there are.

    Args:
        views: the object.
        path: as for :func:`read_split_file`.

    Raises:
        DatasetError: the file does not name the object, or names views that it does not have.
    """
    splits = read_split_file(path)
    if views.name not in splits:
        raise DatasetError(f"{path} has no split of '{views.name}', only of {', '.join(splits) or 'nothing'}.")
    split = splits[views.name]
    unknown = sorted({*split.reference_ids, *split.target_ids, *split.scored_ids} - set(views.view_ids))
    if unknown:
        raise DatasetError(
            f"{path} names the views {format_ids(unknown)} of '{views.name}', which has only "
            f"{format_ids(views.view_ids)}: it was made for other data; make it again."
        )
    return split


def _decode(entry: Mapping[str, Any]) -> ViewSplit:
    spiral = entry["targets"] == "spiral"
    split = ViewSplit(
        reference_ids=_ids(entry["references"]),
        targets="spiral" if spiral else "views",
        target_ids=() if spiral else _ids(entry["targets"]),
        scored_ids=_ids(entry["scored"]),
        rule=str(entry["rule"]),
    )
    if not split.reference_ids:
        raise ValueError("no references")
    return split


def _ids(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise ValueError(f"{values!r} is no list of view numbers")
    return tuple(cast("list[int]", values))
