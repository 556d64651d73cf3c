# SPDX-License-Identifier: Apache-2.0
"""A depth picture as a surface: where it is smooth, which way it faces, how far points lie from it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.recording import CheckFrame

FloatArray = NDArray[np.float64]

SAMPLES = 100
STRIDE = 2
"""Every second row and column is kept."""
NEAREST_M, FARTHEST_M = 0.1, 3.0


class DepthSurface:
    """The smooth parts of one frame's depth.

    Args:
        frame: with depth.
        seed: of the choice of the samples.

    Attributes:
        samples: [S, 3] points (metres, camera frame), half of them on the object where there is a mask, the others
            anywhere; spread so that what faces another way is not outnumbered by a table top.
    """

    def __init__(self, frame: CheckFrame, seed: int = 0) -> None:
        assert frame.depth is not None
        self._camera = frame.camera
        self._focal = float(np.sqrt(frame.camera.fx * frame.camera.fy))
        raw = frame.depth
        valid = (raw > NEAREST_M) & (raw < FARTHEST_M)
        # mean over 5x5 of the valid depths; the surface is trusted where nearly all are valid and alike
        weight = cv2.blur(valid.astype(np.float32), (5, 5))
        mean = cv2.blur(np.where(valid, raw, 0.0).astype(np.float32), (5, 5)) / np.maximum(weight, 1e-6)
        high = cv2.dilate(np.where(valid, raw, 0.0).astype(np.float32), np.ones((5, 5), np.uint8))
        low = cv2.erode(np.where(valid, raw, 1e3).astype(np.float32), np.ones((5, 5), np.uint8))
        smooth = valid & (weight > 0.7) & (high - low < 0.04 * mean)
        smooth, mean = smooth[::STRIDE, ::STRIDE], mean[::STRIDE, ::STRIDE]
        self._depth = np.where(smooth, mean, np.float32(0.0))
        rays = frame.camera.rays(frame.camera.pixel_grid()[::STRIDE, ::STRIDE]).astype(np.float32)
        points = (rays * mean[..., None]).astype(np.float32)
        step = 2
        along_x = np.roll(points, -step, axis=1) - np.roll(points, step, axis=1)
        along_y = np.roll(points, -step, axis=0) - np.roll(points, step, axis=0)
        normals = np.cross(along_x, along_y)
        length = np.linalg.norm(normals, axis=-1, keepdims=True)
        self._normals = normals / np.maximum(length, np.float32(1e-12))
        # the differences reach this far to every side: all of that must be smooth
        flat = cv2.erode(smooth.astype(np.uint8), np.ones((2 * step + 1,) * 2, np.uint8), borderValue=0).astype(bool)
        self._usable = flat
        self.samples = self._choose(points, np.random.default_rng(seed))

    @property
    def sample_count(self) -> int:
        """Number of samples."""
        return len(self.samples)

    def _choose(self, points: NDArray[np.float32], rng: np.random.Generator) -> FloatArray:
        """Samples of all directions of the normals alike: what only a few points show is what fixes a pose."""
        rows, columns = np.nonzero(self._usable)
        if not len(rows):
            return np.empty((0, 3))
        normals = self._normals[rows, columns]
        bins = np.round(normals * 2.0).astype(int)
        _, group = np.unique(bins, axis=0, return_inverse=True)
        group = group.ravel()
        weight = 1.0 / np.bincount(group)[group]
        count = min(SAMPLES, len(rows))
        chosen = rng.choice(len(rows), size=count, replace=False, p=weight / weight.sum())
        return np.asarray(points[rows[chosen], columns[chosen]], dtype=np.float64)

    def _look_up(self, points: FloatArray) -> tuple[NDArray, NDArray, NDArray]:
        """Rows and columns of the pixels at which points [M, 3] appear, and which of them hit the smooth surface."""
        pixels = np.nan_to_num(self._camera.project(points), nan=-9.0, posinf=-9.0, neginf=-9.0)
        columns, rows = np.round(np.clip(pixels, -9, 1e6) / STRIDE).astype(int).T
        height, width = self._depth.shape
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        rows, columns = np.where(inside, rows, 0), np.where(inside, columns, 0)
        return rows, columns, inside & self._usable[rows, columns]

    def plane_residuals(self, points: FloatArray) -> FloatArray:
        """Distance [M] of points [M, 3] (camera frame, metres) from the surface behind their pixel, in px; NaN: none.

        Metres along the normal times focal length / depth. Points far behind or before the surface (by more than
        15 % of the depth) are occluded or of another thing, and have no residual.
        """
        rows, columns, hit = self._look_up(points)
        depth = self._depth[rows, columns]
        rays = points / np.where(np.abs(points[:, 2:]) > 1e-9, points[:, 2:], 1e-9)
        offset = points - rays * depth[:, None]
        distance = np.einsum("mi,mi->m", self._normals[rows, columns], offset)
        near = hit & (np.abs(offset[:, 2]) < 0.15 * depth)
        return np.where(near, distance * self._focal / np.maximum(depth, 1e-6), np.nan)

    def depth_differences(self, points: FloatArray) -> FloatArray:
        """Measured depth minus predicted depth [M] in metres of points [M, 3]; NaN where nothing can be compared."""
        rows, columns, hit = self._look_up(points)
        difference = self._depth[rows, columns] - points[:, 2]
        return np.where(hit & (np.abs(difference) < 0.15 * points[:, 2]), difference, np.nan)
