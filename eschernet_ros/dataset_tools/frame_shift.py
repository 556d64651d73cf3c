# SPDX-License-Identifier: Apache-2.0
"""Pictures and poses out of step: a frame is missing on one side, and from there on each has its neighbour's pose.

Where in the sequence that begins is found by space carving: of all ways to be out of step, the right one leaves the
largest visual hull, since a mask with a pose that is not its own cuts away what belongs to the object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.recording import CheckFrame
from eschernet_ros.checking.silhouettes import inside_mask, object_ball, widened
from eschernet_ros.geometry import SE3

POINTS_PER_SIDE = 28
LEAST_GROWTH = 1.15
"""The hull must grow by 15 % for a shift to be considered."""
LEAST_FRAMES = 5


@dataclass(frozen=True)
class FrameShift:
    """Pictures and poses out of step.

    Attributes:
        row: the first picture that does not have its own pose.
        step: +1: from there on, the pose of picture i is that of row i + 1 (a picture is missing before ``row``);
            -1: the pose of picture ``row`` is missing, and after it that of picture i is that of row i - 1.
    """

    row: int
    step: int

    def rows(self, count: int) -> list[tuple[int, int]]:
        """Pairs (picture, row of its pose) of all ``count`` pictures that have one."""
        pairs = [(i, i if i < self.row else i + self.step) for i in range(count) if i != self.row or self.step > 0]
        return [(picture, pose) for picture, pose in pairs if 0 <= pose < count]


def find_shift(frames: Sequence[CheckFrame], world_from_camera: Sequence[SE3]) -> FrameShift | None:
    """The likely shift, to be confirmed by other means; None where none makes the hull larger.

    Args:
        frames: all views of the object in their order, with whole masks.
        world_from_camera: a pose each.
    """
    count = len(frames)
    if count < LEAST_FRAMES or any(frame.mask is None or not frame.mask.any() for frame in frames):
        return None
    centre, radius = object_ball(frames, world_from_camera)
    if radius is None:
        return None
    axis = np.linspace(-radius, radius, POINTS_PER_SIDE)
    points = centre + np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    in_step = _carved(frames, world_from_camera, points, 0)
    before = _and_all(in_step)  # [k]: inside masks 0..k-1
    after = _and_all(in_step[::-1])[::-1]  # [k]: inside masks k..
    best, growth = None, LEAST_GROWTH
    for step in (1, -1):
        shifted = _and_all(_carved(frames, world_from_camera, points, step)[::-1])[::-1]  # [k]: k.., with other poses
        for row in range(count - 1):
            first = row if step > 0 else row + 1  # from which on pictures have the other pose
            hull = int((before[row] & shifted[first]).sum())
            # the same pictures with the poses given; the last one has none when a picture is missing
            rest = before[count - 1] if step > 0 else before[row] & after[first]
            unshifted = max(int(rest.sum()), 1)
            if hull > growth * unshifted:
                best, growth = FrameShift(row, step), hull / unshifted
    return best


def _and_all(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[N + 1, P]: row k is true where the first k rows are."""
    return np.concatenate([np.ones((1, inside.shape[1]), bool), np.logical_and.accumulate(inside, axis=0)])


def _carved(
    frames: Sequence[CheckFrame], poses: Sequence[SE3], points: NDArray[np.float64], step: int
) -> NDArray[np.bool_]:
    """[N, P] which points lie inside each mask, seen with the pose ``step`` rows on; all where there is none."""
    inside = np.ones((len(frames), len(points)), bool)
    for row, frame in enumerate(frames):
        if 0 <= row + step < len(frames):
            inside[row] = inside_mask(points, widened(frame.mask), frame.camera, poses[row + step].inverse())
    return inside
