# SPDX-License-Identifier: Apache-2.0
"""A radiance field fitted to one object's references: what can be had without a trained model.

A voxel grid of density and colour (the same from every side) is rendered along the rays of the references and fitted to
their pixels with Adam and a total-variation prior, as in direct voxel grid optimisation (Sun et al., CVPR 2022, arXiv
2111.11215, without its networks). It starts from the visual hull of the masks with the mean of the pixels that see each
voxel, and nothing outside the hull is ever filled. It knows nothing about objects: behind what no reference sees there
is no right colour. From a handful of references on it is hard to beat.
"""

from __future__ import annotations

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

_START_DENSITY = -2.0
_CHUNK = 16384


@dataclass(frozen=True)
class FitSettings:
    """How the field is fitted.

    Attributes:
        grid: voxels along the longest side of the hull; the first half of the steps has half as many.
        steps: of Adam.
        rays: in each step.
        samples: along a ray, at the full grid.
        image_size: the references are reduced to this side (larger ones only).
        rate: of Adam.
        mask_weight: of the squared difference of opacity and mask.
        smooth_density, smooth_colour: weights of the total variation.
        half_side: of the cube about the object's centre that the field lies in; the object's longest side is 1.
        device: where it runs.
    """

    grid: int = 64
    steps: int = 300
    rays: int = 2048
    samples: int = 96
    image_size: int = 128
    rate: float = 0.1
    mask_weight: float = 0.5
    smooth_density: float = 1e-3
    smooth_colour: float = 3e-3
    half_side: float = 0.6
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            EscherNetError: one that is too small.
        """
        for name, least in (("grid", 8), ("steps", 2), ("rays", 1), ("samples", 8), ("image_size", 8)):
            if getattr(self, name) < least:
                raise EscherNetError(f"The scene fit's {name} is {getattr(self, name)}; it must be at least {least}.")


def scene_fit(
    images: NDArray[np.uint8],
    masks: NDArray[np.bool_] | None,
    reference_poses: NDArray[np.float64],
    target_poses: NDArray[np.float64],
    settings: FitSettings | None = None,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Fit the references and render the targets, uint8 [M, H, H, 3] on white.

    Args:
        images: references, uint8 [N, H, H, 3], taken by the model's camera, white around the object.
        masks: bool [N, H, H], true on the object; None: every pixel that is not white.
        reference_poses: ``camera_gl_from_world`` [N, 4, 4], the object at the origin, its longest side 1.
        target_poses: [M, 4, 4].
        settings: how to fit.
        seed: of the rays' draw.

    Raises:
        EscherNetError: arrays that do not belong together, or references that share no volume: their poses or masks are
            wrong.
    """
    settings = settings or FitSettings()
    views = FitViews.checked(images, masks, reference_poses)
    field = _Field(views, settings)
    pixels = _Pixels(views, settings)
    generator = torch.Generator().manual_seed(seed)
    for grid, steps in (
        (settings.grid // 2, settings.steps // 2),
        (settings.grid, settings.steps - settings.steps // 2),
    ):
        field.resize(grid)
        _fit(field, pixels, steps, settings, generator)
    camera = model_camera(images.shape[1])
    return np.stack([field.picture(pose, camera) for pose in target_poses])


class _Pixels:
    """The references' pixels as rays."""

    def __init__(self, views: FitViews, settings: FitSettings) -> None:
        device = torch_device(settings.device)
        values = views.pixels(settings.image_size)
        size = values.shape[1]
        camera = model_camera(size)
        self.values = values.reshape(-1, 4).to(device)
        rays = [_rays(pose, camera) for pose in views.poses]
        self.starts = torch.cat([start.expand(size * size, 3) for start, _ in rays]).to(device)
        self.directions = torch.cat([direction for _, direction in rays]).to(device)

    def near(self, field: _Field) -> Tensor:
        """Rows of the rays that pass through the field's box; the others see white whatever the field is."""
        enter, leave = field.interval(self.starts, self.directions)
        return (leave > enter).nonzero()[:, 0]


class _Field:
    """Density and colour on a grid over the box of the visual hull."""

    def __init__(self, views: FitViews, settings: FitSettings) -> None:
        self._settings, self._device = settings, torch_device(settings.device)
        self._hull = VisualHull(views, settings.half_side)
        self.low, self.high = self._hull.low, self._hull.high
        self._bounds = torch.tensor(np.stack([self.low, self.high]), dtype=torch.float32, device=self._device)
        self.values = torch.empty(0)
        self.occupied = torch.empty(0)
        self.voxel, self._grid = 0.0, 0

    def resize(self, grid: int) -> None:
        """Take ``grid`` voxels along the longest side: from the hull the first time, then by interpolation."""
        self.voxel, self._grid = float((self.high - self.low).max()) / grid, grid
        shape = self._hull.shape(grid)
        inside, colours = self._hull.at(voxel_centres(self.low, self.high, shape))
        # grid_sample wants [1, C, z, y, x]
        self.occupied = torch.from_numpy(inside.transpose(2, 1, 0).copy()).to(self._device)
        if self.values.numel():
            size = (shape[2], shape[1], shape[0])
            values = functional.interpolate(self.values.detach(), size, mode="trilinear", align_corners=False)
        else:
            clipped = np.clip(colours, 0.02, 0.98)
            start = np.concatenate([np.full((*shape, 1), _START_DENSITY), np.log(clipped / (1.0 - clipped))], axis=-1)
            values = torch.from_numpy(start.transpose(3, 2, 1, 0)[None].astype(np.float32).copy()).to(self._device)
        self.values = values.requires_grad_(True)

    def interval(self, starts: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Where rays [R, 3] enter and leave the box; leave <= enter where they miss it."""
        inverse = 1.0 / torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
        a, b = ((bound - starts) * inverse for bound in self._bounds)
        return torch.minimum(a, b).amax(dim=1).clamp(min=0.0), torch.maximum(a, b).amin(dim=1)

    def render(self, starts: Tensor, directions: Tensor, offset: Tensor | float = 0.5) -> tuple[Tensor, Tensor]:
        """Colours on white [R, 3] and opacities [R] of rays; ``offset`` is each sample's place in its step, 0..1."""
        enter, leave = self.interval(starts, directions)
        count = max(8, round(self._settings.samples * self._grid / self._settings.grid))
        step = ((leave - enter) / count).clamp(min=0.0)
        places = enter[:, None] + (torch.arange(count, device=self._device) + offset) * step[:, None]
        points = starts[:, None] + places[..., None] * directions[:, None]
        unit = (points - self._bounds[0]) / (self._bounds[1] - self._bounds[0])  # 0..1 in the box
        shape = torch.tensor(self.occupied.shape[::-1], device=self._device)
        cell = (unit * shape).long().clamp(min=torch.zeros_like(shape), max=shape - 1)
        used = self.occupied[cell[..., 2], cell[..., 1], cell[..., 0]] & (step > 0.0)[:, None]
        sampled = functional.grid_sample(
            self.values,
            (2.0 * unit[used] - 1.0)[None, None, None],
            mode="bilinear",
            align_corners=False,
            padding_mode="border",
        )[0, :, 0, 0]
        thickness = torch.zeros_like(places)
        thickness[used] = functional.softplus(sampled[0]) * step[:, None].expand_as(places)[used] / self.voxel
        colour = torch.zeros_like(points)
        colour[used] = torch.sigmoid(sampled[1:]).T
        alpha = 1.0 - torch.exp(-thickness)
        passed = torch.cumsum(thickness, dim=1) - thickness
        weights = alpha * torch.exp(-passed)
        opacity = weights.sum(dim=1)
        return (weights[..., None] * colour).sum(dim=1) + (1.0 - opacity)[:, None], opacity

    def roughness(self) -> tuple[Tensor, Tensor]:
        """Mean squared differences of neighbouring voxels: of density and of colour."""
        colour = torch.sigmoid(self.values[:, 1:])
        density = functional.softplus(self.values[:, :1])
        return _variation(density), _variation(colour)

    @torch.no_grad()
    def picture(self, pose: NDArray[np.float64], camera: PinholeCamera) -> NDArray[np.uint8]:
        """The view of one pose, uint8 [H, W, 3]."""
        start, directions = (each.to(self._device) for each in _rays(pose, camera))
        starts = start.expand_as(directions)
        enter, leave = self.interval(starts, directions)
        pixels = torch.ones_like(directions)
        for rows in (leave > enter).nonzero()[:, 0].split(_CHUNK):
            pixels[rows] = self.render(starts[rows], directions[rows])[0]
        drawn = (pixels.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).cpu().numpy()
        return np.asarray(drawn.reshape(camera.height, camera.width, 3))


def _fit(field: _Field, pixels: _Pixels, steps: int, settings: FitSettings, generator: torch.Generator) -> None:
    optimiser = torch.optim.Adam([field.values], lr=settings.rate, betas=(0.9, 0.99))
    rows = pixels.near(field)
    for _ in range(steps):
        drawn = rows[torch.randint(len(rows), (settings.rays,), generator=generator).to(rows.device)]
        offset = torch.rand((settings.rays, 1), generator=generator).to(rows.device)
        colours, opacity = field.render(pixels.starts[drawn], pixels.directions[drawn], offset)
        wanted = pixels.values[drawn]
        rough_density, rough_colour = field.roughness()
        loss = (
            functional.mse_loss(colours, wanted[:, :3])
            + settings.mask_weight * functional.mse_loss(opacity, wanted[:, 3])
            + settings.smooth_density * rough_density
            + settings.smooth_colour * rough_colour
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


def _rays(pose: NDArray[np.float64], camera: PinholeCamera) -> tuple[Tensor, Tensor]:
    """Camera centre [1, 3] and unit directions [H * W, 3] in the world."""
    world_from_optical = world_from_camera_optical(SE3(pose)).matrix
    directions = camera.rays(camera.pixel_grid()).reshape(-1, 3) @ world_from_optical[:3, :3].T
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centre = world_from_optical[None, :3, 3]
    return torch.tensor(centre, dtype=torch.float32), torch.tensor(directions, dtype=torch.float32)


def _variation(values: Tensor) -> Tensor:
    return torch.stack([values.diff(dim=axis).square().mean() for axis in (2, 3, 4)]).sum()
