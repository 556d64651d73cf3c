# SPDX-License-Identifier: Apache-2.0
"""A rasteriser of Gaussians in plain torch, for the CPU: the formula of arXiv 2308.04079 for every Gaussian and pixel.

It stands in for gsplat's CUDA kernels and keeps their numbers: 0.3 square pixels added to the covariance, an opacity
below 1/255 counts nothing and none is above 0.999, the Jacobian is taken 15 % beyond the picture at most. Gaussians
whose centre is nearer than 0.01 are left out.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from eschernet_ros.evaluation.gaussian_fit import Gaussians
from eschernet_ros.geometry import PinholeCamera


def torch_rasteriser(gaussians: Gaussians, optical_from_world: Tensor, camera: PinholeCamera) -> tuple[Tensor, Tensor]:
    """Colours on white [V, H, W, 3] and opacities [V, H, W]; a ``Rasteriser``."""
    drawn = [_one(gaussians, pose, camera) for pose in optical_from_world]
    return torch.stack([colours for colours, _ in drawn]), torch.stack([opacity for _, opacity in drawn])


def stand_in(shift: float) -> Any:
    """A module with gsplat's ``rasterization``, drawn in plain torch; its first pixel's centre is at ``shift``.

    What it is given must be on one device.
    """

    def rasterization(means, quats, scales, opacities, colors, viewmats, Ks, width, height, *, packed, backgrounds):
        given = (means, quats, scales, opacities, colors, viewmats, Ks, backgrounds)
        assert {each.device for each in given} == {means.device}
        assert backgrounds.shape == (len(viewmats), 3)
        assert (backgrounds == 1.0).all()
        (fx, _, cx), (_, fy, cy), _ = Ks[0].tolist()
        camera = PinholeCamera(width, height, fx, fy, cx - shift, cy - shift)
        colours, opacity = torch_rasteriser(Gaussians(means, quats, scales, opacities, colors), viewmats, camera)
        return colours, opacity[..., None], {"packed": packed}

    return SimpleNamespace(rasterization=rasterization)


def _one(gaussians: Gaussians, pose: Tensor, camera: PinholeCamera) -> tuple[Tensor, Tensor]:
    pixels, covariances, depths = project(gaussians, pose, camera)
    order = torch.argsort(depths)
    order = order[depths[order] > 0.01]
    grid = torch.from_numpy(camera.pixel_grid()).to(pixels).reshape(-1, 1, 2)
    away = grid - pixels[order]
    distance = torch.einsum("pgi,gij,pgj->pg", away, torch.linalg.inv(covariances[order]), away)
    alpha = (gaussians.opacities[order] * torch.exp(-0.5 * distance)).clamp(max=0.999)
    alpha = torch.where(alpha < 1.0 / 255.0, 0.0, alpha)
    passed = torch.cumprod(1.0 - alpha, dim=1)
    weights = alpha * torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)
    opacity = weights.sum(dim=1)
    colours = weights @ gaussians.colours[order] + (1.0 - opacity)[:, None]
    return colours.reshape(camera.height, camera.width, 3), opacity.reshape(camera.height, camera.width)


def project(gaussians: Gaussians, pose: Tensor, camera: PinholeCamera) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels [G, 2], covariances in the picture [G, 2, 2], depths [G] for one ``optical_from_world`` [4, 4]."""
    w, x, y, z = torch.nn.functional.normalize(gaussians.rotations, dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    axes = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2) * gaussians.sizes[:, None]
    centres = gaussians.centres @ pose[:3, :3].T + pose[:3, 3]
    depths = centres[:, 2]
    over = centres[:, :2] / depths[:, None]
    focal = torch.tensor([camera.fx, camera.fy]).to(over)
    middle = torch.tensor([camera.cx, camera.cy]).to(over)
    # gsplat counts pixels from their corner: half a pixel more on the low side
    size = torch.tensor([camera.width, camera.height]).to(over)
    spare = 0.15 * size / focal
    u, v = torch.maximum(torch.minimum(over, (size - middle - 0.5) / focal + spare), -(middle + 0.5) / focal - spare).T
    none = torch.zeros_like(u)
    jacobian = torch.stack([torch.stack([1 + none, none, -u], -1), torch.stack([none, 1 + none, -v], -1)], dim=-2)
    across = (focal[:, None] * jacobian / depths[:, None, None]) @ pose[:3, :3] @ axes
    covariances = across @ across.transpose(-1, -2) + 0.3 * torch.eye(2).to(across)
    return over * focal + middle, covariances, depths
