# SPDX-License-Identifier: Apache-2.0
"""The bench's objects by name: the held-out set, so training data must not draw these seeds."""

from __future__ import annotations

from functools import lru_cache

from eschernet_ros.errors import EscherNetError
from eschernet_ros.objects.families import FAMILIES
from eschernet_ros.objects.mesh import ObjectMesh

CATALOGUE: dict[str, int] = {
    "mug": 0,
    "bottle": 1,
    "cereal_box": 2,
    "teapot": 3,
    "bowl": 4,
    "toy_house": 5,
    "toy_truck": 6,
    "duck": 2,
}
"""Seed of each bench object within the family of the same name."""


@lru_cache(maxsize=len(CATALOGUE))
def bench_object(name: str) -> ObjectMesh:
    """The bench object of this name, always the same; real size in metres, front along +x.

    Raises:
        EscherNetError: when the catalogue has no such object.
    """
    if name not in CATALOGUE:
        raise EscherNetError(f"there is no bench object '{name}'; choose one of {', '.join(CATALOGUE)}")
    return FAMILIES[name](CATALOGUE[name])
