# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros replay``: a bag becomes a data set, through the code of the live capture."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from eschernet_ros.errors import EscherNetError, first_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "bag", type=Path, metavar="BAG", help="a bag of ROS 2 or ROS 1 (folder or file), or a recording of librealsense"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the capture node's configuration (capture.yaml)")
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME:=VALUE",
        help="a parameter of the capture node, as in docs/parameters.md; goes before the configuration",
    )
    parser.add_argument(
        "--views",
        default="still",
        metavar="WHICH",
        help="still: whenever all gates are open (default); N: one frame of N (1: all); taken: the frames that the "
        "live capture took, as its views in the bag tell; they are compared",
    )
    parser.add_argument("--views-topic", default="", metavar="TOPIC", help="topic of the live views, for --views taken")
    parser.add_argument("--poses", type=Path, metavar="BAG", help="another bag, which holds the arm's poses")
    parser.add_argument(
        "--output", type=Path, default=Path("recordings"), metavar="DIR", help="folder of the data set (recordings)"
    )
    parser.add_argument("--object", metavar="NAME", help="name of the object's folder in it (default: the bag's)")
    parser.add_argument(
        "--evaluate",
        nargs="?",
        const="",
        metavar="OPTIONS",
        help="score the model on the views afterwards, as `eschernet-ros evaluate` does with these options (in quotes)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay and report; 1 when ``--views taken`` made other pictures than the live capture."""
    from eschernet_ros.replay import replay

    name = arguments.object or arguments.bag.resolve().stem
    folder = arguments.output / name
    report = replay(
        arguments.bag,
        capture_values(arguments.config, arguments.parameter),
        folder,
        views=_views(arguments.views),
        poses=arguments.poses,
        views_topic=arguments.views_topic,
        show_progress=True,
    )
    document = {**asdict(report), "folder": str(report.folder), "bag": str(arguments.bag)}
    path = arguments.output / f"{name}.replay.json"
    path.write_text(json.dumps(document, indent=1, default=dict) + "\n", encoding="utf-8")
    for sentence in report.sentences():
        print(sentence)
    print(f"report: {path}")
    if arguments.evaluate is not None:
        status = _evaluate(folder, arguments.evaluate)
        if status:
            return status
    return 1 if report.equal is False else 0


def _evaluate(folder: Path, options: str) -> int:
    """Evaluate the data set, as the command of that name does."""
    from eschernet_ros.cli import evaluate

    parser = argparse.ArgumentParser(prog="eschernet-ros evaluate")
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(folder), *shlex.split(options)]))


def capture_values(config: Path | None, given: list[str]) -> dict[str, Any]:
    """Every parameter of a capture: the configuration's, and what is given as ``NAME:=VALUE`` before it.

    Raises:
        EscherNetError: a file or a value that is not understood, or no hand-eye transform at all.
    """
    from eschernet_ros.geometry import SE3
    from eschernet_ros.streams import CAPTURE_PARAMETERS, read_parameter_file, values_of

    values = read_parameter_file(config) if config else {}
    for text in given:
        name, separator, value = text.partition(":=")
        if not separator:
            raise EscherNetError(f"-p {text}: a parameter is given as NAME:=VALUE")
        try:
            values[name.strip()] = yaml.safe_load(value) if value.strip() else ""
        except yaml.YAMLError as error:
            raise EscherNetError(f"-p {text}: the value is no YAML: {first_line(error)}") from error
    p = values_of(CAPTURE_PARAMETERS, values)
    hand_eye = SE3.from_quaternion_xyzw(p["hand_eye.rotation_xyzw"], p["hand_eye.translation"])
    if not p["hand_eye.file"] and hand_eye.is_close(SE3.identity()):
        raise EscherNetError(
            "the hand-eye transform is not known: give --config with the capture node's configuration, or "
            "-p hand_eye.file:=FILE, or -p hand_eye.translation:='[x, y, z]' and hand_eye.rotation_xyzw"
        )
    return p


def _views(text: str) -> str | int:
    if text in ("still", "taken"):
        return text
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise EscherNetError(f"--views is '{text}'; it must be still, taken, or a number (1: every frame)")
