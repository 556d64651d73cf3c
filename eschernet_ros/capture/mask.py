# SPDX-License-Identifier: Apache-2.0
"""The object's pixels, from depth and the box that the object is known to stand in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

_SPECK_SHARE = 0.02
_MAX_DEPTH_M = 100.0


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
        plane_margin: points less than this above the box's bottom face count as table, metres: it must exceed
            the depth noise, and costs as much of the object's foot.

    Returns:
        [H, W] bool.

    Raises:
        EscherNetError: depth of another size than the camera's, of an integer type or beyond 100 m
            (millimetres), a size that is not three positive numbers, a negative margin.
    """
    sides = np.asarray(size, dtype=np.float64)
    if sides.shape != (3,) or not (np.isfinite(sides) & (sides > 0.0)).all():
        raise EscherNetError(f"the box needs three positive side lengths in metres, they are {sides.tolist()}")
    if not margin >= 0.0 or not plane_margin >= 0.0:
        raise EscherNetError(f"margins must not be negative, they are {margin} and {plane_margin} m")
    measured = _measured(depth, camera)

    inside = np.zeros(depth.shape, dtype=bool)
    rays = camera.rays(camera.pixel_grid()[measured])
    points = object_from_camera_optical @ (rays * depth[measured].astype(np.float64)[:, None])
    half = sides / 2.0
    in_box = (np.abs(points[:, :2]) <= half[:2] + margin).all(axis=1)
    in_box &= (points[:, 2] <= half[2] + margin) & (points[:, 2] >= -half[2] + plane_margin)
    inside[measured] = in_box
    return _without_specks(_with_holes_closed(inside, measured))


def _measured(depth: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    if depth.shape != (camera.height, camera.width):
        raise EscherNetError(
            f"the depth image has shape {list(depth.shape)}, its camera is {camera.width}x{camera.height}: "
            "depth must be aligned to the colour camera (align_depth.enable:=true)"
        )
    if not np.issubdtype(depth.dtype, np.floating):
        raise EscherNetError(
            f"the depth image is {depth.dtype}, float metres are needed: "
            "a 16UC1 image is in millimetres, divide by 1000"
        )
    measured = np.isfinite(depth) & (depth > 0.0)
    if measured.any() and float(np.median(depth[measured])) > _MAX_DEPTH_M:
        raise EscherNetError(
            f"the median depth is {float(np.median(depth[measured])):g} m: the image is in millimetres, divide by 1000"
        )
    return measured


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


def _without_specks(mask: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(mask, structure=np.ones((3, 3), bool))
    if count <= 1:
        return mask
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    return (areas >= _SPECK_SHARE * areas.max())[labels] & mask
