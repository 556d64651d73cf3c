# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset validate``: is everything there, does it open, and do poses and pictures agree?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from eschernet_ros.cli.dataset_options import add_source, named_objects, open_source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    add_source(parser)
    parser.add_argument("--strict", action="store_true", help="exit with 1 for what is only suspicious, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcome as JSON as well; - prints only it")


def run(arguments: argparse.Namespace) -> int:
    """Check object by object and print; 0: valid, 1: something is wrong, 2 (by the caller): cannot be checked."""
    from eschernet_ros.checking.findings import Level
    from eschernet_ros.cli.check import show_progress
    from eschernet_ros.dataset_tools.validate import validate_object
    from eschernet_ros.dataset_tools.validation_report import as_dict, as_text, verdict_of

    dataset = open_source(arguments)
    to_terminal = str(arguments.json) == "-"
    validated = []
    for name in named_objects(dataset, arguments):
        validated.append(validate_object(dataset, name, show_progress))
        if not to_terminal:
            print(as_text(validated[-1]))
    if arguments.json is not None:
        text = json.dumps(as_dict(dataset, validated), indent=1) + "\n"
        if to_terminal:
            print(text, end="")
        else:
            arguments.json.write_text(text, encoding="utf-8")
    return int(verdict_of(validated) >= (Level.SUSPICIOUS if arguments.strict else Level.BAD))
