# SPDX-License-Identifier: Apache-2.0
"""Two evaluations against each other, view by view, over the views that both have."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.bootstrap import bootstrap_mean
from eschernet_ros.evaluation.results import METRICS, MODEL, Case, Evaluation, ViewScore

EQUAL = 1e-6
"""Differences up to this count as none."""


@dataclass(frozen=True)
class ViewPair:
    """The same view, of the same object from the same references, in both runs.

    Attributes:
        name: of the object.
        references: how many were given.
        seed: of the choice of references and of the noise.
        first: in run A.
        second: in run B.
    """

    name: str
    references: int
    seed: int
    first: ViewScore
    second: ViewScore

    def difference(self, metric: str) -> float | None:
        """B less A; None where either was not measured."""
        one, two = self.first.metrics.get(metric), self.second.metrics.get(metric)
        return None if one is None or two is None else two - one


@dataclass(frozen=True)
class Difference:
    """B less A in one metric at one number of references.

    Attributes:
        metric: of ``METRICS``.
        references: how many were given.
        mean: over objects, each counting the same, of the means of their views' differences.
        low: lower end of its 95 % bootstrap interval, drawn over objects (over views where there is one object); None
            with one number.
        high: upper end.
        better: views in which B is better.
        equal: views in which both are the same.
        worse: views in which B is worse.
        objects: how many objects.
    """

    metric: str
    references: int
    mean: float
    low: float | None
    high: float | None
    better: int
    equal: int
    worse: int
    objects: int

    @property
    def views(self) -> int:
        """How many pairs of views it is made of."""
        return self.better + self.equal + self.worse


@dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes:
        first: run A.
        second: run B.
        pairs: scored views of the model that both have.
        differences: by metric, then number of references.
        missing: sentences about what only one of them has; empty where both have the same.
        doubts: sentences about why the pairs may not compare; empty where nothing was noticed.
    """

    first: Evaluation
    second: Evaluation
    pairs: tuple[ViewPair, ...]
    differences: tuple[Difference, ...]
    missing: tuple[str, ...]
    doubts: tuple[str, ...]

    def counts(self) -> list[int]:
        """The numbers of references of the pairs."""
        return sorted({pair.references for pair in self.pairs})

    def metrics(self) -> list[str]:
        """The metrics that both have."""
        found = {each.metric for each in self.differences}
        return [name for name in METRICS if name in found]

    def difference(self, metric: str, references: int) -> Difference | None:
        """B less A; None where there is no pair."""
        found = (each for each in self.differences if (each.metric, each.references) == (metric, references))
        return next(found, None)


_CaseKey = tuple[str, int, int]


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Pair the scored views of the model of two runs.

    A pair has the object, the seed, the references and the target in common; views whose references differ are no pair.

    Args:
        first: run A.
        second: run B; a positive difference is more in B.

    Raises:
        EscherNetError: the runs have no pair, or none with a metric in common.
    """
    ours, theirs = _cases(first), _cases(second)
    common = [key for key in ours if key in theirs]
    same = [key for key in common if ours[key].reference_ids == theirs[key].reference_ids]
    pairs, lone = [], Counter[str]()
    for name, references, seed in same:
        one, two = _scored(ours[name, references, seed], MODEL), _scored(theirs[name, references, seed], MODEL)
        lone.update({"A": len(one.keys() - two.keys()), "B": len(two.keys() - one.keys())})
        pairs += [ViewPair(name, references, seed, one[view], two[view]) for view in one if view in two]
    missing = [*_missing_cases(ours, theirs), *_other_references(common, same), *_lone_views(lone)]
    differences = _differences(pairs)
    if not differences:
        raise EscherNetError(
            "The two runs have no scored view in common, so there is nothing to compare"
            + (": " + " ".join(missing) if missing else ": no view of both has a metric.")
        )
    doubts = _doubts(first, second, [(ours[key], theirs[key]) for key in same])
    return Comparison(first, second, tuple(pairs), tuple(differences), tuple(missing), tuple(doubts))


def object_difference(pairs: Sequence[ViewPair], metric: str) -> float | None:
    """The mean difference of some pairs; None where none has the metric."""
    known = [value for pair in pairs if (value := pair.difference(metric)) is not None]
    return sum(known) / len(known) if known else None


def _differences(pairs: Sequence[ViewPair]) -> list[Difference]:
    found = []
    for metric, kind in METRICS.items():
        for references in sorted({pair.references for pair in pairs}):
            groups: dict[str, list[float]] = defaultdict(list)
            for pair in pairs:
                value = pair.difference(metric) if pair.references == references else None
                if value is not None:
                    groups[pair.name].append(value)
            if not groups:
                continue
            mean = bootstrap_mean(list(groups.values()), groups_alike=True)
            values = [value if kind.higher_is_better else -value for group in groups.values() for value in group]
            better, worse = sum(value > EQUAL for value in values), sum(value < -EQUAL for value in values)
            equal = len(values) - better - worse
            found.append(
                Difference(metric, references, mean.mean, mean.low, mean.high, better, equal, worse, mean.groups)
            )
    return found


def _cases(evaluation: Evaluation) -> dict[_CaseKey, Case]:
    return {(each.name, case.references, case.seed): case for each, case in evaluation.cases()}


def _scored(case: Case, method: str) -> dict[int, ViewScore]:
    return {view.view_id: view for view in case.views if view.method == method and view.scored}


def _missing_cases(ours: dict[_CaseKey, Case], theirs: dict[_CaseKey, Case]) -> list[str]:
    """What only one run has: whole objects by name, then numbers of references and seeds of the common ones."""
    sentences = []
    for label, one, two in (("A", ours, theirs), ("B", theirs, ours)):
        others = {name for name, _, _ in two}
        objects = list(dict.fromkeys(name for name, _, _ in one if name not in others))
        if objects:
            sentences.append(f"Only {label} has {_named(objects, 'object')}.")
        kinds = dict.fromkeys(
            f"{references} references with seed {seed}"
            for name, references, seed in one
            if name in others and (name, references, seed) not in two
        )
        if kinds:
            sentences.append(f"Only {label} has, of objects that both have: {_listed(list(kinds))}.")
    return sentences


def _other_references(common: Sequence[_CaseKey], same: Sequence[_CaseKey]) -> list[str]:
    different = [key for key in common if key not in set(same)]
    if not different:
        return []
    cases = [f"{name} with {references} references and seed {seed}" for name, references, seed in different]
    return [f"{len(different)} of {len(common)} common cases have other references in B: {_listed(cases)}."]


def _lone_views(lone: Counter[str]) -> list[str]:
    return [f"{count} scored views of common cases are only in {label}." for label, count in lone.items() if count]


def _doubts(first: Evaluation, second: Evaluation, cases: Sequence[tuple[Case, Case]]) -> list[str]:
    """Baselines know nothing of the checkpoint: where their scores differ, the runs did not score the same pictures."""
    sentences = []
    for method in first.configuration.methods:
        if method == MODEL or method not in second.configuration.methods:
            continue
        compared = differing = 0
        for one, two in cases:
            other = _scored(two, method)
            for view_id, view in _scored(one, method).items():
                common = other[view_id].metrics.keys() & view.metrics.keys() if view_id in other else set()
                compared += bool(common)
                differing += any(abs(view.metrics[name] - other[view_id].metrics[name]) > EQUAL for name in common)
        if differing:
            sentences.append(
                f"The baseline '{method}' scores differently in {differing} of {compared} common views, and no "
                "baseline depends on the checkpoint: the runs did not score the same pictures, or not the same way."
            )
    sizes = first.model.image_size, second.model.image_size
    if sizes[0] != sizes[1]:
        sentences.append(
            f"Pictures have {sizes[0]} pixels a side in A and {sizes[1]} in B; small ones score differently."
        )
    return sentences


def _named(names: Sequence[str], noun: str) -> str:
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'}: {_listed(names)}"


def _listed(words: Sequence[str], most: int = 8) -> str:
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")
