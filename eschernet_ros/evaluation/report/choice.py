# SPDX-License-Identifier: Apache-2.0
"""What the report shows where it cannot show everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.results import METRICS, MODEL, Case, Configuration, Evaluation, ObjectResult, ViewScore

PREFERRED = ("psnr_foreground", "psnr", "lpips_alex_foreground", "lpips_alex", "ssim_foreground", "ssim")
"""The report sorts and colours by the first of these that was measured."""

_PREFERRED_REFERENCES = 3


def main_metric(configuration: Configuration) -> str | None:
    """The metric that the report sorts and colours by: the foreground's PSNR where there is one; None without truth."""
    known = [name for name in (*PREFERRED, *METRICS) if name in configuration.metrics]
    return known[0] if known else None


def shown_references(evaluation: Evaluation, wanted: int | None = None) -> int:
    """The number of references at which pictures are shown, as :func:`choose_references` chooses it.

    Raises:
        EscherNetError: ``wanted`` was not evaluated, or nothing was.
    """
    return choose_references({case.references for _, case in evaluation.cases()}, wanted)


def choose_references(counts: Iterable[int], wanted: int | None = None) -> int:
    """``wanted``, else 3, else the middle one of ``counts``.

    Raises:
        EscherNetError: ``wanted`` is none of them, or there is none.
    """
    known = sorted(counts)
    if not known:
        raise EscherNetError("The results hold no case: no object was evaluated.")
    if wanted is not None:
        if wanted not in known:
            listed = ", ".join(map(str, known))
            raise EscherNetError(f"There are no results for {wanted} references; there are for {listed}.")
        return wanted
    return _PREFERRED_REFERENCES if _PREFERRED_REFERENCES in known else known[(len(known) - 1) // 2]


def object_case(each: ObjectResult, references: int) -> Case | None:
    """The object's first case with this number of references, or with the number nearest to it."""
    return min(each.cases, key=lambda case: abs(case.references - references), default=None)


def ranked_views(case: Case, metric: str | None, method: str = MODEL) -> list[ViewScore]:
    """A method's scored views, the worst first; empty where the metric was not measured."""
    if metric is None:
        return []
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    views = [view for view in case.views if view.method == method and view.scored and metric in view.metrics]
    return sorted(views, key=lambda view: sign * view.metrics[metric])


def object_mean(each: ObjectResult, references: int, metric: str | None, method: str = MODEL) -> float | None:
    """The mean over seeds of the means over scored views, at one number of references; None without a score."""
    cases = [case for case in each.cases if case.references == references]
    means = [_mean(ranked_views(case, metric, method), metric) for case in cases]
    known = [mean for mean in means if mean is not None]
    return float(np.mean(known)) if known else None


def _mean(views: Sequence[ViewScore], metric: str | None) -> float | None:
    return float(np.mean([view.metrics[metric] for view in views])) if views and metric else None
