# SPDX-License-Identifier: Apache-2.0
"""An object under construction: parts are added in any unit, z up, front +x."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.corpus import paint
from eschernet_ros.objects import textures as tx
from eschernet_ros.objects.assemble import Part, assemble
from eschernet_ros.objects.mesh import ObjectMesh
from eschernet_ros.objects.shapes import Surface, box, lathe, superquadric

Vector = tuple[float, float, float]


def turn(axis: str, degrees: float) -> NDArray[np.float64]:
    """Rotation matrix [3, 3] about ``x``, ``y`` or ``z``."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def revolve(profile: ArrayLike, segments: int = 40, corner: float = 35.0) -> list[Surface]:
    """Lathe surfaces of a profile [N, 2] (radius, z), separate at corners sharper than ``corner`` degrees.

    The texture's v runs once along the whole profile.
    """
    points = np.asarray(profile, float)
    step = np.diff(points, axis=0)
    length = np.linalg.norm(step, axis=1)
    points, step, length = points[np.r_[True, length > 1e-6]], step[length > 1e-6], length[length > 1e-6]
    heading = np.degrees(np.arctan2(step[:, 1], step[:, 0]))
    bend = np.abs((np.diff(heading) + 180) % 360 - 180)
    cuts = [0, *(np.flatnonzero(bend > corner) + 1), len(points) - 1]
    along = np.concatenate([[0.0], np.cumsum(length)]) / length.sum()
    pieces = []
    for low, high in pairwise(cuts):
        if points[low : high + 1, 0].max() < 1e-6:
            continue
        piece = lathe(points[low : high + 1], segments)
        v = along[low] + piece.uv[:, 1] * (along[high] - along[low])
        pieces.append(Surface(piece.vertices, piece.faces, np.column_stack([piece.uv[:, 0], v])))
    return pieces


class Draft:
    """Collects the parts of one object.

    Attributes:
        rng: the object's random numbers.
        colours: its palette.
        plain: probability that a part has no pattern.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.colours = paint.palette(rng)
        self.plain = float(rng.choice([0.1, 0.4, 0.85], p=[0.35, 0.4, 0.25]))
        self._parts: list[Part] = []
        self._solids: dict[tx.Colour, tx.Image] = {}

    def colour(self) -> tx.Colour:
        """A colour of the palette."""
        return self.colours[self.rng.integers(len(self.colours))]

    def shuffled(self) -> paint.Colours:
        """The palette in a random order: another ground colour."""
        return tuple(self.colours[i] for i in self.rng.permutation(len(self.colours)))

    def plain_image(self, colour: tx.Colour | None = None) -> tx.Image:
        """One colour; the same picture object for the same colour."""
        picked = self.colour() if colour is None else colour
        return self._solids.setdefault(picked, paint.solid(picked))

    def add(
        self,
        surfaces: Surface | Iterable[Surface],
        image: tx.Image,
        at: ArrayLike = (0.0, 0.0, 0.0),
        rotation: ArrayLike | None = None,
    ) -> None:
        """Add surfaces that share a picture, turned by ``rotation`` [3, 3] and moved to ``at`` [3]."""
        for surface in [surfaces] if isinstance(surfaces, Surface) else surfaces:
            self._parts.append(Part(surface.moved(at, rotation), image))

    def printed_box(
        self,
        size: Vector,
        at: ArrayLike,
        rotation: ArrayLike | None = None,
        plain: float | None = None,
        colours: paint.Colours | None = None,
    ) -> None:
        """A box with a print on every face; faces share their ground colour three times out of four."""
        ground = self.colours if colours is None else colours
        chance = self.plain if plain is None else plain
        x, y, z = size
        aspect = {"front": y / z, "back": y / z, "left": x / z, "right": x / z, "top": y / x, "bottom": y / x}
        same: tx.Image | None = None
        repeat = self.rng.random() < 0.15
        mixed = self.rng.random() < 0.3
        for side, surface in box(size).items():
            if side == "bottom" and self.rng.random() < 0.7:
                image = self.plain_image(ground[0])
            elif repeat and same is not None:
                image = same
            else:
                image = paint.panel(self.rng, self.shuffled() if mixed else ground, aspect[side], chance)
                same = image
            self.add(surface, image, at, rotation)

    def plain_box(
        self, size: Vector, at: ArrayLike, rotation: ArrayLike | None = None, colour: tx.Colour | None = None
    ) -> None:
        """A box of one colour."""
        self.add(box(size).values(), self.plain_image(colour), at, rotation)

    def cylinder(
        self,
        radius: float,
        length: float,
        at: ArrayLike,
        axis: str = "z",
        side: tx.Image | None = None,
        cap: tx.Image | None = None,
        top: float = 1.0,
        segments: int = 32,
    ) -> None:
        """A cylinder, or a cone with the radius ``top * radius`` at its upper end, centred at ``at``."""
        rotation = {"z": None, "x": turn("y", 90), "y": turn("x", -90)}[axis]
        wall = self.plain_image() if side is None else side
        lid = wall if cap is None else cap
        half = length / 2
        self.add(lathe([(radius, -half), (max(top, 1e-9) * radius, half)], segments), wall, at, rotation)
        self.add(lathe([(0, -half), (radius, -half)], segments, planar=True), lid, at, rotation)
        if top > 1e-3:
            self.add(lathe([(top * radius, half), (0, half)], segments, planar=True), lid, at, rotation)

    def blob(
        self,
        size: Vector,
        at: ArrayLike,
        image: tx.Image | None = None,
        exponents: tuple[float, float] = (1.0, 1.0),
        rotation: ArrayLike | None = None,
        segments: int = 32,
    ) -> None:
        """A superquadric."""
        surface = superquadric(size, exponents[0], exponents[1], segments)
        self.add(surface, self.plain_image() if image is None else image, at, rotation)

    def wrap(self, aspect: float = 2.0, plain: float | None = None) -> tx.Image:
        """A picture to wrap around a part."""
        colours = self.colours if self.rng.random() < 0.6 else self.shuffled()
        return paint.wrap(self.rng, colours, aspect, self.plain if plain is None else plain)

    def finish(self, name: str, degrees: float) -> ObjectMesh:
        """The mesh, turned about z, its longest side 1."""
        rotation = turn("z", degrees)
        return assemble(name, [Part(p.surface.moved(rotation=rotation), p.image) for p in self._parts], 1.0)
