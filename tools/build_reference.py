# SPDX-License-Identifier: Apache-2.0
"""Write what the code declares into docs/ and config/: nodes' parameters, training settings; ``--check`` only compares.

Run it with the installed package: .venv/bin/python tools/build_reference.py
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eschernet_ros.nodes import (
    bench,
    capture,
    coverage,
    franka_state,
    hand_eye_publisher,
    object_finder,
    realsense,
    recorder,
    synthesis,
)
from eschernet_ros.nodes.parameters import Parameter
from eschernet_ros.simulation import BenchConfig
from eschernet_ros.training.settings import TrainingSettings, as_plain, read_settings, setting_documents

ROOT = Path(__file__).resolve().parents[1]
NODES = {
    "bench": bench,
    "capture": capture,
    "synthesis": synthesis,
    "recorder": recorder,
    "coverage": coverage,
    "franka_state": franka_state,
    "realsense": realsense,
    "object_finder": object_finder,
    "hand_eye_publisher": hand_eye_publisher,
}


def bench_values() -> dict[str, Any]:
    """Return what the capture node must be told on the simulated bench."""
    hand_eye = BenchConfig().ee_from_camera_optical
    return {
        "hand_eye.translation": [round(float(v), 9) for v in hand_eye.translation],
        "hand_eye.rotation_xyzw": [round(float(v), 9) for v in hand_eye.quaternion_xyzw],
        "object.topic": "bench/object_box",
        "exposure_s": 0.008,
    }


def range_text(parameter: Parameter) -> str:
    """Return range, choices or length in words."""
    if parameter.choices:
        return ", ".join(parameter.choices)
    if parameter.length is not None:
        return f"{parameter.length} numbers"
    if parameter.low is not None:
        return f"{parameter.low:g} to {parameter.high:g}"
    return ""


def value_text(value: Any) -> str:
    """Return a value as YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return str(value)


def yaml_file(name: str, parameters: Sequence[Parameter], overrides: Mapping[str, Any], intro: str) -> str:
    """Return a parameter file in which every value is explained."""
    lines = [
        "# SPDX-License-Identifier: Apache-2.0",
        f"# {intro}",
        "# Written by tools/build_reference.py; copy it, change the copy, and give it with config:=...",
        "/**:",
        "  ros__parameters:",
    ]
    group: list[str] = []
    for parameter in sorted(parameters, key=lambda p: "." in p.name):
        *parents, leaf = parameter.name.split(".")
        if parents != group:
            lines.append(f"    {parents[0]}:")
            group = parents
        indent = "    " + "  " * len(parents)
        limits = range_text(parameter)
        text = parameter.description + (f" ({limits})" if limits else "")
        lines += [f"{indent}# {line}" for line in textwrap.wrap(text, 100 - len(indent))]
        lines.append(f"{indent}{leaf}: {value_text(overrides.get(parameter.name, parameter.default))}")
    return "\n".join(lines) + "\n"


def table() -> str:
    """Return docs/parameters.md."""
    lines = [
        "# Parameters",
        "",
        "Written by `tools/build_reference.py` from what the nodes declare. All are read once, at start. "
        "`ros2 param describe NODE NAME` shows the same text.",
    ]
    for name, module in NODES.items():
        lines += ["", f"## {name}", "", "| parameter | default | range | meaning |", "| --- | --- | --- | --- |"]
        for p in module.PARAMETERS:
            lines.append(f"| `{p.name}` | `{value_text(p.default)}` | {range_text(p)} | {p.description} |")
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    """Return a table of the training settings."""
    documents = setting_documents()
    lines = ["| setting | default | meaning |", "| --- | --- | --- |"]
    for item in dataclasses.fields(TrainingSettings):
        default = "" if item.default in (None, ()) else f"`{value_text(item.default)}`"
        lines.append(f"| `{item.name}` | {default} | {documents[item.name]} |")
    return "\n".join(lines)


def departures_table() -> str:
    """Return a table of what config/training/tiny_6dof.yaml sets otherwise than the published recipe."""
    settings = as_plain(read_settings(ROOT / "config/training/tiny_6dof.yaml", {}))
    lines = ["| setting | published | `tiny_6dof.yaml` |", "| --- | --- | --- |"]
    for item in dataclasses.fields(TrainingSettings):
        value, published = settings[item.name], list(item.default) if isinstance(item.default, tuple) else item.default
        if item.name not in ("networks", "autoencoder", "data") and value != published:
            shown = "" if published in (None, []) else f"`{value_text(published)}`"
            lines.append(f"| `{item.name}` | {shown} | `{value_text(value)}` |")
    return "\n".join(lines)


def filled(text: str, tables: Mapping[str, str]) -> str:
    """Return ``text`` with every table between its ``<!-- NAME -->`` and ``<!-- end of NAME -->``."""
    for name, content in tables.items():
        head, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition(f"<!-- end of {name} -->")
        if not begin or not end:
            sys.exit(f"build_reference: the markers of '{name}' are missing")
        text = f"{head}{begin}{content}\n{end}{tail}"
    return text


def files() -> dict[str, str]:
    """Return every generated file: path from the root -> content."""
    written = {"docs/parameters.md": table()}
    written["docs/training.md"] = filled(
        (ROOT / "docs/training.md").read_text(), {"settings": settings_table(), "departures": departures_table()}
    )
    for name, module in NODES.items():
        written[f"config/{name}.yaml"] = yaml_file(name, module.PARAMETERS, {}, f"The {name} node's defaults.")
    written["config/capture_bench.yaml"] = yaml_file(
        "capture",
        capture.PARAMETERS,
        bench_values(),
        "The capture node on the simulated bench: its hand-eye transform, object box and exposure.",
    )
    return written


def main() -> int:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    check = parser.parse_args().check
    stale = []
    for name, content in files().items():
        path = ROOT / name
        if path.exists() and path.read_text() == content:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
    if stale:
        print(("out of date: " if check else "written: ") + ", ".join(stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
