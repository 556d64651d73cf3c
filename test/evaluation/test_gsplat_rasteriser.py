# SPDX-License-Identifier: Apache-2.0
"""What gsplat is given, and what is said where it cannot run. No test here needs CUDA."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch_gaussians import stand_in, torch_rasteriser

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import gsplat_rasteriser as module
from eschernet_ros.evaluation.gaussian_fit import Gaussians
from eschernet_ros.geometry import PinholeCamera, look_at_origin, world_from_camera_optical

CPU = torch.device("cpu")


@pytest.fixture
def cloud():
    """Sixty Gaussians of all sizes, turned, some behind others, and two cameras with their matrices."""
    draw = torch.Generator().manual_seed(0)
    gaussians = Gaussians(
        centres=0.3 * torch.randn((60, 3), generator=draw),
        rotations=torch.randn((60, 4), generator=draw),
        sizes=0.01 + 0.1 * torch.rand((60, 3), generator=draw),
        opacities=torch.rand(60, generator=draw),
        colours=torch.rand((60, 3), generator=draw),
    )
    poses = [look_at_origin(0.4, 1.0, 1.7), look_at_origin(2.9, 1.7, 1.9)]
    matrices = np.stack([world_from_camera_optical(pose).inverse().matrix for pose in poses])
    return gaussians, torch.from_numpy(matrices).float(), PinholeCamera(28, 20, 30.0, 26.0, 12.0, 10.5)


def leaves(gaussians):
    return Gaussians(**{name: value.clone().requires_grad_(True) for name, value in vars(gaussians).items()})


def with_gradients(rasterise, gaussians, cameras, camera):
    """Colours, opacities, and the gradients of an uneven sum of them by every number of the Gaussians."""
    own = leaves(gaussians)
    colours, opacity = rasterise(own, cameras, camera)
    weights = torch.linspace(0.0, 1.0, camera.width)
    loss = (colours * weights[:, None]).sum() + (opacity**2 * weights).sum()
    return colours.detach(), opacity.detach(), *torch.autograd.grad(loss, list(vars(own).values()))


def test_the_real_package_draws_what_the_plain_one_draws(cloud, monkeypatch):
    gsplat = pytest.importorskip("gsplat", reason="gsplat is not installed")
    replace_kernels(monkeypatch)
    rasterise = module.rasteriser_of(gsplat)
    for found, wanted in zip(with_gradients(rasterise, *cloud), with_gradients(torch_rasteriser, *cloud), strict=True):
        torch.testing.assert_close(found, wanted, rtol=2e-3, atol=2e-4 * float(wanted.abs().max()))
    module.check_rasteriser(rasterise, CPU)


def replace_kernels(monkeypatch):
    """Put gsplat's own reference code in torch in the place of its kernels; the last of them has none for the CPU."""
    from gsplat.cuda import _torch_impl as reference

    def projection(means, covars, quats, scales, viewmats, Ks, width, height, **options):
        known = {name: options[name] for name in ("eps2d", "near_plane", "far_plane", "calc_compensations")}
        covariances, _ = reference._quat_scale_to_covar_preci(quats, scales, compute_preci=False)
        return reference._fully_fused_projection(means, covariances, viewmats, Ks, width, height, **known)

    def tiles(means2d, radii, depths, tile_size, tile_width, tile_height, **options):
        return reference._isect_tiles(means2d, radii, depths, tile_size, tile_width, tile_height)

    def pixels(means2d, conics, colors, opacities, width, height, tile, offsets, flat, backgrounds, **options):
        """By tile and list, front to back; pixels are counted from the corner."""
        picture, alphas = torch.ones((*means2d.shape[:1], height, width, 3)), torch.zeros((len(means2d), height, width))
        rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        bounds = [*offsets.flatten().tolist(), len(flat)]
        across, down = math.ceil(width / tile), math.ceil(height / tile)
        for number in range(len(means2d) * down * across):
            image, place = divmod(number, down * across)
            top, left = (tile * each for each in divmod(place, across))
            window = image, slice(top, top + tile), slice(left, left + tile)
            passed = torch.ones_like(rows[window[1:]])
            colour = torch.zeros((*passed.shape, 3))
            for each in (flat[bounds[number] : bounds[number + 1]] - image * means2d.shape[1]).tolist():
                x = means2d[image, each, 0] - columns[window[1:]]
                y = means2d[image, each, 1] - rows[window[1:]]
                a, b, c = conics[image, each]
                alpha = (opacities[image, each] * torch.exp(-0.5 * (a * x * x + c * y * y) - b * x * y)).clamp(
                    max=0.999
                )
                alpha = torch.where(alpha < 1.0 / 255.0, 0.0, alpha)
                colour = colour + (alpha * passed)[..., None] * colors[image, each]
                passed = passed * (1.0 - alpha)
            picture = picture.index_put(
                _indices(window, height, width), colour + passed[..., None] * backgrounds[image]
            )
            alphas = alphas.index_put(_indices(window, height, width), 1.0 - passed)
        return picture, alphas[..., None]

    monkeypatch.setattr("gsplat.rendering.fully_fused_projection", projection)
    monkeypatch.setattr("gsplat.rendering.isect_tiles", tiles)
    monkeypatch.setattr("gsplat.rendering.isect_offset_encode", reference._isect_offset_encode)
    monkeypatch.setattr("gsplat.rendering.rasterize_to_pixels", pixels)


def _indices(window, height, width):
    image, rows, columns = window
    across = torch.arange(width)[columns]
    return torch.tensor(image), torch.arange(height)[rows][:, None], across[None]


def test_pixels_count_from_the_corner(cloud):
    found = with_gradients(module.rasteriser_of(stand_in(0.5)), *cloud)
    for one, two in zip(found, with_gradients(torch_rasteriser, *cloud), strict=True):
        torch.testing.assert_close(one, two)
    module.check_rasteriser(module.rasteriser_of(stand_in(0.5)), CPU)


def test_another_gsplat_or_none_that_runs_is_named():
    with pytest.raises(EscherNetError, match=r"draws a half opaque red Gaussian as .*made for gsplat 1\.5"):
        module.check_rasteriser(module.rasteriser_of(stand_in(0.0)), CPU)

    def unbuilt(**arguments):
        raise AttributeError("'NoneType' object has no attribute 'fully_fused_projection_fwd'")

    with pytest.raises(EscherNetError, match=r"CUDA part failed on 'cpu' .*NoneType.* built wheels are at"):
        module.check_rasteriser(module.rasteriser_of(SimpleNamespace(rasterization=unbuilt)), CPU)


def test_no_cuda_or_no_gsplat(monkeypatch):
    with pytest.raises(EscherNetError, match="needs a CUDA device, and the evaluation runs on 'cpu'"):
        module.gsplat_rasteriser("cpu")
    monkeypatch.setattr(module, "torch_device", torch.device)
    monkeypatch.setitem(sys.modules, "gsplat", None)
    with pytest.raises(EscherNetError, match=r"'gsplat', which could not be imported.*pip install gsplat"):
        module.gsplat_rasteriser("cuda:7")
