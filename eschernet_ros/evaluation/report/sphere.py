# SPDX-License-Identifier: Apache-2.0
"""The view sphere: where references and targets stood, targets coloured by how well they came out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.report.chart import figure, frame
from eschernet_ros.evaluation.report.markup import Markup, element, number
from eschernet_ros.evaluation.report.scale import Scale

CLASSES = 5
"""Targets have so many colours, from the worst to the best."""

_SEEN_FROM_DEG = (-60.0, 25.0)
_RADIUS, _MIDDLE, _SIDE = 138.0, 150.0, 300
_MAP_WIDTH, _MAP_HEIGHT = 440, 300


@dataclass(frozen=True, eq=False)
class SpherePoint:
    """A camera on the sphere.

    Attributes:
        direction: unit vector [3] from the object to the camera, z up.
        label: number of a reference; not drawn for targets.
        rank: 0 (worst) to ``CLASSES`` - 1 (best) for a target's colour; None for a target without a score.
        words: shown when the pointer rests on it.
    """

    direction: NDArray[np.float64]
    label: str = ""
    rank: int | None = None
    words: str = ""


def classes(values: Sequence[float], higher_is_better: bool) -> tuple[list[int], list[tuple[float, float]]]:
    """Class of each value, 0 the worst, and the range of values of every class; the classes divide the range evenly.

    Raises:
        EscherNetError: no value, or one that is not finite.
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise EscherNetError("Classes of colour need values, all of them finite.")
    worst, best = min(values), max(values)
    if not higher_is_better:
        worst, best = best, worst
    edges = np.linspace(worst, best, CLASSES + 1)
    span = best - worst
    ranks = [0 if span == 0.0 else min(CLASSES - 1, int(CLASSES * (value - worst) / span)) for value in values]
    return ranks, [(float(edges[rank]), float(edges[rank + 1])) for rank in range(CLASSES)]


def view_sphere(references: Sequence[SpherePoint], targets: Sequence[SpherePoint], title: str) -> list[Markup]:
    """Two drawings: the sphere seen from one side, and unrolled, azimuth against elevation.

    Raises:
        EscherNetError: no camera at all.
    """
    if not references and not targets:
        raise EscherNetError(f"The view sphere '{title}' has no camera.")
    return [_globe(references, targets, title), _unrolled(references, targets, f"{title}, unrolled")]


def azimuth_elevation(direction: ArrayLike) -> tuple[float, float]:
    """Degrees, azimuth -180 to 180 and elevation -90 to 90, of a direction [3], z up."""
    x, y, z = np.asarray(direction, dtype=np.float64)
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def projected(direction: ArrayLike) -> tuple[float, float, float]:
    """Place of a direction [3] on the drawing of the sphere, and its depth: positive on the near side."""
    azimuth, elevation = np.radians(_SEEN_FROM_DEG)
    sin_a, cos_a, sin_e, cos_e = math.sin(azimuth), math.cos(azimuth), math.sin(elevation), math.cos(elevation)
    x, y, z = np.asarray(direction, dtype=np.float64)
    right = -sin_a * x + cos_a * y
    up = -sin_e * cos_a * x - sin_e * sin_a * y + cos_e * z
    near = cos_e * cos_a * x + cos_e * sin_a * y + sin_e * z
    return _MIDDLE + _RADIUS * right, _MIDDLE - _RADIUS * up, near


def _globe(references: Sequence[SpherePoint], targets: Sequence[SpherePoint], title: str) -> Markup:
    drawing = [element("circle", cx=_MIDDLE, cy=_MIDDLE, r=_RADIUS, class_="globe")]
    drawing += [_circle_on_sphere(_parallel(elevation)) for elevation in (-60, -30, 0, 30, 60)]
    drawing += [_circle_on_sphere(_meridian(azimuth)) for azimuth in range(0, 180, 30)]
    for azimuth in (0, 90, 180, 270):
        direction = (math.cos(math.radians(azimuth)), math.sin(math.radians(azimuth)), 0.0)
        x, y, near = projected(direction)
        if near > 0.0:
            drawing.append(element("text", f"{azimuth}°", x=x, y=y + 12, class_="tick x-tick"))
    cameras = [(projected(point.direction), point, False) for point in targets]
    cameras += [(projected(point.direction), point, True) for point in references]
    for (x, y, near), point, is_reference in sorted(cameras, key=lambda camera: camera[0][2]):
        drawing.append(_camera(x, y, point, is_reference, far=near < 0.0))
    return figure(drawing, title, _SIDE, _SIDE, "cameras")


def _unrolled(references: Sequence[SpherePoint], targets: Sequence[SpherePoint], title: str) -> Markup:
    across = Scale(-180.0, 180.0, 50.0, _MAP_WIDTH - 10.0, tuple(range(-180, 181, 60)))
    up = Scale(-90.0, 90.0, _MAP_HEIGHT - 44.0, 12.0, tuple(range(-90, 91, 30)))
    drawing = frame(across, up, "azimuth, degrees", "elevation, degrees")
    for points, is_reference in ((targets, False), (references, True)):
        for point in points:
            azimuth, elevation = azimuth_elevation(point.direction)
            drawing.append(_camera(across(azimuth), up(elevation), point, is_reference))
    return figure(drawing, title, _MAP_WIDTH, _MAP_HEIGHT, "unrolled")


def _camera(x: float, y: float, point: SpherePoint, is_reference: bool, far: bool = False) -> Markup:
    title = element("title", point.words) if point.words else None
    behind = " far" if far else ""
    if not is_reference:
        colour = "unscored" if point.rank is None else f"q{point.rank}"
        return element("circle", title, cx=x, cy=y, r=5, class_=f"target {colour}{behind}")
    square = element("rect", x=x - 7, y=y - 7, width=14, height=14, rx=2)
    label = element("text", point.label, x=x, y=y + 3.5) if point.label else None
    return element("g", title, square, label, class_=f"reference{behind}")


def _parallel(elevation_deg: float) -> NDArray[np.float64]:
    angles = np.radians(np.linspace(0.0, 360.0, 73))
    elevation = math.radians(elevation_deg)
    ring = [np.cos(angles) * math.cos(elevation), np.sin(angles) * math.cos(elevation)]
    return np.stack([*ring, np.full_like(angles, math.sin(elevation))], axis=1)


def _meridian(azimuth_deg: float) -> NDArray[np.float64]:
    """A whole great circle through both poles."""
    angles = np.radians(np.linspace(0.0, 360.0, 73))
    azimuth = math.radians(azimuth_deg)
    return np.stack([np.cos(angles) * math.cos(azimuth), np.cos(angles) * math.sin(azimuth), np.sin(angles)], axis=1)


def _circle_on_sphere(points: NDArray[np.float64]) -> Markup:
    """The near half of a circle on the sphere."""
    commands, drawn = [], False
    for direction in points:
        x, y, near = projected(direction)
        if near >= 0.0:
            commands.append(f"{'L' if drawn else 'M'}{number(x, 1)} {number(y, 1)}")
        drawn = near >= 0.0
    return element("path", d="".join(commands) or "M0 0", class_="grid")
