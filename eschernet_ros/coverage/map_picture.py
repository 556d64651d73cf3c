# SPDX-License-Identifier: Apache-2.0
"""The view sphere as a map: azimuth to the right, elevation upwards, coloured by the angle to the nearest view."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from eschernet_ros.coverage.next_view import Suggestion
from eschernet_ros.coverage.view_coverage import FloatArray, ViewCoverage, angles_to_nearest

MAP_WIDTH, MAP_HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 18, 82, 92
_DETAIL = 2
"""The colours are computed for every second pixel and enlarged."""
_NEAR, _RIM = np.array([22, 101, 52]), np.array([187, 230, 190])
_FAR, _FARTHEST = np.array([254, 236, 190]), np.array([206, 72, 32])
_FAR_ANGLE = math.radians(120.0)
_INK, _FAINT, _LINE, _NEXT = "#1c1917", "#57534e", "#a8a29e", "#1d4ed8"
_CROWD = 60


def map_picture(
    coverage: ViewCoverage,
    suggestion: Suggestion | None = None,
    labels: Sequence[str] = (),
    title: str = "",
    mark_last: bool = False,
) -> NDArray[np.uint8]:
    """Draw the map, uint8 RGB [H, W, 3].

    Args:
        coverage: the views and the wanted band; what lies outside it is drawn pale.
        suggestion: the next viewpoint; None draws none.
        labels: a short text a view, for example its number; none at all: no texts.
        title: the upper line; the lower one says the numbers.
        mark_last: the last view is drawn black.
    """
    page = Image.new("RGB", (_LEFT + MAP_WIDTH + _RIGHT, _TOP + MAP_HEIGHT + _BOTTOM), "white")
    page.paste(
        Image.fromarray(_colours(coverage)).resize((MAP_WIDTH, MAP_HEIGHT), Image.Resampling.NEAREST), (_LEFT, _TOP)
    )
    pen = ImageDraw.Draw(page)
    _draw_axes(pen, coverage)
    small = ImageFont.load_default(11)
    texts = labels if labels and len(coverage) <= _CROWD else [""] * len(coverage)
    for number, (direction, text) in enumerate(zip(coverage.views, texts, strict=True)):
        x, y = _place(direction)
        newest = mark_last and number == len(coverage) - 1
        radius = 3 if len(coverage) > _CROWD else 9 if text else 5
        pen.ellipse(
            (x - radius, y - radius, x + radius, y + radius),
            fill=_INK if newest else "white",
            outline=_INK,
        )
        if text:
            pen.text((x, y), text, "white" if newest else _INK, small, anchor="mm")
    if suggestion is not None:
        _draw_next(pen, suggestion)
    pen.text((_LEFT, 10), title or "View sphere", _INK, ImageFont.load_default(18))
    pen.text((_LEFT, 38), coverage.sentence(), _FAINT, ImageFont.load_default(13))
    _draw_legend(pen, coverage, suggestion)
    return np.asarray(page).copy()


def _place(direction: FloatArray) -> tuple[float, float]:
    """Where a direction lies in the picture, px."""
    azimuth = math.atan2(direction[1], direction[0])
    elevation = math.asin(max(-1.0, min(1.0, float(direction[2]))))
    return (
        _LEFT + (azimuth + math.pi) / (2.0 * math.pi) * MAP_WIDTH,
        _TOP + (0.5 - elevation / math.pi) * MAP_HEIGHT,
    )


def _colours(coverage: ViewCoverage) -> NDArray[np.uint8]:
    """The map's colours [H / detail, W / detail, 3]."""
    rows, columns = MAP_HEIGHT // _DETAIL, MAP_WIDTH // _DETAIL
    elevation = (0.5 - (np.arange(rows) + 0.5) / rows) * math.pi
    azimuth = ((np.arange(columns) + 0.5) / columns - 0.5) * 2.0 * math.pi
    directions = np.stack(
        [
            np.cos(elevation)[:, None] * np.cos(azimuth),
            np.cos(elevation)[:, None] * np.sin(azimuth),
            np.broadcast_to(np.sin(elevation)[:, None], (rows, columns)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    colours = _scale(angles_to_nearest(directions, coverage.views), coverage.cover_angle)
    outside = ~coverage.band.contains(directions)
    colours[outside] = 0.2 * colours[outside] + 0.8 * np.array([236, 234, 232])
    return colours.reshape(rows, columns, 3).astype(np.uint8)


def _scale(angles: FloatArray, cover_angle: float) -> FloatArray:
    """Colours [N, 3] of angles [N]: green shades up to the cover angle, then from yellow to red."""
    within = np.clip(angles / cover_angle, 0.0, 1.0)[:, None]
    beyond = np.clip((angles - cover_angle) / max(_FAR_ANGLE - cover_angle, 1e-6), 0.0, 1.0)[:, None]
    covered = (angles <= cover_angle)[:, None]
    return np.where(covered, _NEAR + within * (_RIM - _NEAR), _FAR + beyond * (_FARTHEST - _FAR))


def _draw_axes(pen: ImageDraw.ImageDraw, coverage: ViewCoverage) -> None:
    font = ImageFont.load_default(12)
    right, bottom = _LEFT + MAP_WIDTH, _TOP + MAP_HEIGHT
    for azimuth in range(-180, 181, 45):
        x = _LEFT + (azimuth + 180) / 360 * MAP_WIDTH
        pen.line((x, bottom, x, bottom + 4), _FAINT)
        pen.text((x, bottom + 6), f"{azimuth}", _FAINT, font, anchor="ma")
    for elevation in range(-90, 91, 30):
        y = _TOP + (90 - elevation) / 180 * MAP_HEIGHT
        pen.line((_LEFT - 4, y, _LEFT, y), _FAINT)
        pen.text((_LEFT - 7, y), f"{elevation}", _FAINT, font, anchor="rm")
    for limit in (coverage.band.low, coverage.band.high):
        y = _TOP + (0.5 - limit / math.pi) * MAP_HEIGHT
        pen.line((_LEFT, y, right, y), _FAINT)
    pen.rectangle((_LEFT, _TOP, right, bottom), outline=_LINE)
    pen.text(
        (_LEFT + MAP_WIDTH / 2, bottom + 22),
        "azimuth about the object's z axis, deg; 0 is its x axis",
        _FAINT,
        font,
        anchor="ma",
    )
    pen.text((6, _TOP - 22), "elevation, deg", _FAINT, font)


def _draw_next(pen: ImageDraw.ImageDraw, suggestion: Suggestion) -> None:
    x, y = _place(suggestion.direction)
    for radius, colour, width in ((13, "white", 5), (13, _NEXT, 3)):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)
    pen.line((x - 6, y, x + 6, y), _NEXT, 2)
    pen.line((x, y - 6, x, y + 6), _NEXT, 2)


def _draw_legend(pen: ImageDraw.ImageDraw, coverage: ViewCoverage, suggestion: Suggestion | None) -> None:
    font = ImageFont.load_default(12)
    top = _TOP + MAP_HEIGHT + 48
    width, longest = 260, 180.0
    angles = np.radians(np.linspace(0.0, longest, width))
    for step, colour in enumerate(_scale(angles, coverage.cover_angle).astype(int).tolist()):
        pen.line((_LEFT + step, top, _LEFT + step, top + 12), tuple(colour))
    for angle in (0.0, math.degrees(coverage.cover_angle), 90.0, 180.0):
        pen.text((_LEFT + angle / longest * width, top + 15), f"{angle:g}", _FAINT, font, anchor="ma")
    pen.text((_LEFT + width + 30, top - 1), "deg to the nearest view", _FAINT, font)
    if suggestion is not None:
        pen.text((_LEFT + width + 30, top + 15), f"next (blue): {suggestion.sentence()}", _NEXT, font)
