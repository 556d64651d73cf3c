# SPDX-License-Identifier: Apache-2.0
"""The arguments that most ``eschernet-ros dataset`` subcommands share: the folder, its layout, which objects."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from eschernet_ros.datasets import Dataset, DatasetError, layouts, open_dataset


def add_source(parser: argparse.ArgumentParser) -> None:
    """``FOLDER``, ``--layout`` and ``--object``."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="an object's folder or a collection of them")
    parser.add_argument("--layout", choices=list(layouts()), help="layout of the folder (default: found out)")
    parser.add_argument(
        "--object", action="append", metavar="NAME", help="only this object of a collection; may be repeated"
    )


def open_source(arguments: argparse.Namespace) -> Dataset:
    """The data set of `add_source`'s arguments.

    Raises:
        DatasetError: as `open_dataset`.
    """
    return open_dataset(arguments.folder, arguments.layout)


def named_objects(dataset: Dataset, arguments: argparse.Namespace) -> Sequence[str]:
    """The objects that are asked for: all, or those that were named.

    Raises:
        DatasetError: one of them is not there; names those that are.
    """
    if arguments.object is None:
        return dataset.objects
    for name in arguments.object:
        if name not in dataset.objects:
            known = ", ".join(dataset.objects)
            raise DatasetError(f"{dataset.folder} holds no object '{name}'; its objects are {known}.")
    return tuple(dict.fromkeys(arguments.object))
