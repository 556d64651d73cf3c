# SPDX-License-Identifier: Apache-2.0
"""Gaussians fitted to one object's references (Kerbl et al., SIGGRAPH 2023, arXiv 2308.04079), without their growth.

A fixed number of Gaussians, each of one colour from every side, starts in the visual hull of the masks with the mean of
the pixels that see each of them, and is fitted to the references with Adam. The rasteriser is an argument: on CUDA it
is gsplat's (``gsplat_rasteriser``). Like the voxel fit (``scene_fit``), it knows nothing about objects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.fit_views import FitViews, VisualHull, voxel_centres
from eschernet_ros.geometry import SE3, PinholeCamera, model_camera, world_from_camera_optical
from eschernet_ros.model.device import torch_device

_START_OPACITY = 0.1
_LAST_RATE = 0.1
"""The rates fall to this share of themselves, step by step."""


@dataclass(frozen=True)
class GaussianSettings:
    """How the Gaussians are fitted.

    Attributes:
        gaussians: at most so many; fewer where the hull has fewer voxels.
        grid: voxels along the longest side of the hull; a Gaussian starts in each that is drawn.
        steps: of Adam, each on ``views`` references.
        views: references in a step; all of them where there are fewer.
        image_size: the references are reduced to this side (larger ones only).
        mask_weight: of the difference of opacity and mask.
        move, turn, grow, fade, tint: rates of Adam for centres (in voxels), rotations, logarithms of the sizes, logits
            of opacities and of colours.
        largest: no Gaussian's standard deviation exceeds so many voxels.
        half_side: of the cube about the object's centre that the hull lies in; the object's longest side is 1.
        device: where it runs.
    """

    gaussians: int = 30000
    grid: int = 64
    steps: int = 1000
    views: int = 4
    image_size: int = 256
    mask_weight: float = 0.5
    move: float = 0.05
    turn: float = 0.01
    grow: float = 0.02
    fade: float = 0.1
    tint: float = 0.05
    largest: float = 3.0
    half_side: float = 0.6
    device: str = "cuda"

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            EscherNetError: one that is too small.
        """
        for name, least in (("gaussians", 1), ("grid", 8), ("steps", 1), ("views", 1), ("image_size", 8)):
            if getattr(self, name) < least:
                raise EscherNetError(
                    f"The Gaussian fit's {name} is {getattr(self, name)}; it must be at least {least}."
                )


@dataclass(frozen=True, eq=False)
class Gaussians:
    """What a rasteriser is given, float32.

    Attributes:
        centres: in the world [G, 3].
        rotations: quaternions (w, x, y, z) of any length [G, 4].
        sizes: standard deviations along the rotated axes [G, 3].
        opacities: 0 to 1 [G].
        colours: 0 to 1 [G, 3].
    """

    centres: Tensor
    rotations: Tensor
    sizes: Tensor
    opacities: Tensor
    colours: Tensor


Rasteriser = Callable[[Gaussians, Tensor, PinholeCamera], tuple[Tensor, Tensor]]
"""Colours on white [V, H, W, 3] and opacities [V, H, W] of cameras ``optical_from_world`` [V, 4, 4], with gradients."""


def gaussian_fit(
    images: NDArray[np.uint8],
    masks: NDArray[np.bool_] | None,
    reference_poses: NDArray[np.float64],
    target_poses: NDArray[np.float64],
    rasterise: Rasteriser,
    settings: GaussianSettings | None = None,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Fit the references and render the targets, uint8 [M, H, H, 3] on white.

    Args:
        images: references, uint8 [N, H, H, 3], taken by the model's camera, white around the object.
        masks: bool [N, H, H], true on the object; None: every pixel that is not white.
        reference_poses: ``camera_gl_from_world`` [N, 4, 4], the object at the origin, its longest side 1.
        target_poses: [M, 4, 4].
        rasterise: draws Gaussians on the settings' device.
        settings: how to fit.
        seed: of the draws of voxels and references.

    Raises:
        EscherNetError: arrays that do not belong together, references that share no volume, or no such device.
    """
    settings = settings or GaussianSettings()
    device = torch_device(settings.device)
    views = FitViews.checked(images, masks, reference_poses)
    wanted = views.pixels(settings.image_size).to(device)
    camera = model_camera(wanted.shape[1])
    cameras = _optical_from_world(reference_poses).to(device)
    generator = torch.Generator().manual_seed(seed)
    cloud = _Cloud(VisualHull(views, settings.half_side), settings, device, generator)
    schedule = torch.optim.lr_scheduler.ExponentialLR(cloud.optimiser, _LAST_RATE ** (1.0 / settings.steps))
    for _ in range(settings.steps):
        rows = torch.randperm(len(cameras), generator=generator)[: settings.views].to(device)
        colours, opacity = rasterise(cloud.gaussians(), cameras[rows], camera)
        loss = functional.l1_loss(colours, wanted[rows, ..., :3])
        loss = loss + settings.mask_weight * functional.l1_loss(opacity, wanted[rows, ..., 3])
        cloud.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        cloud.optimiser.step()
        schedule.step()
    fitted, camera = cloud.gaussians(), model_camera(images.shape[1])
    with torch.no_grad():
        drawn = [rasterise(fitted, pose[None], camera)[0][0] for pose in _optical_from_world(target_poses).to(device)]
        return np.asarray((torch.stack(drawn).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).cpu().numpy())


class _Cloud:
    """The Gaussians as numbers without bounds, and what improves them."""

    def __init__(
        self, hull: VisualHull, settings: GaussianSettings, device: torch.device, generator: torch.Generator
    ) -> None:
        points = voxel_centres(hull.low, hull.high, hull.shape(settings.grid))
        inside, colours = hull.at(points)
        drawn = torch.randperm(int(inside.sum()), generator=generator)[: settings.gaussians]
        count = len(drawn)
        # fewer than the hull has voxels are larger: together they fill it
        voxel = float((hull.high - hull.low).max()) / settings.grid * (float(inside.sum()) / count) ** (1.0 / 3.0)
        self._voxel, self._largest = voxel, float(np.log(settings.largest * voxel))
        self._start = torch.from_numpy(points[inside])[drawn].float().to(device)
        colour = torch.from_numpy(colours[inside])[drawn].float().clamp(0.02, 0.98).to(device)
        turned = torch.zeros((count, 4), device=device)
        turned[:, 0] = 1.0
        self._moved = torch.zeros((count, 3), device=device).requires_grad_(True)
        self._turned = turned.requires_grad_(True)
        self._sizes = torch.full((count, 3), float(np.log(0.5 * voxel)), device=device).requires_grad_(True)
        self._opacities = torch.logit(torch.full((count,), _START_OPACITY, device=device)).requires_grad_(True)
        self._colours = torch.logit(colour).requires_grad_(True)
        rates = {
            self._moved: settings.move,
            self._turned: settings.turn,
            self._sizes: settings.grow,
            self._opacities: settings.fade,
            self._colours: settings.tint,
        }
        self.optimiser = torch.optim.Adam(
            [{"params": [values], "lr": rate} for values, rate in rates.items()], betas=(0.9, 0.99), eps=1e-15
        )

    def gaussians(self) -> Gaussians:
        """As a rasteriser takes them."""
        return Gaussians(
            centres=self._start + self._voxel * self._moved,
            rotations=self._turned,
            sizes=torch.exp(self._sizes.clamp(max=self._largest)),
            opacities=torch.sigmoid(self._opacities),
            colours=torch.sigmoid(self._colours),
        )


def _optical_from_world(poses: NDArray[np.float64]) -> Tensor:
    """[N, 4, 4] float32 of ``camera_gl_from_world`` [N, 4, 4]."""
    matrices = [world_from_camera_optical(SE3(pose)).inverse().matrix for pose in poses]
    return torch.from_numpy(np.stack(matrices)).float()
