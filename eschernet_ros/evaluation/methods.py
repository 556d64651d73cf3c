# SPDX-License-Identifier: Apache-2.0
"""What is compared: the model and what has to be beaten, all given the same references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.baselines import mean_of_references, nearest_reference, two_view_warp
from eschernet_ros.evaluation.gaussian_fit import GaussianSettings, gaussian_fit
from eschernet_ros.evaluation.gsplat_rasteriser import gsplat_rasteriser
from eschernet_ros.evaluation.results import MODEL
from eschernet_ros.evaluation.scene_fit import FitSettings, scene_fit

NEAREST = "nearest reference"
GAUSSIANS = "gaussian fit"
DEFAULT_METHODS = (MODEL, NEAREST, "two-view warp", "scene fit")
"""What is compared everywhere; ``default_methods`` adds the Gaussian fit where it runs."""


@dataclass(frozen=True, eq=False)
class Given:
    """What a baseline is given.

    Attributes:
        images: references, uint8 [N, H, H, 3], white around the object.
        masks: bool [N, H, H]; None where the data set has none.
        poses: ``camera_gl_from_world`` [N, 4, 4].
        target_poses: [M, 4, 4].
        seed: for whatever is drawn.
        fit: settings of the scene fit; the Gaussian fit runs on the same device.
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
    GAUSSIANS: lambda given: gaussian_fit(
        given.images,
        given.masks,
        given.poses,
        given.target_poses,
        gsplat_rasteriser(given.fit.device),
        GaussianSettings(device=given.fit.device),
        given.seed,
    ),
}
"""Baselines by name; each gives uint8 [M, H, H, 3]."""


def default_methods(devices: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """What is compared where nobody chose.

    Args:
        devices: that the evaluation runs on.

    Returns:
        The methods, the Gaussian fit among them where it runs on every device; else a sentence that says why not.
    """
    try:
        check_methods((GAUSSIANS,), devices)
    except EscherNetError as error:
        return DEFAULT_METHODS, f"The per-scene fit is the scene fit alone. {error}"
    return (*DEFAULT_METHODS, GAUSSIANS), None


def check_methods(methods: Sequence[str], devices: Sequence[str]) -> None:
    """Find out before anything is computed whether the methods run on the devices.

    Raises:
        EscherNetError: the Gaussian fit is among them and does not, see ``gsplat_rasteriser``.
    """
    if GAUSSIANS in methods:
        for device in dict.fromkeys(devices):
            gsplat_rasteriser(device)


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
