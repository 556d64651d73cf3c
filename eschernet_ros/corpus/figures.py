# SPDX-License-Identifier: Apache-2.0
"""Soft figures of superquadrics, vehicles, and free compounds of primitives."""

from __future__ import annotations

import numpy as np

from eschernet_ros.corpus.draft import Draft, Vector, revolve, turn
from eschernet_ros.objects.shapes import extrusion, tube


def _exponents(rng: np.random.Generator) -> tuple[float, float]:
    soft = rng.random()
    if soft < 0.5:
        return 1.0, 1.0
    return float(rng.uniform(0.25, 1.4)), float(rng.uniform(0.25, 1.4))


def _triple(rng: np.random.Generator, low: float, high: float) -> Vector:
    x, y, z = rng.uniform(low, high, 3)
    return float(x), float(y), float(z)


def animal(draft: Draft) -> None:
    """Body, head, snout or beak, eyes, and some of legs, wings, ears and tail."""
    rng = draft.rng
    long, wide, high = rng.uniform(0.5, 1.0), rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.7)
    leg = rng.choice([0.0, rng.uniform(0.12, 0.45)])
    middle = leg + high / 2
    body = draft.wrap(2.0)
    draft.blob((long, wide, high), (0, 0, middle), body, (1.0, 1.0) if rng.random() < 0.7 else (0.6, 0.7))
    head = rng.uniform(0.25, 0.5)
    forward = rng.uniform(0.2, 0.55) * long
    up = leg + high * rng.uniform(0.7, 1.0) + head * rng.uniform(0.1, 0.6)
    head_image = draft.plain_image(draft.colours[0]) if rng.random() < 0.4 else draft.wrap(2.0)
    draft.blob((head, head * rng.uniform(0.8, 1.1), head * rng.uniform(0.8, 1.2)), (forward, 0, up), head_image)
    neck = np.array([[0.6 * forward, 0, middle], [0.8 * forward, 0, (middle + up) / 2], [forward, 0, up]])
    draft.add(tube(neck, head * rng.uniform(0.2, 0.4), 1.0, 16), draft.plain_image(draft.colours[0]))
    snout = rng.uniform(0.15, 0.3)
    size = (snout, snout * rng.uniform(0.4, 1.0), snout * rng.uniform(0.3, 0.9))
    draft.blob(size, (forward + head * 0.5, 0, up - 0.1 * head), draft.plain_image(), segments=20)
    dark = draft.plain_image((25, 25, 28))
    eye = head * rng.uniform(0.14, 0.25)
    for side in (-1, 1):
        at = (forward + head * 0.36, side * head * 0.26, up + head * 0.18)
        draft.blob((eye, eye, eye), at, dark, segments=12)
    limb = draft.plain_image()
    if leg > 0:
        pairs = [-0.28, 0.28] if rng.random() < 0.7 else [0.0]
        radius = rng.uniform(0.05, 0.1)
        for along in pairs:
            for side in (-1, 1):
                at = (along * long, side * 0.28 * wide, leg / 2 + 0.05)
                draft.cylinder(radius, leg + 0.2 * high, at, side=limb, segments=14)
    if rng.random() < 0.5:  # wings
        wing = draft.plain_image() if rng.random() < 0.6 else draft.wrap(1.0)
        for side in (-1, 1):
            rotation = turn("x", side * rng.uniform(0, 30))
            draft.blob((long * 0.55, 0.12, high * 0.55), (-0.05, side * wide * 0.5, middle), wing, rotation=rotation)
    if rng.random() < 0.6:  # ears
        tall = head * rng.uniform(0.3, 0.9)
        ear = draft.plain_image()
        for side in (-1, 1):
            at = (forward - 0.05 * head, side * head * 0.3, up + head * 0.45)
            draft.blob((0.3 * tall, 0.5 * tall, tall), at, ear, segments=14, rotation=turn("x", -side * 15))
    if rng.random() < 0.7:  # tail
        end = np.array([-long / 2 - rng.uniform(0.1, 0.35), 0, middle + rng.uniform(-0.1, 0.35)])
        start = np.array([-long * 0.4, 0, middle])
        bend = (start + end) / 2 + [0, 0, rng.uniform(-0.1, 0.1)]
        thick = rng.uniform(0.04, 0.1)
        draft.add(tube([start, bend, end], [thick, thick * 0.9, thick * 0.6], 1.0, 14), draft.plain_image())


def stack(draft: Draft) -> None:
    """Two to four superquadrics or drums on top of each other: snowmen, chess men, lamps; at times with arms."""
    rng = draft.rng
    z = 0.0
    width = rng.uniform(0.45, 0.75)
    for level in range(int(rng.integers(2, 5))):
        size = (width, width * rng.uniform(0.8, 1.1), rng.uniform(0.25, 0.6))
        image = draft.wrap(2.0)
        if rng.random() < 0.7:
            draft.blob(size, (0, 0, z + size[2] / 2), image, _exponents(rng))
            z += size[2] * 0.82
        else:
            draft.cylinder(size[0] / 2, size[2], (0, 0, z + size[2] / 2), side=image, top=float(rng.uniform(0.5, 1.0)))
            z += size[2] - 0.01
        if level == 0 and rng.random() < 0.4:
            arm = draft.plain_image()
            for side in (-1, 1):
                points = [
                    (0.0, 0.35 * width, 0.75 * z),
                    (0.025, 0.525 * width, 0.825 * z + 0.03),
                    (0.05, 0.7 * width, 0.9 * z),
                ]
                path = np.array(points) * [1, side, 1]
                draft.add(tube(path, rng.uniform(0.05, 0.08), 1.0, 12), arm)
        width *= rng.uniform(0.55, 1.05)
    if rng.random() < 0.6:
        nose = rng.uniform(0.08, 0.2)
        draft.blob((nose * 1.6, nose, nose), (width * 0.6, 0, z - 0.12), segments=14)
    if rng.random() < 0.4:
        hat = draft.plain_image()
        draft.cylinder(width * 0.55, 0.05, (0, 0, z + 0.02), side=hat)
        draft.cylinder(width * 0.35, 0.22, (0, 0, z + 0.12), side=hat, top=float(rng.choice([1.0, 0.05])))


def blobs(draft: Draft) -> None:
    """One to five superquadrics at random places of one body."""
    rng = draft.rng
    size = _triple(rng, 0.45, 1.0)
    draft.blob(size, (0, 0, 0), draft.wrap(2.0), _exponents(rng), segments=40)
    for _ in range(int(rng.integers(0, 5))):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        at = direction * np.array(size) * 0.45
        draft.blob(
            _triple(rng, 0.2, 0.55), at, draft.wrap(2.0), _exponents(rng), turn("z", rng.uniform(0, 360)), segments=28
        )


def vehicle(draft: Draft) -> None:
    """A car, truck, bus or wagon: an outline from the side, cabin, load, wheels and lights."""
    rng = draft.rng
    long, wide, high = rng.uniform(0.8, 1.3), rng.uniform(0.4, 0.65), rng.uniform(0.18, 0.35)
    wheel = float(rng.uniform(0.1, 0.19))
    floor = wheel * 0.8
    colours = draft.shuffled()
    draft.printed_box((long, wide, high), (0, 0, floor + high / 2), colours=draft.colours)
    top = floor + high
    cabin = rng.uniform(0.2, 0.45)
    kind = rng.integers(4)
    if kind == 0:  # sloped cabin
        at, run = rng.uniform(-0.15, 0.1) * long, rng.uniform(0.45, 0.7) * long
        outline = np.array([(-run / 2, 0), (run / 2, 0), (run * 0.3, cabin), (-run * rng.uniform(0.25, 0.5), cabin)])
        parts = extrusion(outline, wide * 0.9, (0, cabin / 2))
        rotation = turn("z", -90)  # outline's y along the vehicle
        glass = draft.plain_image((60, 70, 85) if rng.random() < 0.6 else None)
        roof = draft.plain_image(draft.colours[0])
        for name, surface in parts.items():
            image = roof if name == "side2" else glass
            draft.add(surface, image, (at, 0, top), rotation)
    elif kind == 1:  # cabin in front, load behind
        draft.printed_box((long * 0.3, wide * 0.95, cabin), (long * 0.33, 0, top + cabin / 2), colours=colours)
        choice = rng.random()
        if choice < 0.4:
            tall = rng.uniform(0.2, 0.5)
            draft.printed_box((long * 0.6, wide, tall), (-long * 0.18, 0, top + tall / 2), colours=draft.shuffled())
        elif choice < 0.7:
            draft.cylinder(wide * 0.45, long * 0.58, (-long * 0.18, 0, top + wide * 0.4), "x", draft.wrap(1.5))
        else:
            for _ in range(3):
                lying = (-long * rng.uniform(0.0, 0.4), wide * rng.uniform(-0.25, 0.25), top + 0.1)
                draft.blob(_triple(rng, 0.2, 0.3), lying, segments=16)
    elif kind == 2:  # bus
        draft.printed_box((long * 0.97, wide * 0.97, cabin), (0, 0, top + cabin / 2), colours=colours, plain=0.3)
    else:  # engine: boiler and chimney
        radius = wide * rng.uniform(0.3, 0.45)
        draft.cylinder(radius, long * 0.6, (long * 0.15, 0, top + radius * 0.8), "x", draft.wrap(1.5))
        draft.cylinder(0.07, 0.3, (long * 0.3, 0, top + radius * 1.6 + 0.1), top=1.3)
        draft.printed_box((long * 0.3, wide, cabin + 0.15), (-long * 0.33, 0, top + cabin / 2 + 0.07), colours=colours)
    tyre = draft.plain_image((35, 35, 38) if rng.random() < 0.7 else None)
    hub = draft.plain_image()
    axles = np.linspace(-0.33, 0.33, int(rng.choice([2, 2, 3]))) * long
    for along in axles:
        for side in (-1, 1):
            axle = (along, side * wide * 0.5, wheel)
            draft.cylinder(wheel, 0.12, axle, "y", tyre, segments=24)
            draft.cylinder(wheel * 0.5, 0.15, axle, "y", hub, segments=16)
    light = draft.plain_image((250, 235, 170) if rng.random() < 0.6 else None)
    for side in (-1, 1):
        draft.blob((0.08, 0.1, 0.1), (long / 2, side * wide * 0.32, floor + high * 0.55), light, segments=12)


def compound(draft: Draft) -> None:
    """A body with two to six primitives attached to it, often in mirrored pairs."""
    rng = draft.rng
    size = np.array(_triple(rng, 0.35, 0.9))
    x, y, z = (float(s) for s in size)
    body = rng.integers(4)
    if body == 0:
        draft.printed_box((x, y, z), (0, 0, 0))
    elif body == 1:
        radius = min(x, y) / 2 + 0.05
        size[:2] = 2 * radius
        cap = draft.wrap(1.0)
        draft.cylinder(radius, z, (0, 0, 0), side=draft.wrap(2.0), cap=cap, top=float(rng.uniform(0.6, 1)))
    elif body == 2:
        draft.blob((x, y, z), (0, 0, 0), draft.wrap(2.0), _exponents(rng))
    else:
        size[:] = (y, x, y)
        draft.cylinder(y / 2, x, (0, 0, 0), "y", draft.wrap(2.0), draft.wrap(1.0))
    for _ in range(int(rng.integers(1, 5))):
        axis = int(rng.choice(3, p=[0.35, 0.35, 0.3]))
        sign = float(rng.choice([-1.0, 1.0]))
        at = rng.uniform(-0.3, 0.3, 3) * size
        at[axis] = sign * size[axis] / 2
        mirrored = axis == 1 and rng.random() < 0.6
        _attach(draft, at, axis, mirrored)


def _attach(draft: Draft, at: np.ndarray, axis: int, mirrored: bool) -> None:
    rng = draft.rng
    kind = rng.integers(5)
    image = draft.plain_image() if rng.random() < 0.5 else draft.wrap(2.0)
    extent = _triple(rng, 0.12, 0.4)
    colours = draft.shuffled()
    for place in [at, at * [1, -1, 1]] if mirrored else [at]:
        if kind == 0:
            draft.printed_box(extent, place, colours=colours)
        elif kind == 1:
            draft.cylinder(extent[0] / 2, extent[1] * 1.5, place, "xyz"[axis], image, segments=24)
        elif kind == 2:
            draft.blob(extent, place, image, segments=24)
        elif kind == 3:
            rotation = {0: turn("y", 90), 1: turn("x", -90), 2: np.eye(3)}[axis]
            if at[axis] < 0:
                rotation = rotation @ turn("x", 180)
            flip = turn("x", 180) if place is not at else np.eye(3)
            shape = revolve([(0, 0), (extent[0] / 1.6, 0), (0.01, extent[1] * 1.4), (0, extent[1] * 1.4)], 24)
            draft.add(shape, image, place, flip @ rotation)
        else:
            angle = np.linspace(0, 2 * np.pi, 13)
            thick = 0.2 * extent[1]
            ring = np.column_stack([extent[0] / 1.6 + thick * np.cos(angle), thick * np.sin(angle)])
            rotation = {0: turn("y", 90), 1: turn("x", 90), 2: np.eye(3)}[axis if rng.random() < 0.5 else 2]
            draft.add(revolve(ring, 28, corner=90), image, place, rotation)
