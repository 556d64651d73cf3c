# SPDX-License-Identifier: Apache-2.0
"""Random textured objects for training, each a function of its seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from eschernet_ros.corpus import figures, solids, vessels
from eschernet_ros.corpus.draft import Draft
from eschernet_ros.errors import EscherNetError
from eschernet_ros.objects.mesh import ObjectMesh

KINDS: dict[str, tuple[Callable[[Draft], None], float]] = {
    "vessel": (vessels.vessel, 0.24),
    "carton": (solids.carton, 0.13),
    "extruded": (solids.extruded, 0.12),
    "furniture": (solids.furniture, 0.05),
    "building": (solids.building, 0.08),
    "animal": (figures.animal, 0.11),
    "stack": (figures.stack, 0.06),
    "blobs": (figures.blobs, 0.05),
    "vehicle": (figures.vehicle, 0.08),
    "compound": (figures.compound, 0.08),
}
"""Kind -> what draws it and its share of the corpus."""

GENERATOR = 2
"""Counts the changes that make a seed look different; a corpus records it. The bundled checkpoint saw generator 1."""

HELD_OUT_SEEDS = 10_000_000
"""Objects from this seed on are for tests: no corpus holds them."""

_SALT = 7349
_UPRIGHT_SHARE = 0.6


def procedural_object(seed: int) -> ObjectMesh:
    """The corpus object of this seed, named ``<kind>_<seed>``; longest side 1, z up, turned at random about z.

    Six of ten objects are turned by a multiple of 90 degrees, so that their box is as tight as that of an
    object modelled along its axes; the others by any angle.

    Raises:
        EscherNetError: the seed is negative.
    """
    if seed < 0:
        raise EscherNetError(f"the object's seed is {seed}, it must be 0 or more")
    rng = np.random.default_rng([_SALT, seed])
    names = list(KINDS)
    kind = names[rng.choice(len(names), p=[share for _, share in KINDS.values()])]
    draft = Draft(rng)
    KINDS[kind][0](draft)
    degrees = 90.0 * rng.integers(4) if rng.random() < _UPRIGHT_SHARE else rng.uniform(0, 360)
    return draft.finish(f"{kind}_{seed}", float(degrees))
