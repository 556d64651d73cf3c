# SPDX-License-Identifier: Apache-2.0
"""Charts as inline SVG whose colours come from the page's style, so that they follow light, dark and print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.report.markup import Markup, element, join, number
from eschernet_ros.evaluation.report.scale import Scale, linear_scale, logarithmic_scale, tick_text

STYLES = 8
"""So many series are told apart, by colour, mark and dashes."""

_WIDTH, _HEIGHT = 440, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 10, 12, 44
_SQUARE = 300
_DODGE = 3.0
"""Series are moved apart by so much sideways, that their intervals do not cover each other."""
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "4 2", "1 2", "10 4", "3 5")


@dataclass(frozen=True)
class ChartPoint:
    """A mean and its interval.

    Attributes:
        x: on the horizontal axis.
        mean: on the vertical axis.
        low: lower end of the interval; None draws none.
        high: upper end.
        words: shown when the pointer rests on it.
    """

    x: float
    mean: float
    low: float | None = None
    high: float | None = None
    words: str = ""


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: in the legend.
        points: in order of ``x``.
        style: number of its colour, mark and dashes, modulo ``STYLES``.
        hollow: marks without filling, for numbers that come from elsewhere.
    """

    name: str
    points: Sequence[ChartPoint]
    style: int
    hollow: bool = False


def line_chart(
    series: Sequence[Series],
    title: str,
    x_label: str,
    y_label: str,
    logarithmic: bool = False,
    also: Sequence[float] = (),
    zero: bool = False,
) -> Markup:
    """Lines through means, with a mark and a vertical interval at each.

    Args:
        series: at least one point in all.
        title: above the drawing, and its name for those who do not see it.
        x_label: below the horizontal axis.
        y_label: at the vertical axis.
        logarithmic: a logarithmic horizontal axis with a tick at each value that occurs.
        also: values that the vertical axis must hold too, so that several charts can be compared.
        zero: whether a line marks zero on the vertical axis.

    Raises:
        EscherNetError: no point at all.
    """
    points = [point for line in series for point in line.points]
    if not points:
        raise EscherNetError(f"The chart '{title}' has no point.")
    xs = [point.x for point in points]
    ys = [value for point in points for value in (point.mean, point.low, point.high) if value is not None]
    ys += [*also, 0.0] if zero else also
    left, right, top, bottom = _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM
    across = logarithmic_scale(xs, left, right) if logarithmic else linear_scale(xs, left, right)
    up = linear_scale(ys, bottom, top)
    drawing = frame(across, up, x_label, y_label)
    if zero:
        drawing.append(element("line", x1=left, x2=right, y1=up(0.0), y2=up(0.0), class_="zero"))
    drawing += [_line(line, series, across, up) for line in series]
    return figure(drawing, title, _WIDTH, _HEIGHT)


def scatter_chart(points: Sequence[ChartPoint], title: str, x_label: str, y_label: str) -> Markup:
    """Dots on two equal axes, and the diagonal on which both are the same.

    Args:
        points: ``x`` and ``mean`` are the two values.
        title: above the drawing.
        x_label: below the horizontal axis.
        y_label: at the vertical axis.

    Raises:
        EscherNetError: no point at all.
    """
    if not points:
        raise EscherNetError(f"The chart '{title}' has no point.")
    values = [value for point in points for value in (point.x, point.mean)]
    across = linear_scale(values, _LEFT, _LEFT + _SQUARE)
    up = linear_scale(values, _TOP + _SQUARE, _TOP)
    drawing = frame(across, up, x_label, y_label)
    low, high = across.low, across.high
    drawing.append(element("line", x1=across(low), x2=across(high), y1=up(low), y2=up(high), class_="zero"))
    for point in points:
        title_of_dot = element("title", point.words) if point.words else None
        drawing.append(element("circle", title_of_dot, cx=across(point.x), cy=up(point.mean), r=3, class_="dot s0"))
    return figure(drawing, title, _LEFT + _SQUARE + _RIGHT, _TOP + _SQUARE + _BOTTOM)


def figure(drawing: Sequence[Markup], title: str, width: int, height: int, caption: str = "") -> Markup:
    """The ``figure`` element around a drawing, with the title, or something shorter, as caption."""
    svg = element(
        "svg",
        element("title", title),
        drawing,
        viewbox=f"0 0 {width} {height}",
        role="img",
        class_="chart",
        xmlns="http://www.w3.org/2000/svg",
    )
    return element("figure", element("figcaption", caption or title), svg, class_="chart-box")


def legend(names: Sequence[tuple[str, int, bool]]) -> Markup:
    """What line belongs to what: (name, style, hollow) each."""
    items = []
    for name, style, hollow in names:
        swatch = element(
            "svg",
            _path("M1 7H31", style, hollow),
            mark(16, 7, style, hollow),
            viewbox="0 0 32 14",
            width=32,
            height=14,
            aria_hidden="true",
        )
        items.append(element("li", swatch, " ", name))
    return element("ul", items, class_="legend")


def frame(across: Scale, up: Scale, x_label: str, y_label: str) -> list[Markup]:
    """Grid lines, numbers and labels of two axes."""
    left, right = min(across.start, across.end), max(across.start, across.end)
    top, bottom = min(up.start, up.end), max(up.start, up.end)
    drawing = []
    for value in up.ticks:
        y = up(value)
        drawing.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        drawing.append(element("text", tick_text(value), x=left - 6, y=y + 4, class_="tick y-tick"))
    last = -math.inf
    for value in across.ticks:
        x = across(value)
        drawing.append(element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"))
        if x - last >= 9.0 + 6.0 * len(tick_text(value)):
            drawing.append(element("text", tick_text(value), x=x, y=bottom + 17, class_="tick x-tick"))
            last = x
    drawing.append(element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
    drawing.append(element("text", x_label, x=(left + right) / 2, y=bottom + 36, class_="axis-label"))
    middle = (top + bottom) / 2
    drawing.append(
        element("text", y_label, x=12, y=middle, transform=f"rotate(-90 12 {number(middle)})", class_="axis-label")
    )
    return drawing


def mark(x: float, y: float, style: int, hollow: bool = False, words: str = "") -> Markup:
    """The mark of a style, centred on a point."""
    style %= STYLES
    kind = f"mark s{style}{' hollow' if hollow else ''}"
    title = element("title", words) if words else None
    corners = _CORNERS[style]
    if corners is None:
        return element("circle", title, cx=x, cy=y, r=3.6, class_=kind)
    outline = "L".join(f"{number(x + dx)} {number(y + dy)}" for dx, dy in corners)
    return element("path", title, d=f"M{outline}Z", class_=kind)


_CORNERS: tuple[tuple[tuple[float, float], ...] | None, ...] = (
    None,
    ((-3.4, -3.4), (3.4, -3.4), (3.4, 3.4), (-3.4, 3.4)),
    ((0.0, -4.8), (4.5, 3.2), (-4.5, 3.2)),
    ((0.0, -4.8), (4.8, 0.0), (0.0, 4.8), (-4.8, 0.0)),
    ((-4.5, -3.2), (4.5, -3.2), (0.0, 4.8)),
    ((-1.5, -4.5), (1.5, -4.5), (1.5, 4.5), (-1.5, 4.5)),
    ((-4.5, -1.5), (4.5, -1.5), (4.5, 1.5), (-4.5, 1.5)),
    ((0.0, -4.6), (4.4, -1.4), (2.7, 3.7), (-2.7, 3.7), (-4.4, -1.4)),
)


def _line(line: Series, every: Sequence[Series], across: Scale, up: Scale) -> Markup:
    shift = _DODGE * (list(every).index(line) - (len(every) - 1) / 2)
    places = [(across(point.x) + shift, up(point.mean)) for point in line.points]
    drawing = [_path("M" + "L".join(f"{number(x)} {number(y)}" for x, y in places), line.style, line.hollow)]
    for point, (x, y) in zip(line.points, places, strict=True):
        if point.low is not None and point.high is not None:
            low, high = number(up(point.low)), number(up(point.high))
            drawing.append(element("path", d=f"M{number(x)} {low}V{high}", class_=f"interval s{line.style % STYLES}"))
        drawing.append(mark(x, y, line.style, line.hollow, point.words))
    return element("g", drawing, class_="series", data_series=line.name, data_shift=shift)


def _path(d: str, style: int, hollow: bool) -> Markup:
    dashes = "2 4" if hollow else _DASHES[style % STYLES]
    return element("path", d=d, class_=f"line s{style % STYLES}", stroke_dasharray=dashes or None)


def joined(charts: Sequence[Markup]) -> Markup:
    """Charts side by side where there is room."""
    return element("div", join(charts), class_="charts")
