# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros``: one program, its commands loaded when they are called.

A command is a module with ``add_arguments(parser)`` and ``run(arguments) -> exit code``, and a line in
``COMMANDS``.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence

from eschernet_ros import __version__
from eschernet_ros.errors import EscherNetError
from eschernet_ros.optional import MissingDependencyError

COMMANDS = {
    "calibrate": ("eschernet_ros.cli.calibrate", "find where the camera is on the arm (hand-eye calibration)"),
    "check": ("eschernet_ros.cli.check", "judge whether poses and pictures of a recording, or of the live graph, fit"),
    "dataset": ("eschernet_ros.cli.dataset", "look into, check, split, merge and convert data sets"),
    "demo": ("eschernet_ros.cli.demo", "run the main job on the simulated bench and draw what came of it"),
    "doctor": ("eschernet_ros.cli.doctor", "say what is wrong with this computer and its ROS graph, and the remedy"),
    "evaluate": ("eschernet_ros.cli.evaluate", "score a model and baselines on a data set, beside published numbers"),
    "filter-renders": ("eschernet_ros.cli.filter_renders", "list renders that are empty, broken or miss the object"),
    "render-corpus": ("eschernet_ros.cli.render_corpus", "render procedural objects to train on"),
    "replay": ("eschernet_ros.cli.replay", "make a data set of a bag, with the code of the live capture"),
    "report": ("eschernet_ros.cli.report", "draw the results of an evaluation as one page, or compare two"),
    "time-offset": ("eschernet_ros.cli.time_offset", "find the offset between the clocks of camera and arm in a bag"),
    "train": ("eschernet_ros.cli.train", "train EscherNet on renders or recordings"),
    "train-autoencoder": ("eschernet_ros.cli.train_autoencoder", "train the autoencoder of a small model"),
    "synthesize": ("eschernet_ros.cli.synthesize", "synthesize views of an object in a data set folder"),
}
"""Command -> its module and what it does."""

_ERROR = 2
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code (0 fine, 2 an error that was explained, 130 interrupted)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    command = next((word for word in arguments if not word.startswith("-")), None)
    try:
        parser = _parser(command)
        parsed = parser.parse_args(arguments)
        return int(parsed.run(parsed))
    except (EscherNetError, MissingDependencyError, OSError) as error:
        print(f"eschernet-ros {command}: {error}", file=sys.stderr)
        return _ERROR
    except KeyboardInterrupt:
        print(f"eschernet-ros {command}: interrupted", file=sys.stderr)
        return _INTERRUPTED


def _parser(command: str | None) -> argparse.ArgumentParser:
    """The parser, in full for the called command and by name only for the others."""
    parser = argparse.ArgumentParser(
        prog="eschernet-ros", description="Novel views of an object with EscherNet, from the command line."
    )
    parser.add_argument("--version", action="version", version=f"eschernet_ros {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, (module_name, purpose) in COMMANDS.items():
        command_parser = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if name == command:
            module = importlib.import_module(module_name)
            module.add_arguments(command_parser)
            command_parser.set_defaults(run=module.run)
    return parser
