# SPDX-License-Identifier: Apache-2.0
"""What is compared: the model and what has to be beaten, all given the same references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.baselines import mean_of_references, nearest_reference, two_view_warp
from eschernet_ros.evaluation.results import MODEL
from eschernet_ros.evaluation.scene_fit import FitSettings, scene_fit

NEAREST = "nearest reference"
DEFAULT_METHODS = (MODEL, NEAREST, "two-view warp", "scene fit")


@dataclass(frozen=True, eq=False)
class Given:
    """What a baseline is given.

    Attributes:
        images: references, uint8 [N, H, H, 3], white around the object.
        masks: bool [N, H, H]; None where the data set has none.
        poses: ``camera_gl_from_world`` [N, 4, 4].
        target_poses: [M, 4, 4].
        seed: for whatever is drawn.
        fit: settings of the scene fit.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_] | None
    poses: NDArray[np.float64]
    target_poses: NDArray[np.float64]
    seed: int
    fit: FitSettings


BASELINES: Mapping[str, Callable[[Given], NDArray[np.uint8]]] = {
    NEAREST: lambda given: nearest_reference(given.images, given.poses, given.target_poses),
    "mean of references": lambda given: mean_of_references(given.images, given.poses, given.target_poses),
    "two-view warp": lambda given: two_view_warp(given.images, given.poses, given.target_poses),
    "scene fit": lambda given: scene_fit(
        given.images, given.masks, given.poses, given.target_poses, given.fit, given.seed
    ),
}
"""Baselines by name; each gives uint8 [M, H, H, 3]."""


def option_name(method: str) -> str:
    """The method as a word of the command line and of folders: ``"nearest-reference"``."""
    return method.replace(" ", "-")


def parse_methods(words: Sequence[str]) -> tuple[str, ...]:
    """Methods in the order of the tables, from words of ``option_name``.

    Raises:
        EscherNetError: an unknown word, or none.
    """
    names = (MODEL, *BASELINES)
    known = {option_name(name): name for name in names}
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        what = f"'{unknown[0]}' is no method" if unknown else "No method is given"
        raise EscherNetError(f"{what}; the methods are {', '.join(known)}.")
    return tuple(name for name in names if option_name(name) in words)
