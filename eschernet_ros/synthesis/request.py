# SPDX-License-Identifier: Apache-2.0
"""What is asked of the model and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.stage_timer import StageTime
from eschernet_ros.geometry import SE3, STANDOFF_RANGE, spherical_from_pose, stack_matrices

_STANDOFF_TOLERANCE = 1e-3


class Pipeline(Protocol):
    """The part of ``eschernet_ros.model.EscherNetPipeline`` that a synthesis uses."""

    @property
    def notice(self) -> str | None:
        """Sentence about the weights, repeated with every result."""

    @property
    def sampling(self) -> tuple[int, float]:
        """(steps, guidance scale) that suit the weights."""

    def __call__(
        self,
        images: Any,
        reference_poses: Any,
        target_poses: Any,
        steps: int = ...,
        guidance_scale: float = ...,
        seed: int = ...,
        *,
        callback: Callable[[int, int], None] | None = ...,
        fill_to: int = ...,
    ) -> Any:
        """Synthesize float [M,H,W,3] in [0, 1]; what ``callback`` raises ends the run."""


@dataclass(frozen=True, eq=False)
class SynthesisRequest:
    """One job for the model.

    Attributes:
        reference_images: uint8 RGB [N,H,H,3], taken with the model's camera, white around the object.
        reference_poses: ``camera_gl_from_world`` [N,4,4], model units.
        target_poses: the same for the wanted views, [M,4,4].
        steps: denoising steps; None: as many as suit the weights.
        guidance_scale: weight of the references; None: what suits the weights.
        seed: of the initial noise.
        fill_to: denoise at least so many targets together, repeating wanted poses; 15 is the authors' advice.
    """

    reference_images: NDArray[np.uint8]
    reference_poses: NDArray[np.float64]
    target_poses: NDArray[np.float64]
    steps: int | None = None
    guidance_scale: float | None = None
    seed: int = 0
    fill_to: int = 15

    def __post_init__(self) -> None:
        """Check shapes; poses may also be given as sequences of ``SE3``.

        Raises:
            EscherNetError: when images and poses do not belong together, or one of them is missing.
        """
        object.__setattr__(self, "reference_poses", _matrices(self.reference_poses, "reference_poses"))
        object.__setattr__(self, "target_poses", _matrices(self.target_poses, "target_poses"))
        images = self.reference_images
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise EscherNetError(f"Reference images must be uint8 [N,H,W,3], not {images.dtype} {list(images.shape)}.")
        if len(images) != len(self.reference_poses):
            raise EscherNetError(f"{len(images)} reference images came with {len(self.reference_poses)} poses.")


@dataclass(frozen=True, eq=False)
class SynthesisResult:
    """The synthesized views.

    Attributes:
        images: uint8 RGB [M,H,W,3], in the order of the request's target poses.
        steps, guidance_scale: what was used.
        timings: seconds by stage: ``first step`` (with the encoding of the references), ``other steps`` and
            ``decode``, and ``total``.
        notice: sentence about the weights, or None.
        warnings: sentences about this request.
    """

    images: NDArray[np.uint8]
    steps: int
    guidance_scale: float
    timings: dict[str, StageTime]
    notice: str | None
    warnings: tuple[str, ...]


def standoff_warnings(poses: NDArray[np.float64], what: str) -> list[str]:
    """A sentence for the cameras [N,4,4] that stand nearer or farther than the model was trained on."""
    radii = [spherical_from_pose(SE3.from_matrix(matrix)).radius for matrix in poses]
    low, high = STANDOFF_RANGE
    outside = [
        index
        for index, radius in enumerate(radii)
        if not low - _STANDOFF_TOLERANCE <= radius <= high + _STANDOFF_TOLERANCE
    ]
    if not outside:
        return []
    values = [radii[index] for index in outside]
    return [
        f"{len(outside)} of {len(radii)} {what} cameras stand outside the distances the model was trained "
        f"on, {low} to {high} longest sides of the object: they range from {min(values):.2f} to "
        f"{max(values):.2f}. Check the object's size, or move the camera."
    ]


def _matrices(poses: NDArray[np.float64] | Sequence[SE3], name: str) -> NDArray[np.float64]:
    if not isinstance(poses, np.ndarray) and all(isinstance(pose, SE3) for pose in poses):
        poses = stack_matrices(poses)
    matrices = np.asarray(poses, dtype=np.float64)
    if matrices.ndim != 3 or matrices.shape[1:] != (4, 4) or len(matrices) == 0:
        raise EscherNetError(f"{name} must be at least one world-to-camera matrix [N,4,4], not {list(matrices.shape)}.")
    return matrices
