# SPDX-License-Identifier: Apache-2.0
"""Numbers of an evaluation as the report writes them."""

from __future__ import annotations

from eschernet_ros.evaluation.report.markup import Markup, element, join
from eschernet_ros.evaluation.results import METRICS, MODEL, Configuration

DASH = "–"
"""Stands where there is no number."""


def metric_label(name: str) -> str:
    """Title, unit, and which way is good."""
    metric = METRICS[name]
    unit = f", {metric.unit}" if metric.unit else ""
    return f"{metric.title}{unit} ({'higher' if metric.higher_is_better else 'lower'} is better)"


def metric_head(name: str) -> str:
    """Title and an arrow towards the good side, for the head of a table."""
    metric = METRICS[name]
    return f"{metric.title} {'↑' if metric.higher_is_better else '↓'}"


def value_text(name: str, value: float | None) -> str:
    """A value with the digits of its metric, without its unit."""
    return DASH if value is None else f"{value:.{METRICS[name].digits}f}".replace("-", "\N{MINUS SIGN}")


def difference_text(name: str, value: float | None) -> str:
    """A difference with its sign; one that rounds to zero has none."""
    if value is None:
        return DASH
    text = f"{value:+.{METRICS[name].digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text[1:]


def difference_class(name: str, low: float | None, high: float | None) -> str | None:
    """``"good"`` or ``"bad"`` for a difference whose interval lies on one side of zero; None for one that does not."""
    if low is None or high is None or low <= 0.0 <= high:
        return None
    return "good" if (low > 0.0) == METRICS[name].higher_is_better else "bad"


def interval_text(name: str, low: float | None, high: float | None) -> str:
    """``"1.0 to 2.0"``; empty where there is no interval."""
    return "" if low is None or high is None else f"{value_text(name, low)} to {value_text(name, high)}"


def with_interval(name: str, mean: float, low: float | None, high: float | None) -> Markup:
    """A mean, and its interval small below it."""
    interval = interval_text(name, low, high)
    if not interval:
        return join(value_text(name, mean))
    return join([value_text(name, mean), element("br"), element("small", interval)])


def count_text(count: int, noun: str) -> str:
    """``"1 view"``, ``"2 views"``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def method_order(configuration: Configuration) -> list[str]:
    """The methods as the tables show them: the model first, the others as configured."""
    methods = [name for name in configuration.methods if name != MODEL]
    return [MODEL, *methods] if MODEL in configuration.methods else methods
