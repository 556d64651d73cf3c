# SPDX-License-Identifier: Apache-2.0
"""Boxes, extruded outlines, furniture and buildings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.corpus import paint
from eschernet_ros.corpus.draft import Draft, turn
from eschernet_ros.objects.shapes import extrusion


def carton(draft: Draft) -> None:
    """A box of any proportions with prints, sometimes with a second one or a lid."""
    rng = draft.rng
    size = rng.uniform(0.18, 1.0, 3)
    size /= size.max()
    x, y, z = (float(s) for s in size)
    draft.printed_box((x, y, z), (0, 0, 0), plain=min(draft.plain, 0.5))
    extra = rng.random()
    if extra < 0.15:
        lid = rng.uniform(0.04, 0.15)
        draft.printed_box((x * 1.06, y * 1.06, lid), (0, 0, z / 2 + lid / 2 - 0.02), colours=draft.shuffled())
    elif extra < 0.25:
        small = rng.uniform(0.3, 0.9, 3) * size
        at = (rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), z / 2 + small[2] / 2 - 0.005)
        colours = draft.shuffled()
        draft.printed_box(
            (float(small[0]), float(small[1]), float(small[2])), at, turn("z", rng.uniform(-30, 30)), colours=colours
        )
    elif extra < 0.32:
        radius = float(rng.uniform(0.15, 0.4) * min(x, y))
        draft.cylinder(radius, 0.15, (0, 0, z / 2 + 0.07), side=draft.plain_image())


def _outline(rng: np.random.Generator) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """A star-shaped polygon [N, 2] within about [-0.5, 0.5], and a point that sees all of it."""
    kind = rng.integers(9)
    if kind == 0:  # regular polygon
        angle = 2 * np.pi * np.arange(n := int(rng.integers(3, 9))) / n + np.pi / 2
        return 0.5 * np.column_stack([np.cos(angle), np.sin(angle)]), (0, 0)
    if kind == 1:  # star
        n = int(rng.integers(4, 9))
        angle = np.pi * np.arange(2 * n) / n + np.pi / 2
        reach = np.where(np.arange(2 * n) % 2 == 0, 0.5, rng.uniform(0.22, 0.38))
        return np.column_stack([reach * np.cos(angle), reach * np.sin(angle)]), (0, 0)
    if kind == 2:  # gear
        n = int(rng.integers(6, 12))
        angle = np.pi * np.arange(4 * n) / (2 * n)
        reach = np.where(np.arange(4 * n) % 4 < 2, 0.5, rng.uniform(0.36, 0.44))
        return np.column_stack([reach * np.cos(angle), reach * np.sin(angle)]), (0, 0)
    if kind == 3:  # house with a gable
        wall, roof, eave = rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.5), rng.uniform(0, 0.12)
        half = rng.uniform(0.25, 0.4)
        gable = [(half + eave, wall), (0.0, wall + roof), (-half - eave, wall)] if eave > 0.03 else [(0.0, wall + roof)]
        house = [(-half, 0.0), (half, 0.0), (half, wall), *gable, (-half, wall)]
        return np.array(house), (0, wall + 0.2 * roof)
    if kind == 4:  # L
        a, b = rng.uniform(0.25, 0.5, 2)
        sign = rng.choice([-1.0, 1.0])
        points = np.array([(0, 0), (1, 0), (1, a), (b, a), (b, 1), (0, 1)]) - 0.5
        if sign < 0:
            points = points[::-1] * [-1, 1]
        return points, (float(sign * (b / 2 - 0.5)), float(a / 2 - 0.5))
    if kind == 5:  # plus
        a = rng.uniform(0.12, 0.25)
        quarter = np.array([(0.5, -a), (0.5, a), (a, a)])
        return np.concatenate([quarter @ turn("z", 90.0 * i)[:2, :2].T for i in range(4)]), (0, 0)
    if kind == 6:  # heart
        t = 2 * np.pi * np.arange(28) / 28 + 0.05
        y = 16 * np.sin(t) ** 3
        z = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        return np.column_stack([-y, z]) / 34, (0, 0.05)
    if kind == 7:  # arrow
        shaft, head = rng.uniform(0.1, 0.2), rng.uniform(0.3, 0.5)
        points = np.array([(-shaft, -0.5), (shaft, -0.5), (shaft, 0), (head, 0), (0, 0.5), (-head, 0), (-shaft, 0)])
        return points, (0, 0.1)
    n = int(rng.integers(16, 30))  # soft random shape
    angle = 2 * np.pi * np.arange(n) / n
    waves = np.arange(1, 5)[:, None]
    ripple = rng.uniform(-0.06, 0.06, (4, 1)) * np.cos(waves * angle + rng.uniform(0, 2 * np.pi, (4, 1)))
    soft = 0.4 + ripple.sum(axis=0)
    return np.column_stack([soft * np.cos(angle), soft * np.sin(angle)]), (0, 0)


def extruded(draft: Draft) -> None:
    """An extruded outline, upright or lying, sometimes on a foot or with a second one on top."""
    rng = draft.rng
    outline, kernel = _outline(rng)
    depth = float(rng.uniform(0.18, 0.9))
    lying = rng.random() < 0.3
    rotation = turn("y", -90) if lying else None
    parts = extrusion(outline, depth, kernel)
    front = paint.panel(rng, draft.colours, 1.0, draft.plain)
    draft.add(parts["front"], front, rotation=rotation)
    back = front if rng.random() < 0.2 else paint.panel(rng, draft.shuffled(), 1.0, draft.plain)
    draft.add(parts["back"], back, rotation=rotation)
    sides = [surface for name, surface in parts.items() if name.startswith("side")]
    if rng.random() < 0.35 and len(sides) < 10:
        images = [draft.plain_image() for _ in range(3)]
        for i, side in enumerate(sides):
            draft.add(side, images[i % 3], rotation=rotation)
    else:
        draft.add(sides, draft.wrap(4.0), rotation=rotation)
    if rng.random() < 0.2:
        low = -depth / 2 if lying else float(outline[:, 1].min())
        thick = float(rng.uniform(0.06, 0.15))
        draft.printed_box((float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.6, 1.1)), thick), (0, 0, low - thick / 2))
    elif rng.random() < 0.15 and lying:
        second = float(rng.uniform(0.15, 0.4))
        scale = rng.uniform(0.4, 0.85)
        small = extrusion(outline * scale, second, np.array(kernel) * scale)
        draft.add(small.values(), draft.plain_image(), (0, 0, depth / 2 + second / 2), rotation)


def furniture(draft: Draft) -> None:
    """A chair, table, stool, bench or cabinet."""
    rng = draft.rng
    kind = rng.choice(["chair", "table", "cabinet", "sofa"])
    x, y = rng.uniform(0.4, 0.9), rng.uniform(0.4, 1.0)
    leg = float(rng.uniform(0.05, 0.1))
    wood = draft.colour()
    if kind in ("chair", "table"):
        high = rng.uniform(0.3, 0.75)
        thick = float(rng.uniform(0.05, 0.12))
        draft.printed_box((x, y, thick), (0, 0, high))
        round_leg = rng.random() < 0.4
        for i in (-1, 1):
            for j in (-1, 1):
                at = (i * (x / 2 - leg / 2), j * (y / 2 - leg / 2), high / 2 - thick / 4)
                if round_leg:
                    draft.cylinder(leg / 2, high, at, side=draft.plain_image(wood), segments=16)
                else:
                    draft.plain_box((leg, leg, high), at, colour=wood)
        if kind == "chair":
            tall = rng.uniform(0.3, 0.8)
            draft.printed_box((leg, y, tall), (-x / 2 + leg / 2, 0, high + tall / 2), colours=draft.shuffled())
            if rng.random() < 0.4:
                for j in (-1, 1):
                    draft.plain_box((x * 0.9, leg, leg), (0, j * (y / 2 - leg / 2), high + 0.22), colour=wood)
                    draft.plain_box((leg, leg, 0.2), (x / 3, j * (y / 2 - leg / 2), high + 0.12), colour=wood)
        elif rng.random() < 0.5:
            draft.blob((0.2, 0.2, 0.25), (rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2), high + 0.15))
    elif kind == "cabinet":
        z = rng.uniform(0.4, 1.2)
        draft.printed_box((x * 0.7, y, z), (0, 0, z / 2), plain=0.6)
        rows = int(rng.integers(1, 5))
        for row in range(rows):
            at = (x * 0.35 + 0.01, 0, z * (row + 0.5) / rows)
            draft.printed_box((0.03, y * 0.86, z / rows * 0.82), at, plain=0.7, colours=draft.shuffled())
            draft.blob((0.07, 0.07, 0.07), (x * 0.35 + 0.05, rng.choice([-0.3, 0.0, 0.3]) * y, at[2]), segments=12)
    else:
        seat, back, arm = rng.uniform(0.2, 0.35), rng.uniform(0.5, 0.8), rng.uniform(0.1, 0.2)
        draft.printed_box((x, y, seat), (0, 0, seat / 2))
        draft.printed_box((arm, y, back), (-x / 2, 0, back / 2), colours=draft.shuffled())
        colours = draft.shuffled()
        for j in (-1, 1):
            draft.printed_box((x, arm, seat + 0.15), (0, j * y / 2, seat / 2 + 0.075), colours=colours)


def building(draft: Draft) -> None:
    """Stacked boxes with windows, roofs, towers and chimneys; or toy blocks."""
    rng = draft.rng
    z = 0.0
    x, y = rng.uniform(0.4, 0.9, 2)
    blocks = rng.random() < 0.35
    for _ in range(int(rng.integers(1, 5))):
        tall = float(rng.uniform(0.2, 0.6))
        at = (float(rng.uniform(-0.05, 0.05)), float(rng.uniform(-0.05, 0.05)), z + tall / 2)
        rotation = turn("z", rng.uniform(-25, 25)) if blocks else None
        draft.printed_box((float(x), float(y), tall), at, rotation, colours=draft.shuffled())
        z += tall
        x, y = (x, y) if rng.random() < 0.2 else rng.uniform(0.5, 1.0, 2) * (x, y)
        if x < 0.2 or y < 0.2:
            break
    roof = rng.integers(5)
    x, y, tall = float(max(x, 0.25)), float(max(y, 0.25)), float(rng.uniform(0.2, 0.5))
    if roof == 0:
        parts = extrusion([(-y / 2 - 0.05, 0), (y / 2 + 0.05, 0), (0, tall)], x + 0.08, (0, tall / 3))
        image = draft.wrap(3.0)
        draft.add(parts.values(), image, (0, 0, z))
    elif roof == 1:
        draft.cylinder(0.55 * max(x, y), tall, (0, 0, z + tall / 2), side=draft.wrap(2.0), top=0.0)
    elif roof == 2:
        draft.blob((x, y, tall * 2), (0, 0, z), draft.wrap(2.0))
    elif roof == 3:
        draft.cylinder(0.3 * min(x, y), tall, (0, 0, z + tall / 2), side=draft.wrap(2.0))
    if rng.random() < 0.4:
        at = (float(rng.choice([-1, 1])) * 0.3, float(rng.choice([-1, 1])) * 0.3, 0.3)
        tower = float(rng.uniform(0.5, 1.2))
        radius = float(rng.uniform(0.08, 0.16))
        draft.cylinder(radius, tower, (at[0], at[1], tower / 2), side=draft.wrap(1.0))
        draft.cylinder(radius * 1.3, 0.25, (at[0], at[1], tower + 0.12), side=draft.plain_image(), top=0.0)
