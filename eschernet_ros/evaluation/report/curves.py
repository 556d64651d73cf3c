# SPDX-License-Identifier: Apache-2.0
"""Metrics against the number of references, and against the angle to the nearest reference."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from eschernet_ros.evaluation.bootstrap import MeanInterval, bootstrap_mean
from eschernet_ros.evaluation.report.chart import ChartPoint, Series, joined, legend, line_chart
from eschernet_ros.evaluation.report.markup import Markup, element, join
from eschernet_ros.evaluation.report.words import count_text, method_order, metric_label, value_text
from eschernet_ros.evaluation.results import METRICS, Evaluation, ViewScore

_BIN_WIDTHS_DEG = (5.0, 10.0, 15.0, 20.0, 30.0)
_MOST_BINS = 8
_FEWEST_VIEWS = 3
"""Fewer views of a method in a bin make no point."""


@dataclass(frozen=True)
class AngleBin:
    """Views at similar angles from their nearest reference.

    Attributes:
        low_deg: its angles begin here.
        high_deg: and end below this.
        angle_deg: their mean.
        score: their mean, each view counting the same; drawn again over objects.
    """

    low_deg: float
    high_deg: float
    angle_deg: float
    score: MeanInterval


def reference_curves(evaluation: Evaluation) -> Markup:
    """A chart a metric: means of all methods, and published numbers, against the number of references."""
    charts: list[Markup] = []
    used: dict[str, tuple[str, int, bool]] = {}
    for name in METRICS:
        series = _reference_series(evaluation, name)
        if series:
            charts.append(line_chart(series, metric_label(name), "references", _axis(name), logarithmic=True))
            used |= {line.name: (line.name, line.style, line.hollow) for line in series}
    if not charts:
        return Markup("")
    return join([element("h3", "Against the number of references"), legend(list(used.values())), joined(charts)])


def angle_curves(evaluation: Evaluation, name: str) -> Markup:
    """A chart a number of references: means of all methods against the angle to the nearest reference.

    All charts have the same vertical axis.

    Args:
        evaluation: what was found.
        name: of the metric.
    """
    width = bin_width(max((view.angle_deg for _, case in evaluation.cases() for view in case.views), default=0.0))
    by_count = {count: _angle_series(evaluation, name, count, width) for count in _counts(evaluation)}
    by_count = {count: series for count, series in by_count.items() if series}
    if not by_count:
        return Markup("")
    every = [point for series in by_count.values() for line in series for point in line.points]
    extent = [value for point in every for value in (point.mean, point.low, point.high) if value is not None]
    label = "angle to the nearest reference, degrees"
    charts = [
        line_chart(series, f"{METRICS[name].title}, {count_text(count, 'reference')}", label, _axis(name), also=extent)
        for count, series in by_count.items()
    ]
    used = {line.name: (line.name, line.style, line.hollow) for series in by_count.values() for line in series}
    words = (
        f"Scored views of all objects and seeds in bins of {width:g}° by the angle, seen from the object, to the "
        f"nearest reference; each view counts the same. A bin with fewer than {_FEWEST_VIEWS} views makes no point."
    )
    return join(
        [
            element("h3", "Against the angle to the nearest reference"),
            legend(list(used.values())),
            joined(charts),
            element("p", words, class_="note"),
        ]
    )


def angle_bins(views: Sequence[tuple[str, ViewScore]], name: str, width_deg: float) -> list[AngleBin]:
    """Means of views in bins of angle.

    Args:
        views: of one method, each with its object's name.
        name: of the metric; views without it do not count.
        width_deg: of a bin; the first begins at 0.
    """
    bins: dict[int, list[tuple[str, ViewScore]]] = defaultdict(list)
    for view in views:
        if name in view[1].metrics:
            bins[math.floor(view[1].angle_deg / width_deg)].append(view)
    found = []
    for number in sorted(bins):
        inside = bins[number]
        if len(inside) < _FEWEST_VIEWS:
            continue
        groups: dict[str, list[float]] = defaultdict(list)
        for each, score in inside:
            groups[each].append(score.metrics[name])
        angle = sum(score.angle_deg for _, score in inside) / len(inside)
        mean = bootstrap_mean(list(groups.values()), groups_alike=False)
        found.append(AngleBin(number * width_deg, (number + 1) * width_deg, angle, mean))
    return found


def bin_width(largest_deg: float) -> float:
    """The narrowest width with which at most eight bins reach ``largest_deg``."""
    fitting = (width for width in _BIN_WIDTHS_DEG if math.floor(largest_deg / width) < _MOST_BINS)
    return next(fitting, _BIN_WIDTHS_DEG[-1])


def _reference_series(evaluation: Evaluation, name: str) -> list[Series]:
    series = []
    for style, method in enumerate(method_order(evaluation.configuration)):
        points = []
        for count in _counts(evaluation):
            found = evaluation.summary(method, count, name)
            if found is not None:
                made_of = f"{count_text(found.views, 'number')} of {count_text(found.objects, 'object')}"
                value = _value(name, found.mean, found.low, found.high)
                words = f"{method}, {count_text(count, 'reference')}: {value}; {made_of}"
                points.append(ChartPoint(count, found.mean, found.low, found.high, words))
        if points:
            series.append(Series(method, points, style))
    numbers = [each for each in evaluation.published if each.metric == name] if series else []
    for source in dict.fromkeys(each.source for each in numbers):
        chosen = sorted((each for each in numbers if each.source == source), key=lambda each: each.references)
        points = [
            ChartPoint(
                each.references,
                each.published,
                words=f"{source}, published, {each.references} references: {_value(name, each.published)}",
            )
            for each in chosen
        ]
        series.append(Series(f"{source}, published", points, _published_style(evaluation, source), hollow=True))
    return series


def _published_style(evaluation: Evaluation, source: str) -> int:
    """The style of a published series; the same in every chart."""
    sources = list(dict.fromkeys(each.source for each in evaluation.published))
    return len(method_order(evaluation.configuration)) + sources.index(source)


def _angle_series(evaluation: Evaluation, name: str, count: int, width_deg: float) -> list[Series]:
    series = []
    for style, method in enumerate(method_order(evaluation.configuration)):
        views = [
            (each.name, view)
            for each, case in evaluation.cases()
            if case.references == count
            for view in case.views
            if view.method == method and view.scored
        ]
        points = [
            ChartPoint(
                each.angle_deg,
                each.score.mean,
                each.score.low,
                each.score.high,
                f"{method}, {each.low_deg:g}° to {each.high_deg:g}°: "
                f"{_value(name, each.score.mean, each.score.low, each.score.high)}; "
                f"{count_text(each.score.count, 'view')} of {count_text(each.score.groups, 'object')}",
            )
            for each in angle_bins(views, name, width_deg)
        ]
        if points:
            series.append(Series(method, points, style))
    return series


def _counts(evaluation: Evaluation) -> list[int]:
    return sorted(
        {case.references for _, case in evaluation.cases()} | {each.references for each in evaluation.summaries}
    )


def _value(name: str, mean: float, low: float | None = None, high: float | None = None) -> str:
    unit = f" {METRICS[name].unit}" if METRICS[name].unit else ""
    interval = f" ({value_text(name, low)} to {value_text(name, high)})" if low is not None and high is not None else ""
    return f"{value_text(name, mean)}{unit}{interval}"


def _axis(name: str) -> str:
    metric = METRICS[name]
    return f"{metric.title}, {metric.unit}" if metric.unit else metric.title
