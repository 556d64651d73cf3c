# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros train``: settings from a YAML file, single ones from options of the same names."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from eschernet_ros.errors import EscherNetError
from eschernet_ros.training.settings import TrainingSettings, as_plain, read_settings, setting_documents

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
    documents = setting_documents()
    for item in dataclasses.fields(TrainingSettings):
        if item.name in _NOT_OPTIONS:
            continue
        default = "" if item.default in (None, ()) else f" (default {str(item.default).lower()})"
        group.add_argument(
            f"--{item.name.replace('_', '-')}",
            type=_reader(str(item.type)),
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
        if str(item.type) == "int | Sequence[int]" and len(value) == 1:
            value = value[0]
        overrides[item.name] = value
    settings = read_settings(arguments.settings, overrides)
    if arguments.show_settings:
        print(yaml.safe_dump(as_plain(settings), sort_keys=False), end="")
        return 0
    logging.getLogger("eschernet_ros").setLevel(logging.INFO)
    if not settings.data:
        raise EscherNetError("no data: give folders of renders or recordings with --data or in the settings file.")
    from accelerate import PartialState

    from eschernet_ros.training.sources import gather_scenes
    from eschernet_ros.training.trainer import train

    scenes = gather_scenes(settings.data, settings.minimum_views)
    result = train(settings, scenes, arguments.output, arguments.resume)
    if not PartialState().is_main_process:
        return 0
    state = "finished" if result.finished else "stopped; go on with --resume latest"
    print(f"{state} at step {result.step} of {settings.steps}; {result.skipped_views} unreadable views were skipped.")
    print(f"checkpoint: {result.checkpoint}")
    for name, value in result.validation.items():
        print(f"{name}: {value:.2f} dB")
    return 0


def _reader(annotation: str) -> Callable[[str], Any]:
    """What turns an option's text into a value: texts stay as they are, everything else is read as YAML."""
    if annotation in ("str", "str | None", "Sequence[str]"):
        return str
    return _yaml


def _yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no YAML value") from error
