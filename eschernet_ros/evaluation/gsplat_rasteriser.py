# SPDX-License-Identifier: Apache-2.0
"""gsplat's CUDA rasteriser (Ye et al., JMLR 2025, arXiv 2409.06765; Apache-2.0) for the Gaussian fit.

gsplat 1.5 takes cameras as OpenCV's ``optical_from_world``, quaternions as (w, x, y, z), and counts pixels from the
picture's corner, so that the centre of the first one is at 0.5; here integers are pixel centres.
"""

from __future__ import annotations

import functools
from types import ModuleType

import torch
from torch import Tensor

from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.evaluation.gaussian_fit import Gaussians, Rasteriser
from eschernet_ros.geometry import PinholeCamera
from eschernet_ros.model.device import torch_device
from eschernet_ros.optional import MissingDependencyError, require

_HALF_PIXEL = 0.5
_EXPECTED = (0.75, 0.5, 0.5, 0.5, 1.0)
_TOLERANCE = 1e-3


@functools.cache
def gsplat_rasteriser(device: str) -> Rasteriser:
    """A ``Rasteriser`` by gsplat, after it has drawn a Gaussian on ``device`` (``"cuda"``, ``"cuda:1"``) as it should.

    The first call on a computer may build gsplat's CUDA part, which takes minutes.

    Raises:
        EscherNetError: no CUDA device, gsplat is not installed, its CUDA part does not run, or it draws other pixels.
    """
    place = torch_device(device)
    if place.type != "cuda":
        raise EscherNetError(
            f"The Gaussian fit needs a CUDA device, and the evaluation runs on '{place}'. Give --device cuda on a "
            "computer with one; the fit for the CPU is the scene fit."
        )
    try:
        gsplat = require("gsplat", "pip install gsplat", "The Gaussian fit")
    except MissingDependencyError as error:
        raise EscherNetError(str(error)) from error
    rasterise = rasteriser_of(gsplat)
    check_rasteriser(rasterise, place)
    return rasterise


def rasteriser_of(gsplat: ModuleType) -> Rasteriser:
    """The module's ``rasterization`` as a ``Rasteriser``."""

    def rasterise(gaussians: Gaussians, optical_from_world: Tensor, camera: PinholeCamera) -> tuple[Tensor, Tensor]:
        views = len(optical_from_world)
        matrix = torch.from_numpy(camera.matrix)
        matrix[:2, 2] += _HALF_PIXEL
        colours, opacity, _ = gsplat.rasterization(
            means=gaussians.centres,
            quats=gaussians.rotations,
            scales=gaussians.sizes,
            opacities=gaussians.opacities,
            colors=gaussians.colours,
            viewmats=optical_from_world,
            Ks=matrix.to(optical_from_world).expand(views, 3, 3),
            width=camera.width,
            height=camera.height,
            packed=False,
            backgrounds=optical_from_world.new_ones((views, 3)),
        )
        return colours, opacity[..., 0]

    return rasterise


def check_rasteriser(rasterise: Rasteriser, device: torch.device) -> None:
    """Draw a half opaque Gaussian on white, on the middle pixel of a picture: conventions and both passes are right.

    Raises:
        EscherNetError: it fails, or that pixel is another.
    """
    camera = PinholeCamera(9, 9, 10.0, 10.0, 4.0, 4.0)
    try:
        opacities = torch.tensor([0.5], device=device, requires_grad=True)
        gaussian = Gaussians(
            centres=torch.tensor([[0.0, 0.0, 1.0]], device=device),
            rotations=torch.tensor([[1.0, 0.0, 0.0, 0.0]], device=device),
            sizes=torch.tensor([[0.05, 0.03, 0.05]], device=device),
            opacities=opacities,
            colours=torch.tensor([[0.5, 0.0, 0.0]], device=device),
        )
        colours, opacity = rasterise(gaussian, torch.eye(4, device=device)[None], camera)
        (slope,) = torch.autograd.grad(opacity[0, 4, 4], opacities)
        pixel = torch.cat([colours[0, 4, 4], opacity[0, 4, 4:5], slope]).detach().tolist()
    except Exception as error:  # what the build and the kernels raise is of every kind
        raise EscherNetError(
            f"The Gaussian fit cannot run: gsplat's CUDA part failed on '{device}' ({first_line(error)}). It is built "
            "at its first use, by nvcc of the CUDA version that torch was built for; built wheels are at "
            "https://docs.gsplat.studio/whl."
        ) from error
    found = [round(value, 4) for value in pixel]
    if not max(abs(one - two) for one, two in zip(found, _EXPECTED, strict=True)) <= _TOLERANCE:
        raise EscherNetError(
            f"gsplat draws a half opaque red Gaussian as {found} (colour, opacity, its slope), not {list(_EXPECTED)}; "
            "the Gaussian fit is made for gsplat 1.5."
        )
