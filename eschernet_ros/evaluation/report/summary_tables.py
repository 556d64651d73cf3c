# SPDX-License-Identifier: Apache-2.0
"""The table of means: methods against numbers of references, published numbers below ours."""

from __future__ import annotations

from collections.abc import Sequence

from eschernet_ros.evaluation.report.markup import Markup, element, join
from eschernet_ros.evaluation.report.table import Cell, Row, table
from eschernet_ros.evaluation.report.words import (
    DASH,
    count_text,
    difference_text,
    method_order,
    metric_head,
    metric_label,
    value_text,
    with_interval,
)
from eschernet_ros.evaluation.results import METRICS, MODEL, Evaluation, PublishedNumber, Summary


def summary_tables(evaluation: Evaluation) -> Markup:
    """One table a metric; a sentence where nothing could be measured."""
    if not evaluation.summaries:
        return element("p", "No view of this run has a true picture, so there is nothing to score.", class_="note")
    measured = [name for name in METRICS if any(each.metric == name for each in evaluation.summaries)]
    parts: list[Markup] = []
    for name in measured:
        parts.append(element("div", element("h3", metric_label(name)), _metric_table(evaluation, name)))
    parts = [element("div", parts, class_="tables")]
    parts.append(element("p", _explanation(evaluation), class_="note"))
    parts += [element("p", sentence, class_="note") for sentence in _mismatches(evaluation.published)]
    return join(parts)


def _metric_table(evaluation: Evaluation, name: str) -> Markup:
    published = [each for each in evaluation.published if each.metric == name]
    measured = {each.references for each in evaluation.summaries if each.metric == name}
    counts = sorted(measured | {each.references for each in published})
    rows = []
    best = {count: _best(evaluation, name, count) for count in counts}
    for method in method_order(evaluation.configuration):
        found = [evaluation.summary(method, count, name) for count in counts]
        if any(found):
            rows.append(Row(method, [_mean_cell(each, best) for each in found], kind=_kind(method)))
    for source in dict.fromkeys(each.source for each in published):
        numbers = {each.references: each for each in published if each.source == source}
        rows += _published_rows(source, name, [numbers.get(count) for count in counts])
    head = [metric_head(name), *(count_text(count, "reference") for count in counts)]
    return table(head, rows, f"{METRICS[name].title} by method and number of references")


def _mean_cell(summary: Summary | None, best: dict[int, str | None]) -> Cell:
    if summary is None:
        return Cell(DASH)
    content = with_interval(summary.metric, summary.mean, summary.low, summary.high)
    return Cell(content, kind="best" if best[summary.references] == summary.method else None)


def _best(evaluation: Evaluation, name: str, count: int) -> str | None:
    """The best method where there are several."""
    found = [each for each in evaluation.summaries if (each.metric, each.references) == (name, count)]
    if len(found) < 2:
        return None
    sign = 1.0 if METRICS[name].higher_is_better else -1.0
    return max(found, key=lambda each: sign * each.mean).method


def _kind(method: str) -> str | None:
    return "model" if method == MODEL else None


def _published_rows(source: str, name: str, numbers: Sequence[PublishedNumber | None]) -> list[Row]:
    rows = [
        Row(
            f"{source}, published",
            [value_text(name, each.published if each else None) for each in numbers],
            "published",
        )
    ]
    if any(each and each.difference is not None for each in numbers):
        differences = [difference_text(name, each.difference if each else None) for each in numbers]
        rows.append(Row(f"ours less {source}", list(differences), "published"))
    return rows


def _explanation(evaluation: Evaluation) -> str:
    one = evaluation.summaries[0]
    over = {each.interval_over for each in evaluation.summaries if each.low is not None}
    words = (
        f"Means over {count_text(one.objects, 'object')}, each counting the same, of the means over "
        f"{count_text(one.seeds, 'seed')} and the scored views"
    )
    if over:
        words += f"; below each its 95 % bootstrap interval, drawn over {' or '.join(sorted(over))}"
    return words + ". The best method of each column is bold."


def _mismatches(published: Sequence[PublishedNumber]) -> list[str]:
    found = dict.fromkeys((each.source, each.mismatch) for each in published if each.mismatch)
    return [f"{source}: {mismatch}" for source, mismatch in found]
