# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros train``: settings from a YAML file, single ones from options of the same names."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import logging
from pathlib import Path
from typing import Any

import yaml

from eschernet_ros.errors import EscherNetError
from eschernet_ros.training.settings import TrainingSettings, as_plain, read_settings

_NOT_OPTIONS = ("networks",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments; every setting but the networks is an option."""
    parser.add_argument("settings", nargs="?", type=Path, help="YAML file with settings (config/training has examples)")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--resume", metavar="latest|STEP|FOLDER", help="go on from a checkpoint; 'latest' starts anew where none is"
    )
    parser.add_argument("--show-settings", action="store_true", help="print the settings of the run and stop")
    group = parser.add_argument_group("settings (they win over the file)")
    documents = _documents()
    for item in dataclasses.fields(TrainingSettings):
        if item.name in _NOT_OPTIONS:
            continue
        default = "" if item.default in (None, ()) else f" (default {item.default})"
        group.add_argument(
            f"--{item.name.replace('_', '-')}",
            type=_value,
            nargs="+" if "Sequence" in str(item.type) else None,
            metavar="X",
            help=documents[item.name].replace("%", "%%") + default,
        )


def run(arguments: argparse.Namespace) -> int:
    """Train."""
    overrides: dict[str, Any] = {}
    for item in dataclasses.fields(TrainingSettings):
        value = getattr(arguments, item.name, None)
        if value is None:
            continue
        if isinstance(value, list) and str(item.type) == "int | Sequence[int]":
            value = value[0] if len(value) == 1 else tuple(value)
        elif "str" in str(item.type):
            value = tuple(map(str, value)) if isinstance(value, list) else str(value)
        overrides[item.name] = value
    settings = read_settings(arguments.settings, overrides)
    if arguments.show_settings:
        print(yaml.safe_dump(as_plain(settings), sort_keys=False), end="")
        return 0
    logging.getLogger("eschernet_ros").setLevel(logging.INFO)
    if not settings.data:
        raise EscherNetError("no data: give folders of renders or recordings with --data or in the settings file.")
    from eschernet_ros.training.sources import gather_scenes
    from eschernet_ros.training.trainer import train

    scenes = gather_scenes(settings.data, settings.minimum_views)
    result = train(settings, scenes, arguments.output, arguments.resume)
    state = "finished" if result.finished else "stopped; go on with --resume latest"
    print(f"{state} at step {result.step} of {settings.steps}; {result.skipped_views} unreadable views were skipped.")
    print(f"checkpoint: {result.checkpoint}")
    for name, value in result.validation.items():
        print(f"{name}: {value:.2f} dB")
    return 0


def _value(text: str) -> Any:
    """A number, a truth value or text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, int | float) else text


def _documents() -> dict[str, str]:
    """The sentence below each field of ``TrainingSettings``."""
    import inspect

    tree = ast.parse(inspect.getsource(TrainingSettings)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for item, after in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and isinstance(after, ast.Expr):
            found[item.target.id] = " ".join(str(ast.literal_eval(after.value)).split())
    return found
