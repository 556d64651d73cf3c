# SPDX-License-Identifier: Apache-2.0
"""The references as a per-scene fit takes them, and the visual hull of their masks that it starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, model_camera, world_from_camera_optical

_WHITE = 250
"""Without masks, a pixel that is darker than this in some channel shows the object."""

_COARSE = 48
"""Points along a side of the cube in which the hull is looked for."""


@dataclass(frozen=True, eq=False)
class FitViews:
    """References that belong together.

    Attributes:
        images: uint8 [N, H, H, 3], taken by the model's camera, white around the object.
        masks: bool [N, H, H], true on the object.
        poses: ``camera_gl_from_world`` [N, 4, 4], the object at the origin, its longest side 1.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    poses: NDArray[np.float64]

    @classmethod
    def checked(
        cls, images: NDArray[np.uint8], masks: NDArray[np.bool_] | None, poses: NDArray[np.float64]
    ) -> FitViews:
        """The references; without masks every pixel that is not white shows the object.

        Raises:
            EscherNetError: arrays that do not belong together.
        """
        if images.ndim != 4 or images.shape[1] != images.shape[2] or len(images) != len(poses) or not len(images):
            raise EscherNetError(
                f"The scene fit needs square images and as many poses, not {list(images.shape)} and {len(poses)} poses."
            )
        return cls(images, np.asarray((images < _WHITE).any(axis=-1)) if masks is None else masks, poses)

    def pixels(self, image_size: int) -> Tensor:
        """Colour and mask, 0 to 1, float32 [N, S, S, 4], reduced to a side of ``image_size`` where they are larger."""
        size = min(self.images.shape[1], image_size)
        both = np.concatenate([self.images / 255.0, self.masks[..., None]], axis=-1).astype(np.float32)
        values = torch.from_numpy(both).permute(0, 3, 1, 2)
        if size != self.images.shape[1]:
            values = functional.interpolate(values, (size, size), mode="area")
        return values.permute(0, 2, 3, 1).contiguous()


class VisualHull:
    """What the masks leave of a cube about the object's centre.

    Args:
        views: whose masks.
        half_side: of the cube.

    Raises:
        EscherNetError: nothing: the poses or masks are wrong.
    """

    def __init__(self, views: FitViews, half_side: float) -> None:
        self._views = views
        self._wide = [_widened(mask) for mask in views.masks]
        cube = voxel_centres(np.full(3, -half_side), np.full(3, half_side), (_COARSE,) * 3)
        inside = self.at(cube)[0]
        if not inside.any():
            raise EscherNetError(
                "The masks of the references share no volume near the object's centre; their poses or masks are wrong."
            )
        found, voxel = cube[inside], 2.0 * half_side / _COARSE
        self.low, self.high = found.min(axis=0) - voxel, found.max(axis=0) + voxel

    def shape(self, grid: int) -> tuple[int, int, int]:
        """Voxels along x, y, z of the hull's box where ``grid`` lie along its longest side; at least 4."""
        sides = self.high - self.low
        x, y, z = (int(number) for number in np.maximum(np.ceil(sides / (sides.max() / grid)), 4))
        return x, y, z

    def at(self, points: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which points [..., 3] every reference that sees them shows as object, and their mean colour there, 0 to 1.

        A reference whose frame they are outside of does not count. Of ten references and more a tenth may disagree: one
        bad mask takes nothing away.
        """
        views = self._views
        camera = model_camera(views.images.shape[1])
        flat = points.reshape(-1, 3)
        seen, shown, total = (np.zeros(len(flat)) for _ in range(3))
        colours = np.zeros((len(flat), 3))
        for image, mask, wide, pose in zip(views.images, views.masks, self._wide, views.poses, strict=True):
            optical_from_world = world_from_camera_optical(SE3(pose)).inverse().matrix
            pixels = camera.project(flat @ optical_from_world[:3, :3].T + optical_from_world[:3, 3])
            inside = camera.contains(pixels)
            columns, rows = np.clip(np.rint(pixels[inside]).astype(int), 0, camera.width - 1).T
            hit = mask[rows, columns]
            seen[inside] += 1.0
            shown[inside] += wide[rows, columns]
            total[inside] += hit
            colours[inside] += image[rows, columns] * hit[:, None]
        allowed = np.floor(seen / 10.0)
        kept = (seen > 0.0) & (seen - shown <= allowed)
        mean = colours / np.maximum(total, 1.0)[:, None] / 255.0
        return kept.reshape(points.shape[:-1]), mean.reshape(points.shape)


def voxel_centres(low: NDArray[np.float64], high: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Centres of the voxels of a box, [x, y, z, 3]."""
    axes = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b, n in zip(low, high, shape, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def _widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and the pixels beside it: a voxel at its edge stays."""
    return np.asarray(ndimage.binary_dilation(mask, iterations=max(1, mask.shape[0] // 128)))
