# SPDX-License-Identifier: Apache-2.0
"""``filter.json``: which objects of a folder are not to be trained on, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eschernet_ros import __version__
from eschernet_ros.datasets import DatasetError
from eschernet_ros.datasets.atomic_files import write_atomically

FILTER_FILE = "filter.json"


def read_filter(folder: Path) -> dict[str, str]:
    """Rejected objects of ``folder/filter.json``: name -> reason; empty when there is no such file.

    Raises:
        DatasetError: when the file is damaged or of another kind.
    """
    path = folder / FILTER_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path} cannot be read: {error}. Make it again with 'eschernet-ros filter-renders', or remove it."
        ) from error
    rejected = content.get("rejected") if isinstance(content, dict) else None
    if not isinstance(rejected, dict) or not all(isinstance(reason, str) for reason in rejected.values()):
        raise DatasetError(
            f"{path} holds no mapping 'rejected' of names to reasons. "
            "Make it again with 'eschernet-ros filter-renders', or remove it."
        )
    return rejected


def write_filter(path: Path, kept: Sequence[str], rejected: Mapping[str, str], limits: Mapping[str, Any]) -> None:
    """Write the list in full or not at all; ``limits`` records by which limits it was made.

    Raises:
        DatasetWriteError: when the file cannot be written.
    """
    content = {
        "package_version": __version__,
        "limits": dict(limits),
        "kept": sorted(kept),
        "rejected": dict(sorted(rejected.items())),
    }
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
