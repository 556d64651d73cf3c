# SPDX-License-Identifier: Apache-2.0
"""What can be made of posed references without a model: the views that a synthesis has to beat.

All functions take uint8 images [N, H, H, 3] of the model's camera with their poses ``camera_gl_from_world``
[N, 4, 4], the object at the world's origin, and give uint8 images [M, H, H, 3] at the target poses [M, 4, 4].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import GL_FROM_OPTICAL, model_camera
from eschernet_ros.optional import require

_SAME_DIRECTION = 1e-6
"""Radians; a reference nearer than this to the target's direction is taken alone."""


def nearest_reference(
    images: NDArray[np.uint8], reference_poses: ArrayLike, target_poses: ArrayLike
) -> NDArray[np.uint8]:
    """For each target the reference whose direction, seen from the origin, is the nearest; ties to the first.

    Raises:
        EscherNetError: arrays of other types or shapes, or a camera at the origin.
    """
    references, targets = _checked(images, reference_poses, target_poses)
    return images[angles_between(references, targets).argmin(axis=1)]


def mean_of_references(
    images: NDArray[np.uint8], reference_poses: ArrayLike, target_poses: ArrayLike
) -> NDArray[np.uint8]:
    """The mean of all references, rounded, the same for every target.

    Raises:
        EscherNetError: arrays of other types or shapes.
    """
    _, targets = _checked(images, reference_poses, target_poses)
    mean = np.rint(images.mean(axis=0, dtype=np.float64)).astype(np.uint8)
    return np.repeat(mean[None], len(targets), axis=0)


def two_view_warp(images: NDArray[np.uint8], reference_poses: ArrayLike, target_poses: ArrayLike) -> NDArray[np.uint8]:
    """The nearest two references, each warped by a homography and blended by inverse angle; no depth is used.

    The homography is that of the plane through the origin which faces the target's camera: every pixel shows what the
    reference would see if the object were painted on that plane. Of the planes that face the target, the reference or
    halfway between, and of a picture that turns with the viewer, this one scores the highest foreground PSNR on the
    bench's objects at every number of references. A pixel that neither reference sees is white.

    Raises:
        EscherNetError: arrays of other types or shapes, or a camera at the origin.
        MissingDependencyError: OpenCV is not installed.
    """
    references, targets = _checked(images, reference_poses, target_poses)
    angles = angles_between(references, targets)
    warped = np.empty((len(targets), *images.shape[1:]), np.uint8)
    for number, target in enumerate(targets):
        chosen = np.argsort(angles[number], kind="stable")[:2]
        if angles[number, chosen[0]] < _SAME_DIRECTION:
            chosen = chosen[:1]
        total, weights = np.zeros(images.shape[1:]), np.zeros((*images.shape[1:3], 1))
        for index in chosen:
            picture, seen = _warp(images[index], references[index], target)
            weight = seen[..., None] / max(angles[number, index], _SAME_DIRECTION)
            total += weight * picture
            weights += weight
        blended = np.where(weights > 0.0, total / np.where(weights > 0.0, weights, 1.0), 255.0)
        warped[number] = np.rint(blended)
    return warped


def _warp(
    image: NDArray[np.uint8], reference: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The reference painted on the plane that faces the target, seen by the target, and the pixels it reaches."""
    cv2 = require("cv2", 'pip install "opencv-python-headless<5"', "the warping baseline")
    camera = model_camera(image.shape[0])
    rays = camera.rays(camera.pixel_grid())
    optical_from_world = GL_FROM_OPTICAL.matrix @ target
    world_from_optical = np.linalg.inv(optical_from_world)
    normal = optical_from_world[:3, :3] @ _directions(target[None])[0]
    towards = rays @ normal
    distance = float(normal @ optical_from_world[:3, 3])
    depth = np.divide(distance, towards, out=np.full_like(towards, -1.0), where=np.abs(towards) > 1e-9)
    world = (rays * depth[..., None]) @ world_from_optical[:3, :3].T + world_from_optical[:3, 3]
    seen_from = GL_FROM_OPTICAL.matrix @ reference
    pixels = camera.project(world @ seen_from[:3, :3].T + seen_from[:3, 3])
    seen = (depth > 0.0) & camera.contains(pixels)
    # pixels far outside, or behind the camera, are not seen; remap only needs numbers there
    places = np.where(seen[..., None], pixels, 0.0).astype(np.float32)
    picture = cv2.remap(
        image.astype(np.float32), places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return picture, seen


def _directions(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors [N, 3] from the origin to the cameras."""
    centres = -np.einsum("nji,nj->ni", poses[:, :3, :3], poses[:, :3, 3])
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    if (lengths <= 0.0).any():
        raise EscherNetError(f"Camera {int(np.argmin(lengths))} is at the world's origin; it has no direction.")
    return centres / lengths


def angles_between(references: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles [M, N] in radians between the directions of targets and references, exact for small ones too."""
    one, two = _directions(targets)[:, None], _directions(references)[None]
    apart = np.linalg.norm(one - two, axis=-1), np.linalg.norm(one + two, axis=-1)
    return 2.0 * np.arctan2(*apart)


def _checked(
    images: NDArray[np.uint8], reference_poses: ArrayLike, target_poses: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 3:
        raise EscherNetError(f"Reference images must be uint8 [N, H, H, 3], not {images.dtype} {list(images.shape)}.")
    references = np.asarray(reference_poses, dtype=np.float64)
    targets = np.asarray(target_poses, dtype=np.float64)
    for name, poses in (("Reference", references), ("Target", targets)):
        if poses.ndim != 3 or poses.shape[1:] != (4, 4) or len(poses) == 0:
            raise EscherNetError(f"{name} poses must be [N, 4, 4] with N >= 1, not {list(poses.shape)}.")
    if len(images) != len(references):
        raise EscherNetError(f"{len(images)} reference images came with {len(references)} reference poses.")
    return references, targets
