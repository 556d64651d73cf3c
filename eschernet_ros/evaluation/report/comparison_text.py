# SPDX-License-Identifier: Apache-2.0
"""Two evaluations against each other, for the terminal."""

from __future__ import annotations

from eschernet_ros.evaluation.comparison import Comparison, Difference
from eschernet_ros.evaluation.report.words import difference_text, interval_text
from eschernet_ros.evaluation.results import METRICS

_HEAD = ("metric", "references", "B - A", "95 % interval", "better", "equal", "worse", "views", "objects")


def comparison_text(comparison: Comparison, first_label: str, second_label: str) -> str:
    """A table of differences, and what is missing or doubtful, a line each."""
    rows = [_row(each) for each in comparison.differences]
    widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(len(_HEAD))]
    lines = [f"A: {first_label}", f"B: {second_label}"]
    for row in (_HEAD, *rows):
        cells = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines += [f"missing: {sentence}" for sentence in comparison.missing]
    lines += [f"doubtful: {sentence}" for sentence in comparison.doubts]
    return "\n".join(lines)


def _row(each: Difference) -> tuple[str, ...]:
    metric = METRICS[each.metric]
    title = f"{metric.title}{' ' + metric.unit if metric.unit else ''} {'↑' if metric.higher_is_better else '↓'}"
    numbers = (each.better, each.equal, each.worse, each.views, each.objects)
    return (
        title,
        str(each.references),
        difference_text(each.metric, each.mean),
        interval_text(each.metric, each.low, each.high) or "-",
        *map(str, numbers),
    )
