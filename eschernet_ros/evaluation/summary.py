# SPDX-License-Identifier: Apache-2.0
"""Means, spreads and intervals of an evaluation's numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from eschernet_ros.evaluation.bootstrap import bootstrap_mean
from eschernet_ros.evaluation.results import METRICS, ObjectResult, Summary

_Numbers = Mapping[str, Mapping[int, Sequence[float]]]
"""By object, by seed: one a scored view."""


def summarise(objects: Iterable[ObjectResult]) -> tuple[Summary, ...]:
    """A row for each method, number of references and metric, in the order in which they are met.

    Every object counts the same, however many of its views are scored. The interval is drawn over objects, or over
    the views of the only object: views of one object are alike, and drawing them would make it too narrow.
    """
    found: dict[tuple[str, int, str], dict[str, dict[int, list[float]]]] = {}
    for each in objects:
        for case in each.cases:
            for view in case.views:
                for name, value in view.metrics.items() if view.scored else ():
                    by_object = found.setdefault((view.method, case.references, name), {})
                    by_object.setdefault(each.name, {}).setdefault(case.seed, []).append(value)
    methods = list(dict.fromkeys(method for method, _, _ in found))
    order = {name: place for place, name in enumerate(METRICS)}
    rows = sorted(found, key=lambda key: (methods.index(key[0]), key[1], order[key[2]]))
    return tuple(_row(*key, found[key]) for key in rows)


def _row(method: str, references: int, metric: str, numbers: _Numbers) -> Summary:
    # an object's seeds count the same, however many views each scores
    means = {name: [float(np.mean(values)) for values in seeds.values()] for name, seeds in numbers.items()}
    by_object = [float(np.mean(each)) for each in means.values()]
    by_seed: dict[int, list[float]] = defaultdict(list)
    for name, seeds in numbers.items():
        for seed, mean in zip(seeds, means[name], strict=True):
            by_seed[seed].append(mean)
    of_seeds = [float(np.mean(values)) for values in by_seed.values()]
    alone = len(by_object) == 1
    if alone:
        only = next(iter(numbers.values()))
        interval = bootstrap_mean([[value for values in only.values() for value in values]], groups_alike=True)
    else:
        interval = bootstrap_mean([[mean] for mean in by_object], groups_alike=True)
    return Summary(
        method=method,
        references=references,
        metric=metric,
        mean=float(np.mean(by_object)),
        views=sum(len(values) for seeds in numbers.values() for values in seeds.values()),
        objects=len(by_object),
        seeds=len(of_seeds),
        object_spread=None if alone else float(np.std(by_object, ddof=1)),
        seed_spread=None if len(of_seeds) == 1 else float(np.std(of_seeds, ddof=1)),
        low=interval.low,
        high=interval.high,
        interval_over="views" if alone else "objects",
    )
