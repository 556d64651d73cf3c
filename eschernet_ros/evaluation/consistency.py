# SPDX-License-Identifier: Apache-2.0
"""Whether views fit each other, without depth: matches between neighbouring views must lie on their epipolar lines.

Views of one rigid object obey the geometry of their cameras, whatever the object. Dense matches (OpenCV's DIS flow,
kept where forward and backward flow agree) are therefore compared with the epipolar lines of the poses that were
asked for, as the threshold symmetric epipolar distance does with features (Yu et al., ICCV 2023, arXiv 2304.10700).
The true views measured in the same way say how far the flow itself can be trusted at these angles.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.evaluation.baselines import angles_between
from eschernet_ros.evaluation.results import Consistency
from eschernet_ros.geometry import SE3, model_camera, world_from_camera_optical
from eschernet_ros.geometry.epipolar import essential_matrix, symmetric_distance
from eschernet_ros.optional import require

SIZE = 256
"""Views are enlarged or reduced to this side before they are matched; distances are pixels of it."""

NEAREST_DEG, FARTHEST_DEG = 1.0, 45.0
"""Views closer than the one have no baseline to speak of, beyond the other the flow finds little."""

_WHITE = 250
_AGREE_PX = 1.5
_NEAR_PX = 2.0


def neighbour_pairs(poses: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Each view of ``camera_gl_from_world`` [M, 4, 4] with its nearest neighbour within the angles, each pair once."""
    if len(poses) < 2:
        return []
    degrees = np.degrees(angles_between(poses, poses))
    degrees[degrees < NEAREST_DEG] = np.inf
    nearest = degrees.argmin(axis=1)
    pairs = {(min(i, int(j)), max(i, int(j))) for i, j in enumerate(nearest) if degrees[i, j] <= FARTHEST_DEG}
    return sorted(pairs)


def consistency(
    method: str, images: NDArray[np.uint8], poses: NDArray[np.float64], pairs: list[tuple[int, int]]
) -> Consistency:
    """Compare views pair by pair.

    Args:
        method: for the result.
        images: uint8 [M, H, H, 3], taken (or said to be taken) by the model's camera.
        poses: ``camera_gl_from_world`` [M, 4, 4].
        pairs: of ``neighbour_pairs``.

    Raises:
        MissingDependencyError: OpenCV is not installed.
    """
    cv2 = require("cv2", 'pip install "opencv-python-headless<5"', "the consistency of views")
    large = {i: _resized(cv2, images[i]) for pair in pairs for i in pair}
    distances: list[NDArray[np.float64]] = []
    pixels = 0
    for first, second in pairs:
        seen, start, end = _matches(cv2, large[first], large[second])
        pixels += seen
        distances.append(epipolar_distances(poses[first], poses[second], start, end))
    found = np.concatenate(distances) if distances else np.empty(0)
    return Consistency(
        method=method,
        pairs=len(pairs),
        matches=len(found),
        coverage=len(found) / pixels if pixels else 0.0,
        median_px=float(np.median(found)) if len(found) else None,
        within_2px=float((found <= _NEAR_PX).mean()) if len(found) else None,
    )


def epipolar_distances(
    first: NDArray[np.float64], second: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean distance of the two points of each match from their epipolar lines, pixels of the ``SIZE`` image, [K].

    Args:
        first: ``camera_gl_from_world`` [4, 4] of the view of ``start``.
        second: of the view of ``end``.
        start: pixels [K, 2] in the first view.
        end: pixels [K, 2] in the second.
    """
    camera = model_camera(SIZE)
    world_from_first, world_from_second = (world_from_camera_optical(SE3(pose)) for pose in (first, second))
    essential = essential_matrix(world_from_second.inverse() @ world_from_first)
    a, b = (camera.rays(pixels)[:, :2] for pixels in (start, end))
    return symmetric_distance(essential, a, b) * camera.fx


def _matches(
    cv2: ModuleType, first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Pixels of the object in the first view, and those of them that were matched with their places in the second."""
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (first, second)]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    forward, backward = flow.calc(grey[0], grey[1], None), flow.calc(grey[1], grey[0], None)
    objects = [np.asarray((image < _WHITE).any(axis=-1)) for image in (first, second)]
    rows, columns = np.nonzero(objects[0])
    start = np.column_stack([columns, rows]).astype(np.float64)
    end = start + forward[rows, columns]
    nearest = np.rint(end).astype(int)
    inside = ((nearest >= 0) & (nearest < SIZE)).all(axis=1)
    start, end, nearest = start[inside], end[inside], nearest[inside]
    back = end + backward[nearest[:, 1], nearest[:, 0]]
    kept = (np.linalg.norm(back - start, axis=1) <= _AGREE_PX) & objects[1][nearest[:, 1], nearest[:, 0]]
    return len(rows), start[kept], end[kept]


def _resized(cv2: ModuleType, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.shape[0] == SIZE:
        return image
    way = "INTER_AREA" if image.shape[0] > SIZE else "INTER_CUBIC"
    return np.asarray(cv2.resize(image, (SIZE, SIZE), interpolation=getattr(cv2, way)))
