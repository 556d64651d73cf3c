# SPDX-License-Identifier: Apache-2.0
"""Turned objects: cups, bowls, bottles, vases, jars, pots, with handles, spouts and lids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from eschernet_ros.corpus.draft import Draft, revolve, turn
from eschernet_ros.objects import textures as tx
from eschernet_ros.objects.shapes import Surface, tube

_Shape = tuple[float, float, float, float, float]

# kind: height over diameter, radii at five heights relative to the widest, open at the top
_KINDS: dict[str, tuple[tuple[float, float], tuple[tuple[float, float], ...], float]] = {
    "cup": ((0.7, 1.5), ((0.6, 1.0), (0.7, 1.0), (0.8, 1.0), (0.85, 1.0), (0.8, 1.0)), 1.0),
    "bowl": ((0.3, 0.6), ((0.3, 0.6), (0.6, 0.85), (0.8, 0.95), (0.9, 1.0), (0.9, 1.0)), 1.0),
    "plate": ((0.12, 0.22), ((0.4, 0.65), (0.55, 0.75), (0.7, 0.85), (0.85, 0.95), (1.0, 1.0)), 1.0),
    "bottle": ((1.8, 3.6), ((0.8, 1.0), (0.8, 1.0), (0.75, 1.0), (0.3, 0.75), (0.25, 0.45)), 0.15),
    "vase": ((1.1, 2.6), ((0.35, 1.0), (0.4, 1.0), (0.4, 1.0), (0.3, 1.0), (0.35, 1.0)), 0.8),
    "jar": ((0.8, 1.8), ((0.8, 1.0), (0.9, 1.0), (0.9, 1.0), (0.85, 1.0), (0.6, 0.95)), 0.1),
    "pot": ((0.55, 1.1), ((0.45, 0.8), (0.8, 1.0), (0.95, 1.0), (0.75, 1.0), (0.35, 0.8)), 0.2),
    "tin": ((0.35, 2.2), ((1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)), 0.25),
}


def _wall(rng: np.random.Generator, kind: str, height: float) -> NDArray[np.float64]:
    """Outer profile [N, 2] (radius, z), bottom to top, widest radius 0.5."""
    heights = np.array([0.0, rng.uniform(0.15, 0.3), rng.uniform(0.4, 0.55), rng.uniform(0.65, 0.82), 1.0])
    radii = np.array([rng.uniform(*bounds) for bounds in _KINDS[kind][1]])
    radii *= 0.5 / radii.max()
    if rng.random() < 0.25:
        z, radius = heights, radii  # conical pieces with edges
    else:
        z = np.linspace(0, 1, 20)
        radius = PchipInterpolator(heights, radii)(z)
    return np.column_stack([radius, z * height])


def vessel(draft: Draft) -> None:
    """A cup, bowl, plate, bottle, vase, jar, pot or tin."""
    rng = draft.rng
    kind = str(rng.choice(list(_KINDS), p=[0.2, 0.12, 0.05, 0.17, 0.16, 0.1, 0.12, 0.08]))
    height = rng.uniform(*_KINDS[kind][0])
    wall = _wall(rng, kind, height)
    rim = wall[-1, 0]
    draft.add(revolve(wall), draft.wrap(float(np.clip(2.4 / height, 1.0, 6.0))))
    foot = draft.plain_image(draft.colours[0])
    draft.add(revolve([(0.0, 0.0), (wall[0, 0], 0.0)]), foot)
    if rng.random() < _KINDS[kind][2]:
        _inside(draft, wall)
    elif kind == "tin":
        draft.add(revolve([(rim, height), (rim * 0.92, height), (rim * 0.92, height - 0.03), (0, height - 0.03)]), foot)
    else:
        _lid(draft, rim, height)
    radius_at = PchipInterpolator(wall[:, 1], wall[:, 0])
    chance = {"cup": 0.65, "pot": 0.75, "vase": 0.25, "jar": 0.15, "bowl": 0.12, "bottle": 0.1}.get(kind, 0.0)
    direction = rng.uniform(0, 360)
    if rng.random() < chance:
        image = draft.plain_image() if rng.random() < 0.8 else draft.wrap(0.5)
        shape = _handle_shape(rng, height)
        _handle(draft, radius_at, direction, image, shape)
        if rng.random() < 0.2:
            _handle(draft, radius_at, direction + 180, image, shape)
    if rng.random() < {"pot": 0.7, "cup": 0.06}.get(kind, 0.0):
        _spout(draft, radius_at, height, direction + rng.choice([180.0, 180.0, 90.0]))


def _inside(draft: Draft, wall: NDArray[np.float64]) -> None:
    thickness = draft.rng.uniform(0.025, 0.06)
    inner = wall[::-1] - [thickness, 0]
    inner = inner[(inner[:, 1] >= thickness) & (inner[:, 0] > 0.02)]
    floor = np.array([[0.0, inner[-1, 1] if len(inner) else wall[-1, 1]]])
    rim = wall[-1] - [thickness, 0]
    image = draft.plain_image() if draft.rng.random() < 0.7 else draft.wrap(2.0)
    draft.add(revolve([wall[-1], rim]), draft.plain_image(draft.colours[0]))
    for surface in revolve(np.concatenate([inner, floor])):  # seen from within, u runs the other way
        mirrored = np.column_stack([1 - surface.uv[:, 0], surface.uv[:, 1]])
        draft.add(Surface(surface.vertices, surface.faces, mirrored), image)


def _lid(draft: Draft, rim: float, height: float) -> None:
    """A lid, cap or stopper on the rim, often with a knob."""
    rng = draft.rng
    image = draft.wrap(5.0, plain=0.75)
    style = rng.integers(3)
    if style == 0:  # screw cap
        radius, tall = rim * rng.uniform(1.02, 1.2), rng.uniform(0.08, 0.3)
        low = height - 0.3 * tall
        draft.add(revolve([(rim * 0.9, low), (radius, low), (radius, low + tall), (0, low + tall)]), image)
        height = low + tall
    elif style == 1:  # dome
        angle = np.linspace(0, np.pi / 2, 9)
        tall = rim * rng.uniform(0.2, 0.9)
        dome = np.column_stack([rim * 1.03 * np.cos(angle), height + tall * np.sin(angle)])
        draft.add(revolve([(rim * 0.9, height - 0.01), *dome[:-1], (0.0, height + tall)]), image)
        height += tall
    else:
        draft.add(revolve([(rim, height), (0, height)]), image)
    if rng.random() < 0.55:
        radius = min(rim * 0.6, rng.uniform(0.06, 0.14))
        draft.blob((2 * radius, 2 * radius, 2.2 * radius), (0, 0, height + 0.7 * radius), segments=20)


def _handle_shape(rng: np.random.Generator, height: float) -> _Shape:
    """Thickness, lower and upper end, reach and squareness."""
    thickness = rng.uniform(0.04, 0.08)
    low, high = rng.uniform(0.12, 0.35) * height, rng.uniform(0.65, 0.92) * height
    return thickness, low, high, rng.uniform(0.15, 0.42), rng.uniform(0.35, 1.0)


def _handle(draft: Draft, radius_at: PchipInterpolator, direction: float, image: tx.Image, shape: _Shape) -> None:
    """A bent tube from the wall at one height to the wall at another."""
    thickness, low, high, reach, power = shape
    angle = np.linspace(-np.pi / 2, np.pi / 2, 15)
    z = (low + high) / 2 + (high - low) / 2 * np.sin(angle)
    base = np.interp(z, [low, high], [float(radius_at(low)), float(radius_at(high))])
    x = base - 0.02 + reach * np.cos(angle) ** power
    path = np.column_stack([x, np.zeros(15), z])
    draft.add(tube(path, thickness, draft.rng.uniform(0.7, 1.5), 14), image, rotation=turn("z", direction))


def _spout(draft: Draft, radius_at: PchipInterpolator, height: float, direction: float) -> None:
    rng = draft.rng
    start = rng.uniform(0.25, 0.55) * height
    base = float(radius_at(start)) - 0.05
    reach, rise = rng.uniform(0.3, 0.5), rng.uniform(0.75, 1.1) * height - start
    s = np.linspace(0, 1, 10)
    path = np.column_stack([base + reach * s, np.zeros(10), start + rise * s ** rng.uniform(1.0, 2.0)])
    radius = np.linspace(rng.uniform(0.09, 0.15), rng.uniform(0.04, 0.08), 10)
    draft.add(tube(path, radius, 1.0, 16), draft.plain_image(draft.colours[0]), rotation=turn("z", direction))
