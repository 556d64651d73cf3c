# SPDX-License-Identifier: Apache-2.0
"""The object's pixels, from depth and the box that the object is known to stand in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from eschernet_ros.capture.mask_evidence import MaskEvidence, gather_evidence
from eschernet_ros.geometry import SE3, PinholeCamera

_SPECK_SHARE = 0.02


def object_mask(
    depth: np.ndarray,
    camera: PinholeCamera,
    object_from_camera_optical: SE3,
    size: Sequence[float],
    margin: float = 0.01,
    plane_margin: float = 0.005,
) -> np.ndarray:
    """Pixels whose measured point lies inside the object's box and above the plane it stands on.

    Pixels without a measurement that the object encloses are added (shiny spots); measured background seen
    through it, as in a cup's handle, stays background. Specks below 2 % of the largest part are removed.

    Args:
        depth: [H, W] float, metres along the optical axis, 0 or NaN = no measurement, aligned to ``camera``.
        camera: the camera of the depth image.
        object_from_camera_optical: pose of the camera in the object frame (centre of the box), **metres**.
        size: side lengths (x, y, z) of the box, metres.
        margin: by how much the box is enlarged sideways and upwards, metres.
        plane_margin: points less than this above the table count as table, metres: it must exceed the depth noise,
            and costs as much of the object's foot. Where the table's noise can be measured around the box, three of
            its standard deviations are taken when they are less.

    Returns:
        [H, W] bool.

    Raises:
        EscherNetError: depth of another size than the camera's, of an integer type or beyond 100 m
            (millimetres), a size that is not three positive numbers, a negative margin.
    """
    evidence = gather_evidence(depth, camera, object_from_camera_optical, size, margin, plane_margin)
    return evidence.whole(depth_mask(evidence))


def depth_mask(evidence: MaskEvidence) -> np.ndarray:
    """The mask of depth alone, in the evidence's window: holes closed, specks removed. [h, w] bool."""
    if not evidence.object.any():
        return evidence.object
    return without_specks(_with_holes_closed(evidence.object, evidence.measured))


def without_specks(mask: np.ndarray) -> np.ndarray:
    """The mask [h, w] without parts smaller than 2 % of the largest one."""
    import cv2

    if not mask.any():  # also of no pixels at all, which OpenCV does not survive
        return mask
    count, labels, figures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    areas = figures[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((areas >= _SPECK_SHARE * areas.max())[labels] & mask)


def _with_holes_closed(inside: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Add unmeasured pixels that are enclosed by the object."""
    # closing first: a leak of one or two pixels through the rim must not keep a hole open
    rim = inside | ndimage.binary_closing(inside, structure=np.ones((3, 3), bool))
    labels, count = ndimage.label(~rim)
    enclosed = np.ones(count + 1, dtype=bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        enclosed[edge] = False
    enclosed[0] = True  # the rim itself
    return inside | (enclosed[labels] & ~measured)
