# SPDX-License-Identifier: Apache-2.0
"""Whether the model follows the pose it is asked for, and whether its views fit each other."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from eschernet_ros.evaluation.bootstrap import bootstrap_mean
from eschernet_ros.evaluation.report.choice import main_metric, ranked_views
from eschernet_ros.evaluation.report.markup import Markup, element, join
from eschernet_ros.evaluation.report.table import Cell, Row, table
from eschernet_ros.evaluation.report.words import (
    DASH,
    count_text,
    difference_class,
    difference_text,
    interval_text,
    method_order,
)
from eschernet_ros.evaluation.results import METRICS, Consistency, Evaluation

_TRUTH = "truth"


def pose_table(evaluation: Evaluation) -> Markup:
    """What a wrong pose costs: its score less that of the true pose, on the same cases; empty where none was asked."""
    name = main_metric(evaluation.configuration)
    if name is None:
        return Markup("")
    lost: dict[tuple[str, float], dict[int, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(dict))
    for each, case in evaluation.cases():
        asked = [view.metrics[name] for view in ranked_views(case, name)]
        for pose in case.poses:
            if asked and name in pose.metrics:
                by_object = lost[pose.kind, pose.amount][case.references]
                by_object.setdefault(each.name, []).append(pose.metrics[name] - float(np.mean(asked)))
    if not lost:
        return Markup("")
    counts = sorted({count for by_count in lost.values() for count in by_count})
    rows = []
    for (kind, amount), by_count in sorted(lost.items()):
        cells = []
        for count in counts:
            if count not in by_count:
                cells.append(Cell(DASH))
                continue
            found = bootstrap_mean(list(by_count[count].values()), groups_alike=True)
            interval = interval_text(name, found.low, found.high)
            text = [difference_text(name, found.mean), element("br") if interval else None, element("small", interval)]
            # a loss is what a model that follows the pose shows
            kind_of_cell = {"good": "bad", "bad": "good", None: None}[difference_class(name, found.low, found.high)]
            cells.append(Cell(text, kind=kind_of_cell))
        rows.append(Row(f"{kind} {_amount(kind, amount)}", cells))
    words = (
        f"{METRICS[name].title} of views asked for at poses that are wrong on purpose, less that at the true poses, "
        "against the same true views. A model that ignores the pose loses nothing; green is a loss that is surely one."
    )
    head = ["wrong by", *(count_text(count, "reference") for count in counts)]
    return join(
        [
            element("h3", "Does it follow the pose?"),
            table(head, rows, "Loss at wrong poses"),
            element("p", words, class_="note"),
        ]
    )


def consistency_table(evaluation: Evaluation) -> Markup:
    """Epipolar agreement between each method's own views; empty where it was not measured."""
    found: dict[str, dict[int, list[Consistency]]] = defaultdict(lambda: defaultdict(list))
    for _, case in evaluation.cases():
        for each in case.consistency:
            found[each.method][case.references].append(each)
    if not found:
        return Markup("")
    counts = sorted({count for by_count in found.values() for count in by_count})
    order = [name for name in (*method_order(evaluation.configuration), _TRUTH) if name in found]
    rows = [
        Row(
            "the true views" if name == _TRUTH else name, [_consistency(found[name].get(count, [])) for count in counts]
        )
        for name in order
    ]
    words = (
        "Median distance of matched pixels from their epipolar lines, pixels of a 256 pixel picture, between "
        "neighbouring views of one method; mean over objects and seeds. Below it the share of matches within 2 such "
        "pixels, and of the object's pixels that found a match: few matches make the distance say little."
    )
    head = ["median, px ↓", *(count_text(count, "reference") for count in counts)]
    return join(
        [
            element("h3", "Do its views fit each other?"),
            table(head, rows, "Consistency"),
            element("p", words, class_="note"),
        ]
    )


def _consistency(cases: list[Consistency]) -> Cell:
    medians = [each.median_px for each in cases if each.median_px is not None]
    within = [each.within_2px for each in cases if each.within_2px is not None]
    if not medians:
        return Cell("no match" if cases else DASH)
    coverage = float(np.mean([each.coverage for each in cases]))
    small = [f"{np.mean(within):.0%} within 2 px", element("br")] if within else None
    return Cell([f"{np.mean(medians):.2f}", element("br"), element("small", small, f"{coverage:.0%} matched")])


def _amount(kind: str, amount: float) -> str:
    if kind == "distance":
        return f"× {1.0 + amount:g}"
    return f"{amount:+g}°".replace("-", "\N{MINUS SIGN}")
