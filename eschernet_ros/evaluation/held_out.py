# SPDX-License-Identifier: Apache-2.0
"""Scores a synthesis and its baselines on one object: the same references, the same targets, the same pixels.

PSNR is taken over the pixels that truly show the object (foreground) and over the whole frame beside it. Pixels that
the synthesis paints outside the true mask count in the full frame only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.corpus.cameras import random_camera
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.baselines import mean_of_references, nearest_reference, two_view_warp
from eschernet_ros.evaluation.metrics import psnr, to_uint8
from eschernet_ros.geometry import SE3, farthest_point_order, stack_matrices, view_directions

Poses = NDArray[np.float64]
Images = NDArray[np.uint8]
Renderer = Callable[[SE3], tuple[NDArray[np.uint8], NDArray[np.bool_]]]
"""The picture on white [H, H, 3] and the mask [H, H] at a pose ``camera_gl_from_world``."""
Synthesis = Callable[[Images, Poses, Poses], NDArray]
"""Images [M, H, H, 3], uint8 or float in [0, 1], of references [N, H, H, 3], their poses and the target poses."""

BASELINES: Mapping[str, Synthesis] = {
    "nearest reference": nearest_reference,
    "mean of references": mean_of_references,
    "two-view warp": two_view_warp,
}

EQUAL_DB = 60.0
"""What a view counts that equals the truth (or nearly): an infinite PSNR has no mean."""

_POOL = 3
"""Cameras drawn per reference wanted; the references are those of them that lie farthest apart."""

_LEAST_COVERED = 0.01
"""A view of which the object covers less is drawn again from elsewhere, as in the corpus."""


@dataclass(frozen=True, eq=False)
class HeldOutViews:
    """References and targets of one object; no target is a reference.

    Attributes:
        name: of the object.
        references: uint8 [N, H, H, 3], in an order whose first n are n well-spread views, for every n.
        reference_poses: ``camera_gl_from_world`` [N, 4, 4].
        truth: uint8 [M, H, H, 3], the true target views.
        masks: bool [M, H, H], the pixels of each that show the object.
        target_poses: [M, 4, 4].
    """

    name: str
    references: Images
    reference_poses: Poses
    truth: Images
    masks: NDArray[np.bool_]
    target_poses: Poses


@dataclass(frozen=True, eq=False)
class Scores:
    """PSNR of M views in dB.

    Attributes:
        foreground: over the pixels of the true mask, one a view.
        full: over the full frame, one a view.
    """

    foreground: list[float]
    full: list[float]

    def mean(self) -> tuple[float, float]:
        """Means over the views, in dB as the published tables take them: foreground, full frame."""
        return float(np.mean(self.foreground)), float(np.mean(self.full))


@dataclass(frozen=True, eq=False)
class ObjectResult:
    """One object at one number of references.

    Attributes:
        images: by method (``"model"`` and the names of ``BASELINES``), uint8 [M, H, H, 3].
        scores: by method.
    """

    images: dict[str, Images] = field(default_factory=dict)
    scores: dict[str, Scores] = field(default_factory=dict)


@dataclass(frozen=True)
class PoseMargin:
    """Whether the synthesis follows the pose it is asked for; mean foreground PSNR in dB against the true views.

    Attributes:
        asked: of views synthesized at the true poses.
        turned: of views synthesized at poses turned about the object's vertical axis.
        true_turned: of the object's true views at the turned poses: how much the turn changes the object at all. A
            round object has a high one, and then no synthesis can have a large margin.
    """

    asked: float
    turned: float
    true_turned: float

    @property
    def margin(self) -> float:
        """``asked - turned``, dB; 0 for a synthesis that ignores the pose."""
        return self.asked - self.turned


def draw_views(
    name: str,
    render: Renderer,
    rng: np.random.Generator,
    references: int,
    targets: int,
    elevations_deg: tuple[float, float],
) -> HeldOutViews:
    """Random targets, and well-spread references of a larger random pool, as an arm with a tour of views takes them.

    Raises:
        EscherNetError: no reference or no target is wanted, or elevations outside -90..90 degrees.
    """
    if references < 1 or targets < 1:
        raise EscherNetError(f"Views of '{name}' need a reference and a target, not {references} and {targets}.")
    visible = _visible_cameras(render, rng, elevations_deg)
    target_poses, truth, masks = zip(*itertools.islice(visible, targets), strict=True)
    pool = list(itertools.islice(visible, _POOL * references))
    chosen = [pool[i] for i in farthest_point_order(view_directions([pose for pose, _, _ in pool]))[:references]]
    return HeldOutViews(
        name=name,
        references=np.stack([image for _, image, _ in chosen]),
        reference_poses=stack_matrices(pose for pose, _, _ in chosen),
        truth=np.stack(truth),
        masks=np.stack(masks),
        target_poses=stack_matrices(target_poses),
    )


def _visible_cameras(
    render: Renderer, rng: np.random.Generator, elevations_deg: tuple[float, float]
) -> Iterator[tuple[SE3, NDArray[np.uint8], NDArray[np.bool_]]]:
    """Random cameras without end, with what they see, less those that see a thin object edge-on."""
    while True:
        pose = random_camera(rng, elevations_deg)
        image, mask = render(pose)
        if mask.mean() >= _LEAST_COVERED:
            yield pose, image, mask


def score(images: NDArray, views: HeldOutViews) -> Scores:
    """PSNR of images [M, H, H, 3] at the targets of ``views``, at most ``EQUAL_DB``."""
    pairs = list(zip(images, views.truth, views.masks, strict=True))
    return Scores(
        foreground=[min(psnr(image, truth, mask), EQUAL_DB) for image, truth, mask in pairs],
        full=[min(psnr(image, truth), EQUAL_DB) for image, truth, _ in pairs],
    )


def evaluate(views: HeldOutViews, synthesize: Synthesis, references: int) -> ObjectResult:
    """The model and all baselines with the first ``references`` references; all targets in one call.

    Raises:
        EscherNetError: more references than there are.
    """
    if not 1 <= references <= len(views.references):
        raise EscherNetError(f"'{views.name}' has {len(views.references)} references, not {references}.")
    result = ObjectResult()
    for method, function in {"model": synthesize, **BASELINES}.items():
        images = function(views.references[:references], views.reference_poses[:references], views.target_poses)
        result.images[method] = np.stack([to_uint8(image) for image in images])
        result.scores[method] = score(result.images[method], views)
    return result


def turned(poses: Poses, degrees: float) -> Poses:
    """Cameras [M, 4, 4] moved about the world's vertical axis through the origin, azimuth + ``degrees``."""
    turn = SE3.from_rotvec([0.0, 0.0, -np.radians(degrees)], [0.0, 0.0, 0.0])
    return poses @ turn.matrix


def pose_margin(
    views: HeldOutViews,
    render: Renderer,
    synthesize: Synthesis,
    references: int,
    asked: Scores,
    turns_deg: Sequence[float],
) -> PoseMargin:
    """Score views synthesized at wrong azimuths against the true views.

    Args:
        views: the object's.
        render: draws the object.
        synthesize: the model.
        references: how many it is given.
        asked: its scores at the true poses, as ``evaluate`` gave them.
        turns_deg: the wrong azimuths less the true one; the result is the mean over them.
    """
    wrong, truly = [], []
    for degrees in turns_deg:
        poses = turned(views.target_poses, degrees)
        images = synthesize(views.references[:references], views.reference_poses[:references], poses)
        wrong += score(images, views).foreground
        pictures = np.stack([render(SE3(pose))[0] for pose in poses])
        truly += score(pictures, views).foreground
    return PoseMargin(asked.mean()[0], float(np.mean(wrong)), float(np.mean(truly)))
