# SPDX-License-Identifier: Apache-2.0
"""``merge.json``: where every object and view of a merged data set came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eschernet_ros import __version__
from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.recording_head import check_schema, read_json

MERGE_FILE = "merge.json"
SCHEMA = "eschernet_ros/merge"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Origin:
    """Where one object, or one of its views, came from.

    Attributes:
        folder: the source object's folder, absolute.
        object_name: its name there.
        view_ids: by number here: its number there; empty where the object was taken as it is, numbers and all.
    """

    folder: str
    object_name: str
    view_ids: Mapping[int, int]


def write_merge_file(folder: Path, layout: str, origins: Mapping[str, Sequence[Origin]]) -> None:
    """Write ``merge.json`` into a merged data set.

    Args:
        folder: the data set.
        layout: its layout.
        origins: of each object, the sources it was made from.

    Raises:
        DatasetWriteError: it cannot be written.
    """
    content = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "package_version": __version__,
        "layout": layout,
        "objects": {
            name: [
                {
                    "folder": origin.folder,
                    "object": origin.object_name,
                    "views": {str(here): there for here, there in origin.view_ids.items()},
                }
                for origin in sources
            ]
            for name, sources in origins.items()
        },
    }
    write_atomically(folder / MERGE_FILE, (json.dumps(content, indent=1) + "\n").encode())


def read_merge_file(folder: Path) -> dict[str, list[Origin]]:
    """The origins of a merged data set's objects.

    Raises:
        DatasetError: there is no such file, or it is damaged.
    """
    path = folder / MERGE_FILE
    content = read_json(path)
    if content is None:
        raise DatasetError(f"{path} is missing: {folder} was not made by `eschernet-ros dataset merge`.")
    check_schema(path, content, SCHEMA, SCHEMA_VERSION)
    try:
        return {
            str(name): [
                Origin(
                    folder=str(entry["folder"]),
                    object_name=str(entry["object"]),
                    view_ids={int(here): int(there) for here, there in entry["views"].items()},
                )
                for entry in sources
            ]
            for name, sources in content["objects"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{path} is damaged ({type(error).__name__}: {error}).") from error
