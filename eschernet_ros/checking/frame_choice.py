# SPDX-License-Identifier: Apache-2.0
"""Which frames of a long recording are judged, and which of them are compared by depth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.evidence import SurfacePair
from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.geometry import SE3

METRES_PER_RADIAN = 0.4
"""A turn counts as much as the way a camera makes that looks at something 0.4 m away."""
SLOWEST = 0.02
"""m/s, turning included: an arm slower than this hardly moves; a time offset cannot be seen."""
SURFACE_ANGLE_DEG = 45.0
SURFACES_PER_FRAME = 4


def spread_over_motion(stamps_ns: Sequence[int], track: PoseTrack, count: int) -> list[int]:
    """Indices of at most ``count`` stamps at equal steps along the arm's way; where it rests, one is enough.

    Args:
        stamps_ns: ascending.
        track: the arm's poses.
        count: how many.
    """
    if len(stamps_ns) <= count:
        return list(range(len(stamps_ns)))
    poses = [track.at(stamp) for stamp in stamps_ns]
    steps = [metres + METRES_PER_RADIAN * radians for metres, radians in map(SE3.distance_to, poses, poses[1:])]
    way = np.concatenate([[0.0], np.cumsum(steps)])
    if way[-1] < 1e-4:
        return sorted({int(i) for i in np.linspace(0, len(stamps_ns) - 1, count).round()})
    wanted = np.linspace(0.0, way[-1], count)
    return sorted({int(np.abs(way - place).argmin()) for place in wanted})


def speeds_at(track: PoseTrack, stamps_ns: Sequence[int]) -> NDArray[np.float64]:
    """Speed [N] at each stamp in m/s, turning counted as the way of something 0.4 m away."""
    speeds = [track.speed_at(stamp) for stamp in stamps_ns]
    return np.array([linear + METRES_PER_RADIAN * angular for linear, angular in speeds])


def surface_pairs(world_from_camera: Sequence[SE3], has_depth: Sequence[bool], seed: int = 0) -> list[SurfacePair]:
    """Pairs of frames whose depths are compared: some at random among those that look the same way."""
    rng = np.random.default_rng(seed)
    pairs = []
    for source, pose in enumerate(world_from_camera):
        if not has_depth[source]:
            continue
        near = [
            target
            for target, other in enumerate(world_from_camera)
            if target != source and has_depth[target] and pose.distance_to(other)[1] < np.radians(SURFACE_ANGLE_DEG)
        ]
        pairs += [SurfacePair(source, int(target)) for target in rng.permutation(near)[:SURFACES_PER_FRAME]]
    return pairs
