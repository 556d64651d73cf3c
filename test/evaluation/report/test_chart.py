# SPDX-License-Identifier: Apache-2.0
"""Charts show what they were given: values are read back from the places of the marks, by the ticks' numbers."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.report.chart import STYLES, ChartPoint, Series, legend, line_chart, scatter_chart


def ticks(svg, kind):
    """(place, number) of the numbers at an axis."""
    place = "x" if kind == "x-tick" else "y"
    return [(float(node[place]), float(node.text.replace("−", "-"))) for node in svg.all("text", kind)]


def value_at(marks, place, logarithmic=False):
    """The value at a place, by a line through the first and last tick."""
    (p, a), (q, b) = marks[0], marks[-1]
    share = (place - p) / (q - p)
    return math.exp(math.log(a) + share * math.log(b / a)) if logarithmic else a + share * (b - a)


def test_marks_and_intervals_lie_where_their_values_say(read):
    one = [ChartPoint(1, 12.5, 11.0, 13.5, "here"), ChartPoint(3, 14.25, 13.0, 16.0), ChartPoint(10, 19.0, 18.0, 20.5)]
    two = [ChartPoint(3, 10.0)]
    svg = read(
        line_chart([Series("model", one, 0), Series("other", two, 1)], "PSNR", "references", "dB", logarithmic=True)
    )
    across, up = ticks(svg, "x-tick"), [(y - 4.0, value) for y, value in ticks(svg, "y-tick")]
    assert [value for _, value in across] == [1, 3, 10]
    group = next(node for node in svg.all("g", "series") if node["data-series"] == "model")
    shift = float(group["data-shift"])
    circles = group.all("circle")
    for circle, point in zip(circles, one, strict=True):
        assert value_at(across, float(circle["cx"]) - shift, logarithmic=True) == pytest.approx(point.x, rel=1e-3)
        assert value_at(up, float(circle["cy"])) == pytest.approx(point.mean, abs=1e-3)
    assert circles[0].all("title")[0].text == "here"
    for path, point in zip(group.all("path", "interval"), one, strict=True):
        low, high = map(float, re.fullmatch(r"M[\d.]+ ([\d.]+)V([\d.]+)", path["d"]).groups())
        assert (value_at(up, low), value_at(up, high)) == pytest.approx((point.low, point.high), abs=1e-3)
    line = np.array([pair.split() for pair in group.all("path", "line")[0]["d"][1:].split("L")], float)
    assert line.tolist() == [[float(circle["cx"]), float(circle["cy"])] for circle in circles]
    assert not svg.all("g", "series")[1].all("path", "interval")


def test_several_charts_can_share_their_vertical_axis(read):
    def numbers(chart):
        return [node.text for node in read(chart).all("text", "y-tick")]

    low = [Series("model", [ChartPoint(0, 1.0), ChartPoint(1, 2.0)], 0)]
    high = [Series("model", [ChartPoint(0, 8.0), ChartPoint(1, 9.0)], 0)]
    extent = (1.0, 9.0)
    assert numbers(line_chart(low, "", "", "", also=extent)) == numbers(line_chart(high, "", "", "", also=extent))


def test_zero_is_marked_and_on_the_axis(read):
    svg = read(line_chart([Series("B - A", [ChartPoint(1, 3.0), ChartPoint(3, 4.0)], 0)], "", "", "", zero=True))
    (line,) = svg.all("line", "zero")
    zero = next(node for node in svg.all("text", "y-tick") if node.text == "0")
    assert float(line["y1"]) == float(line["y2"]) == float(zero["y"]) - 4.0


def test_dots_above_the_diagonal_are_more_in_b(read):
    svg = read(scatter_chart([ChartPoint(10.0, 14.0), ChartPoint(12.0, 11.0)], "each view", "A", "B"))
    across, up = ticks(svg, "x-tick"), [(y - 4.0, value) for y, value in ticks(svg, "y-tick")]
    places = [(value_at(across, float(dot["cx"])), value_at(up, float(dot["cy"]))) for dot in svg.all("circle", "dot")]
    assert np.allclose(places, [(10.0, 14.0), (12.0, 11.0)], atol=0.01)
    (diagonal,) = svg.all("line", "zero")
    for end in ("1", "2"):
        x, y = value_at(across, float(diagonal["x" + end])), value_at(up, float(diagonal["y" + end]))
        assert x == pytest.approx(y, abs=1e-3)


def test_every_style_has_its_own_mark_and_published_ones_are_hollow(read):
    shapes = set()
    for style in range(STYLES):
        svg = read(line_chart([Series("one", [ChartPoint(1, 1.0)], style)], "", "", ""))
        (mark,) = svg.all("path", "mark") + svg.all("circle", "mark")
        corners = np.array(re.findall(r"([\d.]+) ([\d.]+)", mark.attributes.get("d", "")), float).reshape(-1, 2)
        shapes.add(tuple(np.round(corners[1:] - corners[:-1], 1).ravel()))
    assert len(shapes) == STYLES
    items = read(legend([("ours", 0, False), ("theirs", 1, True)])).all("li")
    assert [item.text for item in items] == ["ours", "theirs"]
    assert [bool(item.all("path", "hollow") or item.all("circle", "hollow")) for item in items] == [False, True]


def test_names_are_escaped(read):
    svg = read(line_chart([Series('<b>"&', [ChartPoint(1, 1.0, words="<i>")], 0)], "<u>", "x < y", "&"))
    assert not svg.all("b") + svg.all("i") + svg.all("u")
    assert svg.all("g", "series")[0]["data-series"] == '<b>"&'


def test_a_chart_without_a_point_is_refused():
    with pytest.raises(EscherNetError, match="'PSNR' has no point"):
        line_chart([Series("model", [], 0)], "PSNR", "", "")
    with pytest.raises(EscherNetError, match="'each view' has no point"):
        scatter_chart([], "each view", "A", "B")
