# SPDX-License-Identifier: Apache-2.0
"""Procedural textures: uint8 RGB images [H, W, 3], the same for the same seed.

Sizes are (width, height) in pixels and colours (r, g, b) in 0..255. Everything here is drawn by this project.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

PALETTES: tuple[tuple[Colour, ...], ...] = (
    ((246, 240, 226), (196, 52, 45), (33, 72, 122), (240, 178, 50), (52, 60, 66)),
    ((24, 105, 94), (246, 196, 84), (236, 96, 62), (244, 238, 220), (18, 54, 66)),
    ((250, 204, 40), (222, 60, 52), (38, 92, 178), (252, 248, 236), (40, 36, 52)),
    ((72, 118, 186), (246, 244, 238), (212, 96, 122), (246, 188, 72), (30, 44, 86)),
    ((232, 110, 60), (252, 236, 200), (62, 128, 96), (54, 70, 122), (96, 44, 40)),
    ((120, 184, 96), (250, 250, 240), (206, 62, 76), (250, 206, 80), (44, 78, 60)),
    ((134, 92, 168), (250, 226, 120), (90, 190, 186), (250, 244, 250), (54, 36, 84)),
    ((206, 66, 74), (250, 244, 232), (60, 140, 164), (248, 184, 76), (62, 38, 44)),
)
"""Colour sets that go together: body, contrast, two accents, dark."""

SYLLABLES = ("MO", "KA", "LU", "RI", "TE", "ZO", "PA", "NI", "BE", "SO", "VA", "DU", "FI", "GO", "HY", "XE")


def shade(colour: Colour, factor: float) -> Colour:
    """A darker (factor < 1) version of a colour."""
    red, green, blue = (round(factor * c) for c in colour)
    return red, green, blue


def solid(size: tuple[int, int], colour: Colour) -> Image:
    """One colour."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


def stripes(size: tuple[int, int], colours: Sequence[Colour], count: int, slant: float = 0.0) -> Image:
    """``count`` repeats of the colours across the width, sheared by ``slant`` repeats over the height."""
    x = (np.arange(size[0]) + 0.5) / size[0]
    y = (np.arange(size[1]) + 0.5) / size[1]
    phase = (x[None, :] * count + y[:, None] * slant) % 1.0
    return np.array(colours, np.uint8)[(phase * len(colours)).astype(int)]


def checks(size: tuple[int, int], colours: Sequence[Colour], columns: int, rows: int) -> Image:
    """A board of ``columns`` x ``rows`` fields that cycles through the colours."""
    x = np.arange(size[0]) * columns // size[0]
    y = np.arange(size[1]) * rows // size[1]
    return np.array(colours, np.uint8)[(x[None, :] + y[:, None]) % len(colours)]


def noise(
    size: tuple[int, int], colours: Sequence[Colour], seed: int, scale: float = 0.12, roughness: float = 1.6
) -> Image:
    """Clouds that blend through the colours and continue seamlessly from the right edge to the left.

    Args:
        size: (width, height), pixels.
        colours: blended in this order from the lowest to the highest value.
        seed: of the random numbers.
        scale: size of the largest clouds as a fraction of the width.
        roughness: amplitude falls as frequency to this power: small is grainy, large is smooth.
    """
    width, height = size
    rng = np.random.default_rng(seed)
    fx = np.fft.rfftfreq(width)[None, :] * width
    fy = np.fft.fftfreq(height)[:, None] * width
    frequency = np.hypot(fx, fy) * scale
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / (1.0 + frequency**2) ** (roughness / 2 + 0.5)
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(height, width))
    rank = np.searchsorted(np.sort(field.ravel()), field.ravel()) / field.size
    position = rank * (len(colours) - 1)
    table = np.array(colours, float)
    blended = np.stack([np.interp(position, np.arange(len(colours)), table[:, c]) for c in range(3)], -1)
    return np.round(blended).astype(np.uint8).reshape(height, width, 3)


def dots(size: tuple[int, int], ground: Colour, colours: Sequence[Colour], count: int, seed: int) -> Image:
    """Round dots of differing size without overlap; they continue across the left and right edge."""
    width, height = size
    rng = np.random.default_rng(seed)
    image = solid(size, ground)
    placed: list[tuple[float, float, float]] = []
    for _ in range(count * 20):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        radius = rng.uniform(0.035, 0.09) * min(width, height)
        clash = any(np.hypot(min(abs(x - a), width - abs(x - a)), y - b) < 1.25 * (radius + r) for a, b, r in placed)
        if clash:
            continue
        colour = colours[len(placed) % len(colours)]
        placed.append((x, y, radius))
        for shift in (-width, 0, width):
            cv2.circle(image, (round(x + shift), round(y)), round(radius), colour, -1, cv2.LINE_AA)
        if len(placed) == count:
            break
    return image


def word(seed: int, syllables: int = 2) -> str:
    """A made-up brand name."""
    rng = np.random.default_rng(seed)
    return "".join(SYLLABLES[i] for i in rng.choice(len(SYLLABLES), syllables, replace=False))


def draw_text(image: Image, text: str, centre: tuple[float, float], width: float, colour: Colour) -> None:
    """Write ``text`` into ``image``, centred at a pixel (x, y) and as wide as asked for (pixels)."""
    face = cv2.FONT_HERSHEY_DUPLEX
    (unit, height), _ = cv2.getTextSize(text, face, 1.0, 1)
    scale = width / unit
    thickness = max(1, round(3.2 * scale))
    corner = (round(centre[0] - width / 2), round(centre[1] + height * scale / 2))
    cv2.putText(image, text, corner, face, scale, colour, thickness, cv2.LINE_AA)


def draw_glyph(image: Image, centre: tuple[float, float], size: float, colour: Colour, seed: int) -> None:
    """Draw a logo of this project's own: a random pattern of 5 x 5 rounded cells, mirrored left to right."""
    rng = np.random.default_rng(seed)
    half = rng.random((5, 3)) < 0.55
    half[2, 2] = half[rng.integers(5), 1] = True
    cells = np.concatenate([half, half[:, 1::-1]], axis=1)
    pitch = size / 5
    for row, column in np.argwhere(cells):
        x = centre[0] + (column - 2) * pitch
        y = centre[1] + (row - 2) * pitch
        low = (round(x - pitch / 2), round(y - pitch / 2))
        high = (round(x + pitch / 2) - 1, round(y + pitch / 2) - 1)
        cv2.rectangle(image, low, high, colour, -1)


def draw_star(image: Image, centre: tuple[float, float], radius: float, points: int, colour: Colour) -> None:
    """A filled star (or flower, with many points)."""
    angle = np.arange(2 * points) * np.pi / points - np.pi / 2
    reach = np.where(np.arange(2 * points) % 2 == 0, radius, 0.48 * radius)
    outline = np.stack([centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)], -1)
    cv2.fillPoly(image, [np.round(outline * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


def draw_bar_code(image: Image, low: tuple[int, int], high: tuple[int, int], seed: int) -> None:
    """A bar code on a white field between two pixel corners (x, y)."""
    rng = np.random.default_rng(seed)
    cv2.rectangle(image, low, high, (250, 250, 250), -1)
    x = low[0] + 4.0
    while x < high[0] - 6:
        bar, gap = rng.uniform(1.5, 5.0, 2)
        cv2.rectangle(image, (round(x), low[1] + 4), (round(x + bar), high[1] - 4), (20, 20, 20), -1)
        x += bar + gap
