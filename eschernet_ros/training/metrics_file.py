# SPDX-License-Identifier: Apache-2.0
"""``metrics.jsonl``: one line a logged step, also across resumed runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from eschernet_ros.datasets.atomic_files import write_atomically


class MetricsFile:
    """Appends to ``metrics.jsonl``."""

    def __init__(self, path: Path, first_step: int):
        """Keep the lines of steps up to ``first_step``: what is beyond will be written again."""
        self._path = path
        kept = [line for line in read_metrics(path) if line["step"] <= first_step]
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The lines of a file; a last line cut short by a kill is left out, a missing file has none."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines
