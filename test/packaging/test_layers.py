# SPDX-License-Identifier: Apache-2.0
"""Imports point downwards, as docs/architecture.md draws it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "eschernet_ros"
KNOW_ROS = {"nodes", "demo", "cli"}
GENERATED = {"msg", "action"}
ENTRY = "__main__"


def levels() -> dict[str, int]:
    """Folder or module -> line of the drawing, counted from below."""
    names = {path.stem for path in PACKAGE.iterdir()} - GENERATED
    drawing = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("```")[1]
    lines = [line for line in drawing.splitlines() if line]
    found = {}
    for level, line in enumerate(reversed(lines)):
        for word in line.split():
            if word not in names:
                break  # what follows says what the line is for
            found[word] = level
    return found


def imports() -> Iterator[tuple[Path, str, str]]:
    """(file, its folder or module, the module it imports), wherever in the file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).parts
        here = place[0] if len(place) > 1 else path.stem
        if here in GENERATED:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = node.module == "eschernet_ros"
                for module in [f"eschernet_ros.{a.name}" for a in node.names] if whole else [node.module]:
                    yield path, here, module
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    yield path, here, alias.name


def test_every_folder_is_in_the_drawing() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()} - GENERATED
    assert folders <= levels().keys()


def test_imports_point_downwards() -> None:
    drawn = levels()
    wrong = []
    for path, here, module in imports():
        parts = module.split(".")
        if parts[0] != "eschernet_ros" or len(parts) < 2 or here in ("__init__", ENTRY):
            continue
        there = parts[1]
        if there in drawn and there != here and drawn[there] >= drawn[here]:
            wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


@pytest.mark.parametrize("name", ["rclpy", "tf2_ros", "launch_ros"])
def test_only_nodes_and_what_is_above_know_ros(name: str) -> None:
    found = {here for _, here, module in imports() if module.split(".")[0] == name}
    assert found <= KNOW_ROS
    assert found or name == "launch_ros"
