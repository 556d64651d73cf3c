# SPDX-License-Identifier: Apache-2.0
"""The mask from colour alone: what differs, inside the outline of the object's box, from what is around it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from eschernet_ros.capture.mask import without_specks
from eschernet_ros.capture.mask_evidence import box_outline
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

_CONTEXT = 0.35
"""Colours of the background are learned in a border of this share of the outline's longer side."""
_PIXELS = 160_000
"""A larger window is reduced to about this many pixels; the mask is enlarged again."""
_ROUNDS = 5


def outline_mask(
    colour: np.ndarray,
    camera: PinholeCamera,
    object_from_camera_optical: SE3,
    size: Sequence[float],
    margin: float = 0.0,
) -> np.ndarray:
    """The object's pixels by GrabCut, started from the outline of its box.

    Everything outside the outline is background; inside, GrabCut (Rother, Kolmogorov and Blake, 2004) separates colours
    that occur outside from others. It works where object and background differ in colour and the box is tight; where
    they share colours, parts of the object are lost.

    Args:
        colour: [H, W, 3] uint8 RGB.
        camera: its camera.
        object_from_camera_optical: pose of the camera in the object frame, metres.
        size: side lengths (x, y, z) of the box, metres.
        margin: by how much the box is enlarged sideways and upwards, metres.

    Returns:
        [H, W] bool; empty when the box is out of sight, or when nothing in it differs.

    Raises:
        EscherNetError: an image that does not fit the camera, a box that reaches behind it or fills the image (nothing
            is left to learn the background from).
    """
    import cv2

    if colour.shape != (camera.height, camera.width, 3) or colour.dtype != np.uint8:
        raise EscherNetError(
            f"the colour image is {colour.dtype} {list(colour.shape)}, its camera is {camera.width}x{camera.height}: "
            "uint8 [height, width, 3] is needed"
        )
    corners = np.array(list(itertools.product(*((-0.5 * side, 0.5 * side) for side in size))))
    if not (object_from_camera_optical.inverse() @ corners)[:, 2].min() > 0.0:
        raise EscherNetError(
            "the object's box reaches behind the camera: check where the box is and how large, and the camera's pose"
        )
    outline = box_outline(camera, object_from_camera_optical, size, margin)
    if outline.all():
        raise EscherNetError(
            "the object's box fills the whole image, so nothing shows the background: give a smaller box, or another "
            "kind of mask"
        )
    mask = np.zeros(outline.shape, dtype=bool)
    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    if not len(rows):
        return mask
    border = math.ceil(_CONTEXT * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)) + 1
    window = (
        slice(max(0, int(rows[0]) - border), int(rows[-1]) + border + 1),
        slice(max(0, int(columns[0]) - border), int(columns[-1]) + border + 1),
    )
    part, inside = np.ascontiguousarray(colour[window]), outline[window]
    height, width = inside.shape
    scale = min(1.0, math.sqrt(_PIXELS / inside.size))
    if scale < 1.0:
        small = (max(1, round(scale * width)), max(1, round(scale * height)))
        part = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        inside = cv2.resize(inside.astype(np.uint8), small, interpolation=cv2.INTER_NEAREST).astype(bool)
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # GrabCut starts from k-means
    cv2.grabCut(part, labels, None, background, foreground, _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
    if scale < 1.0:
        found = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    mask[window] = (found >= 0.5) & outline[window]
    return without_specks(mask)
