# SPDX-License-Identifier: Apache-2.0
"""Random colours and prints for the corpus objects."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from eschernet_ros.objects import textures as tx

Colours = tuple[tx.Colour, ...]


def _hsv(hue: float, saturation: float, value: float) -> tx.Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, float(np.clip(saturation, 0, 1)), float(np.clip(value, 0, 1)))
    return round(255 * red), round(255 * green), round(255 * blue)


def _random_colour(rng: np.random.Generator) -> tx.Colour:
    """One colour: mostly vivid, also pastel, dark, and white, grey or black."""
    kind = rng.choice(5, p=[0.45, 0.18, 0.12, 0.17, 0.08])
    hue = rng.random()
    if kind == 0:
        return _hsv(hue, rng.uniform(0.6, 1.0), rng.uniform(0.6, 1.0))
    if kind == 1:
        return _hsv(hue, rng.uniform(0.15, 0.45), rng.uniform(0.8, 1.0))
    if kind == 2:
        return _hsv(hue, rng.uniform(0.4, 1.0), rng.uniform(0.2, 0.5))
    if kind == 3:
        return _hsv(hue, rng.uniform(0.0, 0.1), rng.choice([rng.uniform(0.85, 1.0), rng.uniform(0.35, 0.8)]))
    return _hsv(hue, rng.uniform(0.0, 0.25), rng.uniform(0.06, 0.25))


def palette(rng: np.random.Generator) -> Colours:
    """Five colours (r, g, b) in 0..255; the first is the body's."""
    kind = rng.random()
    if kind < 0.25:
        colours = tx.PALETTES[rng.integers(len(tx.PALETTES))]
        return tuple(colours[i] for i in rng.permutation(len(colours)))
    if kind < 0.45:  # shades about one hue, one accent across the circle
        hue = rng.random()
        shades = [
            _hsv(hue + rng.normal(0, 0.04), rng.uniform(0.1, 0.95), value)
            for value in rng.permutation([0.98, 0.8, 0.55, 0.3])
        ]
        return (*shades[:2], _hsv(hue + rng.uniform(0.35, 0.65), rng.uniform(0.6, 1), rng.uniform(0.7, 1)), *shades[2:])
    return tuple(_random_colour(rng) for _ in range(5))


def contrast(colours: Colours, ground: tx.Colour) -> tx.Colour:
    """The colour of the set that differs most from ``ground``; black or white when all are close to it."""
    candidates = [*colours, (20, 20, 22), (250, 250, 250)]
    far = [sum(abs(a - b) for a, b in zip(c, ground, strict=True)) for c in candidates]
    best = int(np.argmax(far[: len(colours)])) if max(far[: len(colours)]) > 200 else int(np.argmax(far))
    return candidates[best]


def _some(rng: np.random.Generator, colours: Colours, count: int) -> list[tx.Colour]:
    return [colours[i] for i in rng.choice(len(colours), count, replace=False)]


def gradient(size: tuple[int, int], low: tx.Colour, high: tx.Colour, upright: bool) -> tx.Image:
    """A blend from ``low`` (left or bottom) to ``high``; (width, height) in pixels."""
    width, height = size
    ramp = np.linspace(1, 0, height)[:, None] if upright else np.linspace(0, 1, width)[None, :]
    blended = np.array(low, float) + ramp[..., None] * (np.array(high, float) - np.array(low, float))
    return np.round(np.broadcast_to(blended, (height, width, 3))).astype(np.uint8)


def stamp(
    image: tx.Image,
    rng: np.random.Generator,
    colours: Colours,
    centre: tuple[float, float],
    size: float,
) -> None:
    """Draw one mark, ``size`` pixels large, at a pixel (x, y): a glyph, star, word, disc, face, cross or panel."""
    x, y = round(centre[0]), round(centre[1])
    ground = tuple(int(c) for c in image[min(max(y, 0), image.shape[0] - 1), min(max(x, 0), image.shape[1] - 1)])
    ink = contrast(colours, (ground[0], ground[1], ground[2]))
    second = colours[rng.integers(len(colours))]
    half = size / 2
    kind = rng.integers(8)
    if kind == 0:
        tx.draw_glyph(image, centre, size, ink, int(rng.integers(1 << 30)))
    elif kind == 1:
        tx.draw_star(image, centre, half, int(rng.integers(3, 9)), ink)
    elif kind == 2:
        tx.draw_text(image, tx.word(int(rng.integers(1 << 30)), int(rng.integers(1, 4))), centre, size, ink)
    elif kind == 3:
        cv2.circle(image, (x, y), round(half), ink, -1, cv2.LINE_AA)
        if rng.random() < 0.6:
            cv2.circle(image, (x, y), round(half * rng.uniform(0.3, 0.7)), second, -1, cv2.LINE_AA)
    elif kind == 4:
        for side in (-1, 1):
            eye = (round(x + side * 0.22 * size), round(y - 0.15 * size))
            cv2.circle(image, eye, max(2, round(0.11 * size)), ink, -1, cv2.LINE_AA)
        cv2.ellipse(image, (x, y), (round(0.33 * size), round(0.3 * size)), 0, 20, 160, ink, max(2, round(0.07 * size)))
    elif kind == 5:
        arm = round(half * rng.uniform(0.25, 0.45))
        cv2.rectangle(image, (x - arm, round(y - half)), (x + arm, round(y + half)), ink, -1)
        cv2.rectangle(image, (round(x - half), y - arm), (round(x + half), y + arm), ink, -1)
    elif kind == 6:
        high = half * rng.uniform(0.5, 1.0)
        cv2.rectangle(image, (round(x - half), round(y - high)), (round(x + half), round(y + high)), ink, -1)
        stamp_word = tx.word(int(rng.integers(1 << 30)), int(rng.integers(1, 4)))
        tx.draw_text(image, stamp_word, centre, 0.8 * size, contrast(colours, ink))
    else:
        digit = "0123456789ABCDEFHKLMNPRSTXZ"[rng.integers(27)]
        tx.draw_text(image, digit, centre, size * 0.6, ink)


def pattern(rng: np.random.Generator, size: tuple[int, int], colours: Colours, plain: float = 0.4) -> tx.Image:
    """A print that covers a surface, (width, height) in pixels; plain colour with the given probability."""
    width, height = size
    ground = colours[0]
    if rng.random() < plain:
        return tx.solid(size, ground)
    one, two, three = _some(rng, colours, 3)
    kind = rng.choice(9, p=[0.14, 0.14, 0.1, 0.12, 0.12, 0.1, 0.14, 0.07, 0.07])
    if kind == 0:
        return tx.stripes(size, (one, two) if rng.random() < 0.6 else (one, two, three), int(rng.integers(1, 7)))
    if kind == 1:  # bands that run around
        edges = np.sort(rng.uniform(0.0, 1.0, rng.integers(1, 5)))
        rows = np.searchsorted(edges, (np.arange(height) + 0.5) / height)
        picked = np.array([colours[i] for i in rng.integers(len(colours), size=len(edges) + 1)], np.uint8)
        return np.broadcast_to(picked[rows][:, None], (height, width, 3)).copy()
    if kind == 2:
        return tx.stripes(size, (one, two), int(rng.integers(1, 5)), float(rng.integers(-3, 4)))
    if kind == 3:
        return tx.checks(size, (one, two), 2 * int(rng.integers(1, 6)), int(rng.integers(2, 7)))
    if kind == 4:
        seed, scale = int(rng.integers(1 << 30)), rng.uniform(0.06, 0.4)
        return tx.noise(size, (one, two, three)[: rng.integers(2, 4)], seed, scale, rng.uniform(0.8, 2.5))
    if kind == 5:
        return tx.dots(size, ground, (two, three), int(rng.integers(4, 16)), int(rng.integers(1 << 30)))
    if kind == 6:  # panels: quarters around the axis differ
        cuts = np.arange(1, 5) / 4 + rng.uniform(-0.06, 0.06)
        column = np.searchsorted(cuts, ((np.arange(width) + 0.5) / width)) % 4
        picked = np.array([ground, one, ground if rng.random() < 0.5 else two, three], np.uint8)
        return np.broadcast_to(picked[column][None], (height, width, 3)).copy()
    if kind == 7:
        return gradient(size, one, two, upright=True)
    image = tx.solid(size, one)
    image[:, : width // 2] = two
    return image


def wrap(rng: np.random.Generator, colours: Colours, aspect: float = 2.0, plain: float = 0.4) -> tx.Image:
    """A picture that is wrapped around a part: a pattern, often with marks on some of the four sides.

    Args:
        rng: random numbers.
        colours: the palette; its first colour is the ground of plain parts.
        aspect: the surface's width (around) over its height.
        plain: probability of no pattern.
    """
    width = 256
    height = int(np.clip(round(width / aspect / 8) * 8, 32, 256))
    image = pattern(rng, (width, height), colours, plain)
    if rng.random() < 0.12:
        image[: round(height * rng.uniform(0.05, 0.25))] = colours[rng.integers(len(colours))]
    if rng.random() < 0.12:
        image[-round(height * rng.uniform(0.05, 0.25)) :] = colours[rng.integers(len(colours))]
    if rng.random() < 0.45:
        largest = min(0.8 * height, 0.24 * width)
        for quarter in rng.permutation(4)[: rng.integers(1, 4)]:
            at = (width * (quarter / 4 + 0.125 + (rng.uniform(-0.03, 0.03))), height * rng.uniform(0.4, 0.6))
            stamp(image, rng, colours, at, largest * rng.uniform(0.6, 1.0))
    return image


def panel(rng: np.random.Generator, colours: Colours, aspect: float, plain: float = 0.3) -> tx.Image:
    """A print for one flat face of the given aspect (width over height)."""
    longest = 128
    size = (longest, max(24, round(longest / aspect))) if aspect >= 1 else (max(24, round(longest * aspect)), longest)
    width, height = size
    shortest = min(size)
    image = pattern(rng, size, colours, plain)
    kind = rng.random()
    if kind < 0.5:
        largest = 0.85 * shortest
        at = (width * rng.uniform(0.4, 0.6), height * rng.uniform(0.35, 0.65))
        stamp(image, rng, colours, at, largest * rng.uniform(0.55, 1.0))
        if max(size) > 1.6 * shortest:
            shift = 0.3 if rng.random() < 0.5 else -0.3
            at = (width * (0.5 + shift), height / 2) if width > height else (width / 2, height * (0.5 + shift))
            stamp(image, rng, colours, at, 0.5 * largest)
    elif kind < 0.6 and shortest > 40:
        low = (round(0.1 * width), round(0.6 * height))
        tx.draw_bar_code(image, low, (round(0.7 * width), round(0.92 * height)), int(rng.integers(1 << 30)))
        for line in range(rng.integers(2, 6)):
            row = round(height * (0.08 + 0.09 * line))
            end = round(width * rng.uniform(0.5, 0.92))
            cv2.rectangle(image, (round(0.1 * width), row), (end, row + max(1, height // 40)), colours[1], -1)
    elif kind < 0.72:
        border = max(2, round(shortest * rng.uniform(0.05, 0.15)))
        ink = contrast(colours, colours[0])
        cv2.rectangle(image, (border // 2, border // 2), (width - border // 2, height - border // 2), ink, border)
    elif kind < 0.8:
        windows(image, rng, colours)
    return image


def windows(image: tx.Image, rng: np.random.Generator, colours: Colours) -> None:
    """Draw rows of windows over the whole image."""
    height, width = image.shape[:2]
    rows, columns = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    ink = contrast(colours, (int(image[0, 0, 0]), int(image[0, 0, 1]), int(image[0, 0, 2])))
    fill = rng.uniform(0.4, 0.75)
    for row in range(rows):
        for column in range(columns):
            x, y = (column + 0.5) / columns * width, (row + 0.5) / rows * height
            half_x, half_y = 0.5 * fill * width / columns, 0.5 * fill * height / rows
            corner = (round(x - half_x), round(y - half_y))
            cv2.rectangle(image, corner, (round(x + half_x), round(y + half_y)), ink, -1)


def solid(colour: Sequence[int]) -> tx.Image:
    """A small picture of one colour."""
    return tx.solid((8, 8), (int(colour[0]), int(colour[1]), int(colour[2])))
