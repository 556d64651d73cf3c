# SPDX-License-Identifier: Apache-2.0
"""Families of household-like objects; a seed chooses proportions, colours and prints within a family.

Every family function takes a seed and returns an ``ObjectMesh`` in metres whose four sides look different.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from eschernet_ros.objects import textures as tx
from eschernet_ros.objects.assemble import Part, assemble
from eschernet_ros.objects.mesh import ObjectMesh
from eschernet_ros.objects.shapes import box, lathe, prism, superquadric, tube

Family = Callable[[int], ObjectMesh]


def _start(seed: int, salt: int) -> tuple[np.random.Generator, tuple[tx.Colour, ...]]:
    """The seed's random numbers and its palette."""
    rng = np.random.default_rng([salt, seed])
    return rng, tx.PALETTES[seed % len(tx.PALETTES)]


def _curve(points: list[tuple[float, float]], samples: int) -> NDArray[np.float64]:
    """A smooth curve [samples, 2] through control points that never overshoots them."""
    control = np.array(points, float)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(control, axis=0), axis=1))])
    return np.maximum(PchipInterpolator(length, control)(np.linspace(0, length[-1], samples)), 0.0)


def _arc(centre: tuple[float, float, float], radii: tuple[float, float], low: float, high: float) -> NDArray:
    """Points [25, 3] of an elliptic arc in the y-z plane from angle ``low`` to ``high`` (degrees from +y)."""
    angle = np.radians(np.linspace(low, high, 25))
    y = centre[1] + radii[0] * np.cos(angle)
    z = centre[2] + radii[1] * np.sin(angle)
    return np.column_stack([np.full(25, centre[0]), y, z])


def mug(seed: int) -> ObjectMesh:
    """A mug with a handle on its left (+y), a logo in front, a word behind and a pattern on the right."""
    rng, (body, first, second, accent, dark) = _start(seed, 1)
    radius, height, wall = rng.uniform(0.046, 0.050), rng.uniform(0.105, 0.113), 0.004
    flare = rng.uniform(-0.002, 0.003)
    foot = radius - 0.003
    width, rows = 1024, 352
    print_ = tx.solid((width, rows), body)
    print_[:26] = first
    print_[-34:] = second
    print_[26:-34, 120:392] = tx.dots((272, 292), body, (first, second, accent), 30, seed)
    print_[26:-34, 768:896] = tx.stripes((128, 292), (accent, first), 1, 3.0)
    tx.draw_glyph(print_, (width / 2, 150), 170, dark, seed + 11)
    tx.draw_text(print_, tx.word(seed), (width / 2, 278), 150, first)
    tx.draw_star(print_, (50, 170), 58, 6, accent)
    tx.draw_star(print_, (width - 62, 190), 46, 5, second)
    outside = lathe(
        [
            (foot, 0.0),
            (radius, 0.004),
            (radius, 0.012),
            (radius + flare, height - 0.002),
            (radius + flare - 0.001, height),
        ]
    )
    inside = lathe(
        np.concatenate(
            [
                [(radius + flare - 0.001, height), (radius + flare - wall, height - 0.001)],
                _curve([(radius + flare - wall, height - 0.001), (radius - wall, 0.014), (0.0, 0.007)], 14)[1:],
            ]
        )
    )
    bottom = lathe([(0.0, 0.0), (foot, 0.0)], planar=True)
    handle = tube(_arc((0.0, radius - 0.0028, height * 0.52), (0.033, height * 0.31), -90, 90), 0.0055)
    plain = tx.solid((16, 16), first)
    return assemble(
        "mug",
        [
            Part(outside, print_),
            Part(inside, tx.solid((16, 16), accent)),
            Part(bottom, tx.solid((16, 16), body)),
            Part(handle, plain),
        ],
    )


def bottle(seed: int) -> ObjectMesh:
    """A bottle with a wrapped label: name in front, bar code on the left, list behind, stars on the right."""
    rng, (body, first, second, accent, dark) = _start(seed, 2)
    radius, height = rng.uniform(0.031, 0.036), rng.uniform(0.19, 0.205)
    neck = rng.uniform(0.0115, 0.0135)
    low, high = 0.030, 0.112
    shoulder = _curve([(radius, high), (radius * 0.98, 0.122), (neck * 1.5, 0.152), (neck, 0.162)], 16)
    glass_low = lathe([(radius - 0.004, 0.0), (radius, 0.005), (radius, low)])
    label = lathe([(radius, low), (radius, high)])
    glass_high = lathe(np.concatenate([shoulder, [(neck, height - 0.022)]]))
    ridge = lathe([(neck, height - 0.022), (neck + 0.004, height - 0.022), (neck + 0.004, height - 0.001)])
    lid = lathe([(neck + 0.004, height - 0.001), (neck + 0.003, height), (0.0, height)], planar=True)
    width, rows = 1024, 400
    paper = tx.solid((width, rows), body)
    paper[:30] = first
    paper[-30:] = first
    paper[34:44] = accent
    front = slice(width // 2 - 150, width // 2 + 150)
    paper[60:340, front] = first
    paper[176:184, front] = accent
    tx.draw_text(paper, tx.word(seed + 1, 2), (width / 2, 116), 260, dark)
    tx.draw_glyph(paper, (width / 2, 262), 130, second, seed + 3)
    tx.draw_bar_code(paper, (width * 3 // 4 - 62, 80), (width * 3 // 4 + 62, 220), seed)
    tx.draw_text(paper, tx.word(seed + 5, 3), (width * 3 / 4, 280), 130, dark)
    for i in range(8):
        length = int(rng.uniform(70, 180))
        for x in (20, width - 80):
            paper[80 + 32 * i : 90 + 32 * i, x : x + min(length, 60)] = dark
        paper[80 + 32 * i : 90 + 32 * i, 0:20] = dark
    for i in range(6):
        centre = (width / 4 - 45 + 90 * (i % 2), 100 + 100 * (i // 2))
        tx.draw_star(paper, centre, 38, 5 + i, (first, second, accent)[i % 3])
    glass = tx.noise((256, 128), (second, tx.shade(second, 0.82)), seed + 9, 0.5)
    cap = tx.stripes((256, 32), (accent, tx.shade(accent, 0.75)), 28)
    top = tx.solid((64, 64), accent)
    tx.draw_star(top, (32, 32), 24, 5, body)
    return assemble(
        "bottle",
        [
            Part(lathe([(0.0, 0.0), (radius - 0.004, 0.0)], planar=True), tx.solid((16, 16), dark)),
            Part(glass_low, glass),
            Part(label, paper),
            Part(glass_high, glass),
            Part(ridge, cap),
            Part(lid, top),
        ],
    )


def cereal_box(seed: int) -> ObjectMesh:
    """A flat carton, each of whose six faces carries its own print."""
    rng, (body, first, second, accent, dark) = _start(seed, 3)
    size = (rng.uniform(0.045, 0.055), rng.uniform(0.115, 0.13), rng.uniform(0.165, 0.18))
    white = (252, 250, 244)
    front = tx.noise((480, 660), (second, first), seed, 0.8, 2.5)
    tx.draw_star(front, (240, 430), 200, 16, accent)
    tx.draw_star(front, (240, 430), 120, 9, white)
    tx.draw_glyph(front, (240, 430), 110, dark, seed + 2)
    tx.draw_text(front, tx.word(seed, 2), (240, 85), 380, white)
    tx.draw_text(front, tx.word(seed + 7, 3), (240, 200), 250, accent)
    back = tx.solid((480, 660), accent)
    back[40:300, 40:440] = tx.checks((400, 260), (white, second, first), 8, 5)
    tx.draw_text(back, tx.word(seed + 3, 3), (240, 350), 360, dark)
    for i in range(7):
        back[410 + 26 * i : 420 + 26 * i, 50 : 50 + int(rng.uniform(180, 380))] = dark
    tx.draw_bar_code(back, (300, 590), (440, 645), seed)
    left = tx.stripes((200, 660), (second, white), 4)
    left[220:440] = body
    tx.draw_glyph(left, (100, 330), 130, first, seed + 5)
    right = tx.solid((200, 660), first)
    for i in range(9):
        tx.draw_star(right, (60 + 80 * (i % 2), 60 + 66 * i), 40, 4 + i % 4, (white, accent, body)[i % 3])
    top = tx.stripes((480, 200), (first, accent, second), 6, 1.0)
    bottom = tx.solid((480, 200), body)
    images = {"front": front, "back": back, "left": left, "right": right, "top": top, "bottom": bottom}
    return assemble("cereal_box", [Part(face, images[side]) for side, face in box(size).items()])


def teapot(seed: int) -> ObjectMesh:
    """A teapot with its spout on the left (+y), its handle on the right and a flower in front."""
    rng, (body, first, second, accent, dark) = _start(seed, 4)
    radius, height = rng.uniform(0.050, 0.055), rng.uniform(0.082, 0.092)
    belly = _curve(
        [
            (0.0, 0.0),
            (0.030, 0.0),
            (radius * 0.86, 0.014),
            (radius, height * 0.45),
            (radius * 0.75, height * 0.85),
            (0.030, height),
        ],
        40,
    )
    top = _curve([(0.032, height), (0.030, height + 0.006), (0.012, height + 0.013), (0.006, height + 0.016)], 12)
    knob = superquadric((0.018, 0.018, 0.016)).moved((0, 0, height + 0.022))
    lid = lathe(np.concatenate([[(0.030, height)], top, [(0.0, height + 0.016)]]))
    spout_path = _curve3(
        [
            (0, radius * 0.72, height * 0.34),
            (0, radius * 1.25, height * 0.46),
            (0, radius * 1.55, height * 0.86),
            (0, radius * 1.80, height * 1.02),
        ]
    )
    spout = tube(spout_path, np.linspace(0.0155, 0.0065, len(spout_path)))
    handle = tube(
        _arc((0.0, -radius * 0.80, height * 0.54), (radius * 0.78, height * 0.36), 255, 105),
        0.0058,
        flatness=1.0,
    )
    width, rows = 1024, 420
    glaze = tx.noise((width, rows), (body, body, tx.shade(body, 0.9)), seed, 0.3)
    glaze[256:292] = first
    glaze[40:52] = first
    glaze[56:62] = accent
    for x in range(0, width, 64):
        tx.draw_star(glaze, (x + 32, 274), 13, 5, accent)
    for x, petals, size, colour, heart in (
        (width // 2, 9, 82, first, accent),
        (width // 2 - 110, 6, 36, second, body),
        (width // 2 + 106, 7, 42, accent, first),
    ):
        tx.draw_star(glaze, (x, 158), size, petals, colour)
        tx.draw_star(glaze, (x, 158), size * 0.4, petals, heart)
    for x in (0, width):
        tx.draw_glyph(glaze, (x, 158), 150, second, seed + 4)
    patch = tx.checks((150, 170), (second, body), 6, 7)
    glaze[74:244, width // 4 - 75 : width // 4 + 75] = patch
    cover = tx.stripes((512, 96), (first, body, second, body), 6)
    shade = tx.stripes((64, 128), (first, second), 1, 5.0)
    return assemble(
        "teapot",
        [
            Part(lathe(np.concatenate([belly, [(0.030, height)]])[:-1]), glaze),
            Part(lid, cover),
            Part(knob, tx.solid((16, 16), accent)),
            Part(spout, shade),
            Part(handle, tx.solid((16, 16), dark)),
        ],
    )


def _curve3(points: list[tuple[float, float, float]], samples: int = 24) -> NDArray[np.float64]:
    """A smooth curve [samples, 3] through points."""
    control = np.array(points, float)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(control, axis=0), axis=1))])
    return CubicSpline(length, control)(np.linspace(0, length[-1], samples))


def bowl(seed: int) -> ObjectMesh:
    """A bowl with four different quarters outside and a spiral of colours inside."""
    rng, (body, first, second, accent, dark) = _start(seed, 5)
    radius, height, wall = rng.uniform(0.072, 0.08), rng.uniform(0.06, 0.07), 0.004
    foot = radius * 0.48
    side = _curve([(foot, 0.006), (radius * 0.74, height * 0.34), (radius * 0.93, height * 0.68), (radius, height)], 18)
    lip = [(radius, height), (radius - wall / 2, height + 0.0015), (radius - wall, height)]
    hollow = _curve(
        [
            (radius - wall, height),
            (radius * 0.88, height * 0.66),
            (radius * 0.66, height * 0.32),
            (0.0, 0.012),
        ],
        22,
    )
    width, rows = 1024, 220
    quarter = width // 4
    outside = np.concatenate(
        [
            tx.checks((quarter // 2, rows), (second, body), 3, 5),
            tx.stripes((quarter, rows), (first, body), 5),
            tx.dots((quarter, rows), first, (accent, body, second), 30, seed),
            tx.stripes((quarter, rows), (second, accent), 3, 2.0),
            tx.checks((quarter - quarter // 2, rows), (second, body), 3, 5),
        ],
        axis=1,
    )
    outside[:18] = first
    outside[30:200, width // 2 - 85 : width // 2 + 85] = accent
    tx.draw_glyph(outside, (width / 2, 115), 130, first, seed + 1)
    inside = tx.noise((640, 256), (body, accent, body, second), seed + 1, 0.35, 2.2)
    inside[:40] = tx.checks((640, 40), (first, body), 40, 2)
    for i in range(5):
        tx.draw_star(inside, (64 + 128 * i, 120), 34, 5 + i, (first, dark, second, first, dark)[i])
    return assemble(
        "bowl",
        [
            Part(lathe([(0.0, 0.0), (foot - 0.002, 0.0)], planar=True), tx.solid((16, 16), dark)),
            Part(lathe([(foot - 0.002, 0.0), (foot, 0.006)]), tx.solid((16, 16), dark)),
            Part(lathe(side), outside),
            Part(lathe(lip), tx.solid((16, 16), body)),
            Part(lathe(hollow), inside[::-1]),
        ],
    )


def _roofing(size: tuple[int, int], colours: tuple[tx.Colour, tx.Colour], rows: int) -> tx.Image:
    """Staggered tiles."""
    image = tx.solid(size, colours[0])
    high, wide = size[1] / rows, size[0] / 9
    for row in range(rows):
        y = round(row * high)
        image[y : y + 4] = colours[1]
        for column in range(11):
            x = round((column + 0.5 * (row % 2) - 0.5) * wide)
            image[y : round(y + high), max(x, 0) : max(x + 4, 0)] = colours[1]
    return image


def _wall(size: tuple[int, int], ground: tx.Colour, joint: tx.Colour, rows: int) -> tx.Image:
    """Horizontal boards."""
    image = tx.solid(size, ground)
    for row in range(rows):
        y = round(row * size[1] / rows)
        image[y : y + 3] = joint
    return image


def _window(image: tx.Image, x: int, y: int, wide: int, high: int, frame: tx.Colour, pane: tx.Colour) -> None:
    """A four-pane window centred at pixel (x, y)."""
    left, top = x - wide // 2, y - high // 2
    image[top : top + high, left : left + wide] = frame
    image[top + 8 : top + high - 8, left + 8 : left + wide - 8] = pane
    image[y - 4 : y + 4, left : left + wide] = frame
    image[top : top + high, x - 4 : x + 4] = frame


def toy_house(seed: int) -> ObjectMesh:
    """A toy house: gables in front and behind, two roof colours, a chimney, four different walls."""
    rng, (body, first, second, accent, dark) = _start(seed, 6)
    wide, deep = rng.uniform(0.090, 0.1), rng.uniform(0.118, 0.13)
    eaves, ridge = rng.uniform(0.062, 0.07), rng.uniform(0.108, 0.118)
    over = 0.006
    pane = (168, 212, 238)
    outline = [(-wide / 2, 0), (wide / 2, 0), (wide / 2, eaves), (0, ridge), (-wide / 2, eaves)]
    house = prism(outline, deep)
    joint = tx.shade(body, 0.8)
    front = _wall((420, 500), body, joint, 16)
    front[290:500, 150:270] = first
    front[300:500, 206:214] = dark
    _window(front, 70, 350, 88, 110, dark, pane)
    _window(front, 350, 350, 88, 110, dark, pane)
    tx.draw_star(front, (210, 170), 62, 8, accent)
    back = _wall((420, 500), accent, second, 12)
    _window(back, 130, 350, 120, 130, (250, 250, 250), pane)
    _window(back, 300, 350, 120, 130, (250, 250, 250), pane)
    tx.draw_glyph(back, (210, 170), 110, dark, seed + 3)
    left = _wall((520, 280), second, dark, 9)
    for x in (90, 260, 430):
        _window(left, x, 130, 96, 120, (250, 250, 250), pane)
    right = _wall((520, 280), first, dark, 9)
    _window(right, 140, 120, 150, 110, body, pane)
    right[60:280, 330:450] = body
    right[72:280, 342:438] = dark
    tx.draw_text(right, tx.word(seed), (140, 230), 180, body)
    roof_left = _roofing((560, 300), (first, dark), 9)
    roof_right = _roofing((560, 300), (second, dark), 7)
    roof_right[110:210, 190:370] = pane
    roof_right[156:162, 190:370] = dark
    edge = tx.solid((16, 16), dark)
    parts = [
        Part(house["front"], front),
        Part(house["back"], back),
        Part(house["side1"], left),
        Part(house["side4"], right[::-1, ::-1]),
    ]
    slope = np.array([wide / 2, eaves - ridge])
    slope = slope / np.linalg.norm(slope)
    for sign, image in ((1, roof_left), (-1, roof_right[::-1, ::-1])):
        thick = 0.006
        outward = np.array([-slope[1], slope[0]])
        foot = np.array([wide / 2, eaves]) + slope * over
        cross = np.array([foot, foot + outward * thick, [0, ridge + thick / outward[1]], [0, ridge]])
        cross = cross * [sign, 1]
        plank = prism(cross if sign > 0 else cross[::-1], deep + 2 * over)
        parts += [Part(surface, image if side == "side1" else edge) for side, surface in plank.items()]
    parts += [Part(house[side], edge) for side in ("side0", "side2", "side3")]
    brick = tx.checks((64, 96), (first, accent), 3, 8)
    stack = box((0.02, 0.02, 0.042), (-deep * 0.24, wide * 0.22, ridge - 0.008))
    parts += [Part(s, edge if side in ("top", "bottom") else brick) for side, s in stack.items()]
    return assemble("toy_house", parts)


def toy_truck(seed: int) -> ObjectMesh:
    """A toy truck that drives towards +x: cab, loaded box with two different sides, six wheels."""
    rng, (body, first, second, accent, dark) = _start(seed, 7)
    long, wide, high = rng.uniform(0.17, 0.185), rng.uniform(0.066, 0.074), rng.uniform(0.056, 0.062)
    wheel = 0.0155
    floor = wheel * 1.15
    cab_long = 0.052
    glass = (150, 196, 222)
    cab = box((cab_long, wide * 0.94, high * 0.95), (long / 2 - cab_long / 2, 0, floor + high * 0.475))
    load_long = long - cab_long - 0.006
    load = box((load_long, wide, high * 1.15), (-long / 2 + load_long / 2, 0, floor + high * 0.62))
    frame = box((long * 0.97, wide * 0.7, 0.010), (0, 0, floor - 0.001))
    face = tx.solid((320, 280), first)
    face[28:130, 24:296] = glass
    face[28:130, 156:164] = first
    face[170:224, 80:240] = tx.stripes((160, 54), (dark, body), 10)
    for x in (44, 276):
        tx.draw_star(face, (x, 200), 30, 14, (255, 246, 190))
    face[240:] = dark
    doors = []
    for flip in (False, True):
        door = tx.solid((260, 280), first)
        door[30:130, 60:220] = glass
        door[140:262, 56:60] = door[140:262, 220:224] = dark
        door[160:168, 150:190] = body
        door[240:] = dark
        tx.draw_glyph(door, (110, 200), 50, accent, seed + 6)
        doors.append(door[:, ::-1].copy() if flip else door)
    left = tx.solid((620, 360), body)
    left[300:] = second
    left[:30] = second
    tx.draw_text(left, tx.word(seed), (400, 165), 330, first)
    tx.draw_glyph(left, (120, 165), 170, second, seed + 2)
    right = tx.stripes((620, 360), (accent, second, body), 3, 1.0)
    right[90:270, 150:470] = body
    tx.draw_star(right, (310, 180), 84, 7, first)
    tx.draw_star(right, (310, 180), 36, 7, accent)
    rear = tx.solid((320, 360), accent)
    rear[:, 156:164] = dark
    rear[170:200, 120:140] = rear[170:200, 180:200] = dark
    rear[300:] = tx.stripes((320, 60), (first, body), 6, 1.0)
    roof = tx.checks((620, 320), (body, accent), 8, 4)
    plain, black = tx.solid((16, 16), first), tx.solid((16, 16), dark)
    cab_images = {"front": face, "left": doors[0], "right": doors[1], "top": plain}
    load_images = {
        "left": left,
        "right": right,
        "back": rear,
        "top": roof,
        "front": tx.solid((16, 16), second),
    }
    parts = [Part(s, cab_images.get(side, black)) for side, s in cab.items()]
    parts += [Part(s, load_images.get(side, black)) for side, s in load.items()]
    parts += [Part(s, black) for s in frame.values()]
    hub = tx.solid((64, 64), (40, 40, 44))
    tx.draw_star(hub, (32, 32), 17, 12, (214, 214, 218))
    tread = tx.solid((16, 16), (44, 44, 48))
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)  # the lathe's axis along -y
    for axle in (long / 2 - 0.030, -long / 2 + 0.024, -long / 2 + 0.062):
        for sign in (-1, 1):
            rim = lathe([(wheel, -0.006), (wheel, 0.006)], 32)
            outer = lathe([(wheel, 0.006), (0.0, 0.006)], 32, planar=True)
            inner = lathe([(0.0, -0.006), (wheel, -0.006)], 32, planar=True)
            spot = (axle, sign * (wide / 2 - 0.002), wheel)
            for surface, image in ((rim, tread), (outer, hub), (inner, hub)):
                parts.append(Part(surface.moved(spot, turn), image))
    return assemble("toy_truck", parts)


def duck(seed: int) -> ObjectMesh:
    """A toy duck of rounded solids that looks towards +x, with wings of two patterns and a scarf."""
    rng, (body, first, second, accent, _) = _start(seed, 8)
    long, wide, high = rng.uniform(0.115, 0.125), rng.uniform(0.078, 0.086), rng.uniform(0.062, 0.068)
    head = rng.uniform(0.054, 0.060)
    coat = tx.noise((768, 300), (body, tx.shade(body, 0.93)), seed, 0.15)
    coat[40:64] = second
    tx.draw_glyph(coat, (384, 170), 70, first, seed + 1)
    coat[90:210, :64] = tx.stripes((64, 120), (second, accent), 2, 2.0)
    coat[90:210, -64:] = tx.stripes((64, 120), (second, accent), 2, 2.0)
    trunk = superquadric((long, wide, high), 0.85, 0.9).moved((0, 0, high / 2))
    skull = tx.solid((512, 256), body)
    for x in (184, 328):
        tx.draw_star(skull, (x, 108), 22, 24, (255, 255, 255))
        tx.draw_star(skull, (x, 108), 13, 24, (20, 20, 24))
    skull[:38] = first
    skull[200:] = accent
    tx.draw_star(skull, (0, 120), 34, 5, second)
    tx.draw_star(skull, (511, 120), 34, 5, second)
    centre = (long * 0.26, 0, high + head * 0.30)
    skull_surface = superquadric((head, head, head)).moved(centre)
    beak = superquadric((0.040, 0.034, 0.013), 0.8, 0.8).moved((centre[0] + head * 0.5, 0, centre[2] - 0.006))
    wings = []
    for sign, pattern in (
        (1, tx.checks((256, 128), (first, accent), 14, 6)),
        (-1, tx.stripes((256, 128), (second, body), 16)),
    ):
        wing = superquadric((0.066, 0.016, 0.036), 0.9, 0.9)
        wings.append(Part(wing.moved((-0.008, sign * wide * 0.49, high * 0.60)), pattern))
    tail_path = _curve3(
        [(-long * 0.36, 0, high * 0.62), (-long * 0.46, 0, high * 0.78), (-long * 0.52, 0, high * 1.02)]
    )
    tail = tube(tail_path, np.linspace(0.016, 0.006, len(tail_path)))
    return assemble(
        "duck",
        [
            Part(trunk, coat),
            Part(skull_surface, skull),
            Part(beak, tx.solid((16, 16), (240, 130, 30))),
            *wings,
            Part(tail, tx.solid((16, 16), first)),
        ],
    )


FAMILIES: dict[str, Family] = {
    "mug": mug,
    "bottle": bottle,
    "cereal_box": cereal_box,
    "teapot": teapot,
    "bowl": bowl,
    "toy_house": toy_house,
    "toy_truck": toy_truck,
    "duck": duck,
}
"""All families by name. A family's function makes a different object of its kind for every seed."""
