# SPDX-License-Identifier: Apache-2.0
"""How well the views agree with each other: what a wrong hand-eye calibration or pose pulls apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.geometry import SE3
from eschernet_ros.localisation.box import merged

_FEWEST_POINTS = 100
_TAIL_PERCENT = 0.3
_VOXEL_M = 0.003


def view_shifts(
    clouds: Sequence[NDArray[np.float64]], cameras: Sequence[SE3], up: NDArray[np.float64]
) -> tuple[float, ...]:
    """How far each view sees the object to the left or right of where all other views see it, metres.

    A single view sees only the near side of the object, but its left and right ends it sees as well as any other view
    does. A shift moves both ends alike; an end that this view misses, in the stereo shadow, moves one only, so the
    smaller of the two moves is taken, and none where they differ in sign. What moves the object towards or away from
    the camera cannot be told from its shape in this way.

    Args:
        clouds: for each view the object's points [N, 3], base frame, metres.
        cameras: for each view the pose of the camera, ``base_from_camera_optical``.
        up: [3] the direction that is up.

    Returns:
        One number for each view, NaN where it or the others together have too few points.
    """
    shifts = []
    for index, (cloud, camera) in enumerate(zip(clouds, cameras, strict=True)):
        others = [other for i, other in enumerate(clouds) if i != index and len(other) >= _FEWEST_POINTS]
        if len(cloud) < _FEWEST_POINTS or not others:
            shifts.append(float("nan"))
            continue
        across = camera.matrix[:3, 0] - (camera.matrix[:3, 0] @ up) * up
        across /= max(float(np.linalg.norm(across)), 1e-9)
        left, right = _ends(cloud, across) - _ends(np.concatenate(others), across)
        shifts.append(min(abs(left), abs(right)) if left * right > 0.0 else 0.0)
    return tuple(shifts)


def _ends(cloud: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the points begin and end along an axis, [2] metres."""
    return np.asarray(np.percentile(merged(cloud, _VOXEL_M) @ axis, [_TAIL_PERCENT, 100.0 - _TAIL_PERCENT]))
