# SPDX-License-Identifier: Apache-2.0
"""Every view's numbers, to be sorted and filtered, and the means of every object."""

from __future__ import annotations

from collections.abc import Sequence

from eschernet_ros.evaluation.report.choice import main_metric, object_mean
from eschernet_ros.evaluation.report.markup import Markup, element, join
from eschernet_ros.evaluation.report.table import Cell, Row, table
from eschernet_ros.evaluation.report.words import DASH, count_text, method_order, metric_head, value_text
from eschernet_ros.evaluation.results import METRICS, MODEL, Case, Evaluation, ObjectResult, ViewScore

_TABLE = "views"
_FILTERS = ("object", "references", "method", "scored")

Entry = tuple[ObjectResult, Case, ViewScore]


def object_table(evaluation: Evaluation, references: int) -> Markup:
    """The main metric of every object: the model's at every number of references, the others' at one."""
    name = main_metric(evaluation.configuration)
    if name is None:
        return Markup("")
    counts = sorted({case.references for _, case in evaluation.cases()})
    others = [method for method in method_order(evaluation.configuration) if method != MODEL]
    rows = []
    for each in evaluation.objects:
        means = [object_mean(each, count, name) for count in counts]
        means += [object_mean(each, references, name, method) for method in others]
        rows.append(Row(Cell(each.name, each.name), [Cell(value_text(name, mean), _sorted_by(mean)) for mean in means]))
    head = ["object", *(f"{MODEL}, {count_text(count, 'reference')}" for count in counts)]
    head += [f"{method}, {count_text(references, 'reference')}" for method in others]
    caption = f"{METRICS[name].title} by object"
    return join([element("h3", f"{metric_head(name)} by object"), table(head, rows, caption, sortable=True)])


def views_table(evaluation: Evaluation, most: int) -> Markup:
    """A row a view and method.

    Args:
        evaluation: what was found.
        most: rows; where there are more, the model's come alone, and of those the worst.
    """
    entries = [(each, case, view) for each, case in evaluation.cases() for view in case.views]
    shown, sentence = choose_rows(entries, main_metric(evaluation.configuration), most)
    measured = [name for name in METRICS if any(name in view.metrics for _, _, view in entries)]
    head = [
        "object",
        "references",
        "seed",
        "view",
        "method",
        "scored",
        "angle, °",
        *(metric_head(name) for name in measured),
    ]
    rows = [_row(*entry, measured) for entry in shown]
    content = table(head, rows, "Every view's numbers", identifier=_TABLE, sortable=True)
    printed = element("p", "On paper: the first 100 rows as sorted.", class_="note print-only")
    return join([element("p", sentence, class_="note"), _filters(), printed, content])


def choose_rows(entries: Sequence[Entry], metric: str | None, most: int) -> tuple[Sequence[Entry], str]:
    """The rows that fit, and a sentence about those that do not."""
    everything = f"{len(entries)} rows; all of them are in views.csv too."
    if len(entries) <= most:
        return entries, everything
    model = [entry for entry in entries if entry[2].method == MODEL]
    if len(model) <= most:
        return model, f"The {len(model)} rows of the model, of {len(entries)} in all; views.csv holds every one."
    if metric is None:
        return model[:most], f"The model's first {most} rows, of {len(entries)} in all; views.csv holds every one."
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    scored = [entry for entry in model if metric in entry[2].metrics and entry[2].scored]
    worst = sorted(scored, key=lambda entry: sign * entry[2].metrics[metric])[:most]
    return worst, f"The model's {len(worst)} worst views, of {len(entries)} rows in all; views.csv holds every one."


def _row(each: ObjectResult, case: Case, view: ViewScore, measured: Sequence[str]) -> Row:
    cells = [
        Cell(str(case.references)),
        Cell(str(case.seed)),
        Cell(str(view.view_id)),
        Cell(view.method, kind="word"),
        Cell("yes" if view.scored else "no", kind="word"),
        Cell(f"{view.angle_deg:.1f}"),
    ]
    values = [view.metrics.get(name) for name in measured]
    cells += [Cell(value_text(name, value), _sorted_by(value)) for name, value in zip(measured, values, strict=True)]
    keys = {
        "object": each.name,
        "references": str(case.references),
        "method": view.method,
        "scored": "yes" if view.scored else "no",
    }
    return Row(Cell(each.name, each.name), cells, keys=keys)


def _sorted_by(value: float | None) -> str | float:
    return DASH if value is None else value


def _filters() -> Markup:
    """Choices that the page's script fills; hidden until it has."""
    choices = [
        element("label", name, element("select", element("option", "all", value=""), name=name)) for name in _FILTERS
    ]
    return element("div", choices, element("output"), class_="filters", data_table=_TABLE, hidden=True)
