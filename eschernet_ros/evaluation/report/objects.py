# SPDX-License-Identifier: Apache-2.0
"""The sheet of each object: references, where the cameras stood, and the best, the median and the worst view."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eschernet_ros.evaluation.report.choice import main_metric, object_case, object_mean, ranked_views
from eschernet_ros.evaluation.report.markup import Markup, element, join
from eschernet_ros.evaluation.report.pictures import ERROR_LIMIT, PictureShelf, error_picture, error_scale_colours
from eschernet_ros.evaluation.report.sphere import SpherePoint, azimuth_elevation, classes, view_sphere
from eschernet_ros.evaluation.report.words import count_text, method_order, value_text
from eschernet_ros.evaluation.results import METRICS, MODEL, Case, Evaluation, ObjectResult, PosedPicture, ViewScore
from eschernet_ros.geometry import SE3, view_directions

_MOST_REFERENCES, _MOST_UNSCORED = 12, 12


@dataclass(frozen=True)
class Sheets:
    """The sheets of the page.

    Attributes:
        markup: all of them.
        shown: names of the objects that got one.
        left_out: how many did not.
    """

    markup: Markup
    shown: tuple[str, ...]
    left_out: int


def object_sheets(evaluation: Evaluation, shelf: PictureShelf, references: int, most: int) -> Sheets:
    """A sheet for each object, at one number of references.

    Args:
        evaluation: what was found.
        shelf: its pictures.
        references: the number to show; an object without it shows its nearest number.
        most: of more objects, so many are shown, evenly spaced from the worst to the best.
    """
    chosen = _choose(evaluation, references, most)
    colours = _Colours(evaluation, references)
    sheets = [_sheet(evaluation, each, shelf, references, colours) for each in chosen]
    note = [
        "Colours of the targets on the view sphere: ",
        colours.legend(),
        element("br"),
        "Error: mean absolute difference of the channels, of 255: 0 ",
        element("span", class_="ramp", style=f"background:linear-gradient(90deg,{','.join(error_scale_colours())})"),
        f" {ERROR_LIMIT} and more.",
    ]
    head = element("p", note, class_="note")
    return Sheets(join([head, *sheets]), tuple(each.name for each in chosen), len(evaluation.objects) - len(chosen))


class _Colours:
    """Classes of colour of the model's views, the same for all objects."""

    def __init__(self, evaluation: Evaluation, references: int) -> None:
        self._metric = main_metric(evaluation.configuration)
        self._ranks: dict[tuple[str, int], int] = {}
        self._ranges: Sequence[tuple[float, float]] = ()
        found = {}
        for each in evaluation.objects:
            case = object_case(each, references)
            for view in ranked_views(case, self._metric) if case else ():
                found[each.name, view.view_id] = view.metrics[self._metric or ""]
        if found and self._metric:
            ranks, self._ranges = classes(list(found.values()), METRICS[self._metric].higher_is_better)
            self._ranks = dict(zip(found, ranks, strict=True))

    def rank(self, name: str, view_id: int) -> int | None:
        """The class of a target; None where it has no score."""
        return self._ranks.get((name, view_id))

    def legend(self) -> Markup:
        """Which colour means what."""
        reference = [element("span", class_="swatch square"), " reference"]
        if not self._metric:
            return join([reference, "."])
        metric = METRICS[self._metric]
        entries = [
            [
                element("span", class_=f"swatch q{rank}"),
                f" {value_text(self._metric, min(ends))} to ",
                value_text(self._metric, max(ends)),
                " ",
            ]
            for rank, ends in enumerate(self._ranges)
        ]
        return join(
            [reference, f"; {metric.title}{' ' + metric.unit if metric.unit else ''} of the model's views: ", entries]
        )


def _choose(evaluation: Evaluation, references: int, most: int) -> list[ObjectResult]:
    """All objects, or ``most`` of them, evenly spaced from the worst to the best."""
    objects = list(evaluation.objects)
    if len(objects) <= most:
        return objects
    metric = main_metric(evaluation.configuration)
    sign = -1.0 if metric and not METRICS[metric].higher_is_better else 1.0

    def goodness(each: ObjectResult) -> float:
        mean = object_mean(each, references, metric)
        return -math.inf if mean is None else sign * mean

    ranking = sorted(objects, key=goodness)
    picks = {ranking[int(place)].name for place in np.linspace(0, len(ranking) - 1, most).round()}
    return [each for each in objects if each.name in picks]


def _sheet(
    evaluation: Evaluation, each: ObjectResult, shelf: PictureShelf, references: int, colours: _Colours
) -> Markup:
    case = object_case(each, references)
    title = element("h3", each.name)
    if case is None:
        return element("div", title, element("p", "Nothing was predicted for it.", class_="note"), class_="object")
    metric = main_metric(evaluation.configuration)
    pictures = {picture.view_id: picture for picture in each.references}
    targets = {picture.view_id: picture for picture in each.targets}
    parts = [
        title,
        element("p", _sentence(each, case, metric), class_="note"),
        _spheres(each, case, metric, pictures, targets, colours),
        _references(each, case, pictures, shelf),
        _rows(evaluation, each, case, metric, targets, shelf),
    ]
    return element("div", parts, class_="object")


def _sentence(each: ObjectResult, case: Case, metric: str | None) -> str:
    words = f"{count_text(case.references, 'reference')}, seed {case.seed}"
    ranked = ranked_views(case, metric)
    if metric and ranked:
        mean = float(np.mean([view.metrics[metric] for view in ranked]))
        unit = METRICS[metric].unit
        words += f"; the model's mean over {count_text(len(ranked), 'scored view')}: {METRICS[metric].title} "
        words += value_text(metric, mean) + (f" {unit}" if unit else "")
    return words + "."


def _spheres(
    each: ObjectResult,
    case: Case,
    metric: str | None,
    pictures: Mapping[int, PosedPicture],
    targets: Mapping[int, PosedPicture],
    colours: _Colours,
) -> Markup:
    views = [view for view in case.views if view.method == MODEL and view.view_id in targets and view.scored]
    given = [identifier for identifier in case.reference_ids if identifier in pictures]
    if not views and not given:
        return Markup("")
    poses = [SE3(np.array(pictures[i].pose)) for i in given] + [SE3(np.array(targets[v.view_id].pose)) for v in views]
    directions = view_directions(poses)
    reference_points = [
        SpherePoint(direction, str(identifier), words=f"reference {identifier}, {_place(direction)}")
        for identifier, direction in zip(given, directions, strict=False)
    ]
    target_points = []
    for view, direction in zip(views, directions[len(given) :], strict=True):
        score = f", {METRICS[metric].title} {value_text(metric, view.metrics.get(metric))}" if metric else ""
        words = f"view {view.view_id}, {_place(direction)}, {view.angle_deg:.0f}° from the nearest reference{score}"
        target_points.append(SpherePoint(direction, rank=colours.rank(each.name, view.view_id), words=words))
    return element(
        "div", view_sphere(reference_points, target_points, f"{each.name}: cameras"), class_="charts spheres"
    )


def _place(direction: Sequence[float]) -> str:
    azimuth, elevation = azimuth_elevation(direction)
    return f"azimuth {azimuth:.0f}°, elevation {elevation:.0f}°"


def _references(each: ObjectResult, case: Case, pictures: Mapping[int, PosedPicture], shelf: PictureShelf) -> Markup:
    shown = case.reference_ids[:_MOST_REFERENCES]
    figures = []
    for identifier in shown:
        picture = pictures.get(identifier)
        image = shelf.pixels(picture.image) if picture else None
        figures.append(
            shelf.figure(image, f"{each.name}: reference {identifier}", f"reference {identifier}", "reference-view")
        )
    more = len(case.reference_ids) - len(shown)
    note = element("p", f"and {count_text(more, 'more reference')}", class_="note") if more else None
    return join([element("div", figures, class_="strip"), note])


def _rows(
    evaluation: Evaluation,
    each: ObjectResult,
    case: Case,
    metric: str | None,
    targets: Mapping[int, PosedPicture],
    shelf: PictureShelf,
) -> Markup:
    ranked = ranked_views(case, metric)
    if not ranked or not metric:
        return _unscored(each, case, shelf)
    picks = {"best": ranked[-1], "median": ranked[(len(ranked) - 1) // 2], "worst": ranked[0]}
    if len(ranked) < 3:
        picks = {"best": ranked[-1], "worst": ranked[0]} if len(ranked) == 2 else {"only": ranked[0]}
    others = [method for method in method_order(evaluation.configuration) if method != MODEL]
    return join([_row(each, case, kind, view, metric, targets, others, shelf) for kind, view in picks.items()])


def _row(
    each: ObjectResult,
    case: Case,
    kind: str,
    view: ViewScore,
    metric: str,
    targets: Mapping[int, PosedPicture],
    others: Sequence[str],
    shelf: PictureShelf,
) -> Markup:
    what = f"{each.name}, view {view.view_id}"
    target = targets.get(view.view_id)
    truth, image = shelf.pixels(target.image if target else None), shelf.pixels(view.image)
    words = [element("b", kind), f" view {view.view_id}, {view.angle_deg:.0f}° from the nearest reference"]
    figures = [
        shelf.figure(truth, f"{what}: the true picture", "true"),
        shelf.figure(image, f"{what}: the model's", [MODEL, element("br"), _score(view, metric)]),
    ]
    if truth is not None and image is not None and truth.shape == image.shape:
        figures.append(shelf.figure(error_picture(image, truth), f"{what}: the model's error", "error"))
    for method in others:
        other = next((each for each in case.views if (each.method, each.view_id) == (method, view.view_id)), None)
        if other is not None:
            caption = [method, element("br"), _score(other, metric)]
            figures.append(shelf.figure(shelf.pixels(other.image), f"{what}: {method}", caption))
    return element("div", element("div", words), figures, class_="row")


def _score(view: ViewScore, metric: str) -> str:
    unit = METRICS[metric].unit
    return value_text(metric, view.metrics.get(metric)) + (f" {unit}" if unit else "")


def _unscored(each: ObjectResult, case: Case, shelf: PictureShelf) -> Markup:
    """Predictions without a score, evenly spaced."""
    views = [view for view in case.views if view.method == MODEL and view.image]
    if not views:
        return Markup("")
    picks = np.unique(np.linspace(0, len(views) - 1, min(len(views), _MOST_UNSCORED)).round().astype(int))
    figures = [
        shelf.figure(
            shelf.pixels(views[i].image),
            f"{each.name}: the model's view {views[i].view_id}",
            f"view {views[i].view_id}",
        )
        for i in picks
    ]
    words = f"{len(picks)} of {count_text(len(views), 'predicted view')}; there is no true picture to score them."
    return join([element("p", words, class_="note"), element("div", figures, class_="strip")])
