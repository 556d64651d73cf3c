# SPDX-License-Identifier: Apache-2.0
"""Two evaluations against each other as one HTML file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.evaluation.comparison import Comparison, ViewPair, compare, object_difference
from eschernet_ros.evaluation.report.about import warning_sentences
from eschernet_ros.evaluation.report.chart import ChartPoint, Series, joined, line_chart, scatter_chart
from eschernet_ros.evaluation.report.choice import PREFERRED, choose_references
from eschernet_ros.evaluation.report.layout import Section, page
from eschernet_ros.evaluation.report.markup import Child, Markup, element, join
from eschernet_ros.evaluation.report.pictures import ENCODINGS, PictureShelf, error_picture
from eschernet_ros.evaluation.report.table import Cell, Row, table
from eschernet_ros.evaluation.report.words import (
    DASH,
    count_text,
    difference_class,
    difference_text,
    interval_text,
    metric_head,
    value_text,
)
from eschernet_ros.evaluation.results import METRICS, Evaluation
from eschernet_ros.evaluation.results_file import read_results

COMPARISON_FILE = "comparison.html"
_MOST_SHOWN, _MOST_ROWS, _MOST_DOTS, _MOST_PICTURE_BYTES = 6, 4000, 2000, 16_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One of the two.

    Attributes:
        label: what it is called on the page.
        folder: of its results.
        evaluation: what is in them.
    """

    label: str
    folder: Path
    evaluation: Evaluation


def read_runs(first: Path, second: Path) -> tuple[Run, Run]:
    """Two folders of results (or ``results.json`` files) as runs, labelled by folder and checkpoint.

    Raises:
        EscherNetError: one of them holds no results, or damaged ones.
    """
    runs = []
    for results in (first, second):
        folder = results if results.is_dir() else results.parent
        evaluation = read_results(results)
        runs.append(Run(f"{folder.resolve().name} ({evaluation.model.name})", folder, evaluation))
    return runs[0], runs[1]


def write_comparison(first: Run, second: Run, output: Path, references: int | None = None) -> Comparison:
    """Write the page.

    Args:
        first: run A.
        second: run B.
        output: the file to write.
        references: number of references at which pictures and dots are shown; None: 3, or else the middle one.

    Raises:
        EscherNetError: the runs have no view in common, or not with this number of references.
        DatasetWriteError: the file cannot be written.
    """
    comparison = compare(first.evaluation, second.evaluation)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, comparison_page(comparison, first, second, references).encode("utf-8"))
    return comparison


def comparison_page(comparison: Comparison, first: Run, second: Run, references: int | None = None) -> str:
    """The document; arguments as of :func:`write_comparison`."""
    count = choose_references(comparison.counts(), references)
    metric = _main_metric(comparison)
    shown = [pair for pair in comparison.pairs if pair.references == count and pair.difference(metric) is not None]
    sections = [
        Section("differences", "Differences", _differences(comparison)),
        Section("curves", "Curves", _curves(comparison, shown, metric, count)),
        Section("objects", "Objects", _objects(comparison, metric)),
        Section("views", "Largest gains and losses", _extremes(shown, metric, first, second)),
        Section("every-view", "Every view", _every_view(comparison, metric)),
        Section("settings", "What differs", _settings(first, second)),
    ]
    names = [element("b", "A"), f": {first.label}", element("br"), element("b", "B"), f": {second.label}"]
    title = "Two evaluations compared"
    return page(title, names, _banner(comparison, first, second), sections)


def _main_metric(comparison: Comparison) -> str:
    measured = comparison.metrics()
    return next(name for name in (*PREFERRED, *measured) if name in measured)


def _banner(comparison: Comparison, first: Run, second: Run) -> Markup | None:
    sentences = [*comparison.doubts, *comparison.missing]
    for label, run in (("A", first), ("B", second)):
        sentences += [f"{label}: {sentence}" for sentence in warning_sentences(run.evaluation)]
    if not sentences:
        return None
    return element("div", [element("p", each) for each in sentences], class_="warnings", role="note")


def _differences(comparison: Comparison) -> Markup:
    rows = []
    for each in comparison.differences:
        kind = difference_class(each.metric, each.low, each.high)
        rows.append(
            Row(
                metric_head(each.metric),
                [
                    str(each.references),
                    Cell(difference_text(each.metric, each.mean), kind=kind),
                    interval_text(each.metric, each.low, each.high) or DASH,
                    *map(str, (each.better, each.equal, each.worse, each.views, each.objects)),
                ],
            )
        )
    head = ["metric", "references", "B − A", "95 % interval", "B better", "equal", "B worse", "views", "objects"]
    words = (
        "Scored views of the model that both runs have, from the same references. Mean over objects, each counting the "
        "same, of the means of their views' differences; the interval is a bootstrap over objects (over views where "
        "there is one object). Green: B is surely better, red: surely worse; the counts are single views."
    )
    return join([table(head, rows, "B less A", sortable=True), element("p", words, class_="note")])


def _curves(comparison: Comparison, shown: Sequence[ViewPair], metric: str, count: int) -> Markup:
    charts = []
    for name in comparison.metrics():
        points = [
            ChartPoint(
                each.references,
                each.mean,
                each.low,
                each.high,
                f"{count_text(each.references, 'reference')}: {difference_text(name, each.mean)}, "
                f"{interval_text(name, each.low, each.high) or 'no interval'}; {count_text(each.views, 'view')}",
            )
            for each in comparison.differences
            if each.metric == name
        ]
        label = f"{METRICS[name].title}, B − A"
        charts.append(line_chart([Series("B − A", points, 0)], label, "references", label, logarithmic=True, zero=True))
    dots = [
        ChartPoint(
            pair.first.metrics[metric],
            pair.second.metrics[metric],
            words=f"{pair.name}, view {pair.first.view_id}, seed {pair.seed}: "
            f"A {value_text(metric, pair.first.metrics[metric])}, B {value_text(metric, pair.second.metrics[metric])}",
        )
        for pair in shown[:: -(-len(shown) // _MOST_DOTS) or 1]
    ]
    title = METRICS[metric].title
    note = None
    if dots:
        charts.append(scatter_chart(dots, f"{title} of each view, {count_text(count, 'reference')}", "A", "B"))
    if len(dots) < len(shown):
        note = element("p", f"{len(dots)} of {len(shown)} views are drawn as dots, evenly spaced.", class_="note")
    return join([joined(charts), note])


def _objects(comparison: Comparison, metric: str) -> Markup:
    counts = comparison.counts()
    rows = []
    for name in dict.fromkeys(pair.name for pair in comparison.pairs):
        cells = []
        for count in counts:
            pairs = [pair for pair in comparison.pairs if (pair.name, pair.references) == (name, count)]
            mean = object_difference(pairs, metric)
            cells.append(Cell(difference_text(metric, mean), DASH if mean is None else mean))
        rows.append(Row(Cell(name, name), cells))
    head = ["object", *(count_text(count, "reference") for count in counts)]
    title = f"{METRICS[metric].title}, B − A, by object"
    return join([element("h3", title), table(head, rows, title, sortable=True)])


def _extremes(shown: Sequence[ViewPair], metric: str, first: Run, second: Run) -> Markup:
    """Pictures of the views that gained and lost most."""
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    ranked = sorted(shown, key=lambda pair: sign * (pair.difference(metric) or 0.0))
    gains = [pair for pair in reversed(ranked) if sign * (pair.difference(metric) or 0.0) > 0.0][:_MOST_SHOWN]
    losses = [pair for pair in ranked if sign * (pair.difference(metric) or 0.0) < 0.0][:_MOST_SHOWN]
    for encoding in ENCODINGS:
        shelves = PictureShelf(first.folder, encoding), PictureShelf(second.folder, encoding)
        parts: list[Child] = []
        for title, pairs in (("B gains most", gains), ("B loses most", losses)):
            rows = [_pair_row(pair, metric, first, second, shelves) for pair in pairs]
            parts += [element("h3", title), rows or element("p", "No view does.", class_="note")]
        if sum(shelf.total_bytes for shelf in shelves) <= _MOST_PICTURE_BYTES:
            break
    missing = {name: reason for shelf in shelves for name, reason in shelf.missing.items()}
    if missing:
        name, reason = next(iter(missing.items()))
        words = f"{count_text(len(missing), 'picture')} could not be read, the first {name}: {reason}."
        parts.append(element("p", words, class_="note"))
    return join(parts)


def _pair_row(
    pair: ViewPair, metric: str, first: Run, second: Run, shelves: tuple[PictureShelf, PictureShelf]
) -> Markup:
    what = f"{pair.name}, view {pair.first.view_id}"
    truth = shelves[0].pixels(_truth(first.evaluation, pair))
    words = [
        element("b", pair.name),
        f" view {pair.first.view_id}, seed {pair.seed}, {pair.first.angle_deg:.0f}° from the nearest reference: ",
        element("b", difference_text(metric, pair.difference(metric))),
    ]
    figures = [shelves[0].figure(truth, f"{what}: the true picture", "true")]
    for label, view, shelf in (("A", pair.first, shelves[0]), ("B", pair.second, shelves[1])):
        image = shelf.pixels(view.image)
        score = value_text(metric, view.metrics[metric])
        figures.append(shelf.figure(image, f"{what}: {label}", [label, element("br"), score]))
        if image is not None and truth is not None and image.shape == truth.shape:
            error = error_picture(image, truth)
            figures.append(shelf.figure(error, f"{what}: the error of {label}", f"error of {label}"))
    return element("div", element("div", words), figures, class_="row")


def _truth(evaluation: Evaluation, pair: ViewPair) -> str | None:
    targets = [
        target.image
        for each in evaluation.objects
        if each.name == pair.name
        for target in each.targets
        if target.view_id == pair.first.view_id
    ]
    return targets[0] if targets else None


def _every_view(comparison: Comparison, metric: str) -> Markup:
    """The pairs, those that differ most first."""
    known = [pair for pair in comparison.pairs if pair.difference(metric) is not None]
    ranked = sorted(known, key=lambda pair: -abs(pair.difference(metric) or 0.0))[:_MOST_ROWS]
    rows = []
    for pair in ranked:
        one, two, difference = pair.first.metrics[metric], pair.second.metrics[metric], pair.difference(metric)
        cells: list[Cell | str] = [
            *map(str, (pair.references, pair.seed, pair.first.view_id)),
            f"{pair.first.angle_deg:.1f}",
            Cell(value_text(metric, one), one),
            Cell(value_text(metric, two), two),
            Cell(difference_text(metric, difference), difference),
        ]
        keys = {"object": pair.name, "references": str(pair.references)}
        rows.append(Row(Cell(pair.name, pair.name), cells, keys=keys))
    choices = [
        element("label", name, element("select", element("option", "all", value=""), name=name))
        for name in ("object", "references")
    ]
    filters = element("div", choices, element("output"), class_="filters", data_table="views-table", hidden=True)
    head = ["object", "references", "seed", "view", "angle, °", "A", "B", "B − A"]
    words = f"{metric_head(metric)} of {len(ranked)} of {len(known)} pairs, those that differ most first."
    content = table(head, rows, "Every view", identifier="views-table", sortable=True)
    printed = element("p", "On paper: the first 100 rows as sorted.", class_="note print-only")
    return join([element("p", words, class_="note"), filters, printed, content])


def _settings(first: Run, second: Run) -> Markup:
    """Settings and versions that are not the same."""
    one, two = _flat(first.evaluation), _flat(second.evaluation)
    rows = [
        Row(name, [Cell(one.get(name, DASH), kind="word long"), Cell(two.get(name, DASH), kind="word long")])
        for name in dict.fromkeys((*one, *two))
        if one.get(name) != two.get(name)
    ]
    if not rows:
        return element("p", "All settings and versions are the same.", class_="note")
    return table(["setting", "A", "B"], rows, "Settings that differ")


def _flat(evaluation: Evaluation) -> Mapping[str, str]:
    parts: dict[str, Mapping[str, object]] = {
        "protocol": dataclasses.asdict(evaluation.configuration),
        "model": dataclasses.asdict(evaluation.model),
        "version": evaluation.versions,
        "machine": evaluation.machine,
    }
    flat = {
        f"{part}: {name.replace('_', ' ')}": _text(value)
        for part, held in parts.items()
        for name, value in held.items()
    }
    return {**flat, "created": evaluation.created, "objects": str(len(evaluation.objects))}


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
