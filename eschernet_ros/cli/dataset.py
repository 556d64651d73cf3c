# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset``: what can be done with a data set folder, a subcommand each.

A subcommand is a module with ``add_arguments(parser)`` and ``run(arguments) -> exit code``, and a line in
``SUBCOMMANDS``. It is loaded when it is called.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

SUBCOMMANDS: dict[str, tuple[str, str]] = {
    "convert": ("eschernet_ros.cli.dataset_convert", "write a data set in another layout"),
    "from-photos": ("eschernet_ros.cli.dataset_from_photos", "make a data set of photos with COLMAP poses or a board"),
    "finish": ("eschernet_ros.cli.dataset_finish", "make the pictures that a continuous recording left for later"),
    "info": ("eschernet_ros.cli.dataset_info", "say what a data set folder holds"),
    "merge": ("eschernet_ros.cli.dataset_merge", "put several data sets, or views of one object, into a new folder"),
    "preview": ("eschernet_ros.cli.dataset_preview", "draw contact sheets, the view sphere and a turntable"),
    "split": ("eschernet_ros.cli.dataset_split", "choose references and targets, and write them to split.json"),
    "validate": ("eschernet_ros.cli.dataset_validate", "check every file, pose and mask, and name the likely mistake"),
}
"""Subcommand -> its module and what it does."""


class _Subparser(argparse.ArgumentParser):
    """The parser of one subcommand; loads its module when it has something to parse."""

    def __init__(self, module: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._module = module

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Add the module's arguments, then parse."""
        if self._module:
            module = importlib.import_module(self._module)
            self._module = ""
            module.add_arguments(self)
            self.set_defaults(run_subcommand=module.run)
        return super().parse_known_args(args, namespace)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands."""
    subcommands = parser.add_subparsers(
        required=True, metavar="SUBCOMMAND", dest="subcommand", parser_class=_Subparser, help="one of:"
    )
    for name, (module, purpose) in SUBCOMMANDS.items():
        subcommands.add_parser(name, module=module, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")


def run(arguments: argparse.Namespace) -> int:
    """Run the subcommand; its exit code."""
    return int(arguments.run_subcommand(arguments))
