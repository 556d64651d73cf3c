# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros report``: results of an evaluation as one HTML page, or two of them against each other."""

from __future__ import annotations

import argparse
from pathlib import Path

from eschernet_ros.errors import EscherNetError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "results", type=Path, nargs="?", metavar="RESULTS", help="a folder that 'eschernet-ros evaluate' wrote"
    )
    parser.add_argument(
        "--compare", type=Path, nargs=2, metavar=("A", "B"), help="two such folders: what B does better or worse than A"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the page (default: report.html in RESULTS, comparison.html in B)",
    )
    parser.add_argument(
        "--references",
        type=int,
        metavar="N",
        help="show pictures made from N references (default: 3, or the middle one)",
    )
    parser.add_argument(
        "--objects", type=int, default=40, metavar="N", help="most objects shown with pictures (default: %(default)s)"
    )
    parser.add_argument(
        "--rows", type=int, default=4000, metavar="N", help="most rows of the table of views (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    for name in ("objects", "rows"):
        if getattr(arguments, name) < 1:
            raise EscherNetError(f"--{name} must be at least 1, it is {getattr(arguments, name)}")
    if (arguments.results is None) == (arguments.compare is None):
        raise EscherNetError("give either RESULTS or --compare A B")
    if arguments.compare:
        first, second = arguments.compare
        compare_runs(first, second, arguments.output, arguments.references)
        return 0
    from eschernet_ros.evaluation.report.evaluation_page import write_report

    path = write_report(arguments.results, arguments.output, arguments.references, arguments.objects, arguments.rows)
    print(f"written: {path}")
    return 0


def compare_runs(first: Path, second: Path, output: Path | None = None, references: int | None = None) -> None:
    """Print the differences of two folders of results and write them as a page.

    Args:
        first: run A.
        second: run B.
        output: the page; None: ``comparison.html`` in B.
        references: number of references at which pictures are shown; None: 3, or else the middle one.
    """
    from eschernet_ros.evaluation.report.comparison_page import COMPARISON_FILE, read_runs, write_comparison
    from eschernet_ros.evaluation.report.comparison_text import comparison_text

    one, two = read_runs(first, second)
    path = output or two.folder / COMPARISON_FILE
    comparison = write_comparison(one, two, path, references)
    print(comparison_text(comparison, one.label, two.label))
    print(f"written: {path}")
