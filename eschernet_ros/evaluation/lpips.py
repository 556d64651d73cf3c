# SPDX-License-Identifier: Apache-2.0
"""LPIPS, version 0.1 (Zhang et al., CVPR 2018, arXiv 1801.03924), on AlexNet and VGG16 features.

Two images go through a network trained on ImageNet; at five of its layers the unit-length feature vectors of every
place are compared, and a learned weight of each channel makes a distance of the squared differences. The mean over the
places, summed over the layers, is the distance of the images. ``lpips_weights`` finds the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.metrics import to_uint8

SMALLEST = 32
"""Side in pixels below which AlexNet's last layer has no place left."""

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""What images in [-1, 1] are normalised with."""

_EPSILON = 1e-10
_AT_ONCE = 8

_Layer = tuple[int, int, int, int]
"""Channels out, kernel, stride, padding of a convolution with ReLU."""

_ALEX: tuple[tuple[_Layer, ...], ...] = (
    ((64, 11, 4, 2),),
    ((192, 5, 1, 2),),
    ((384, 3, 1, 1),),
    ((256, 3, 1, 1),),
    ((256, 3, 1, 1),),
)
_VGG: tuple[tuple[_Layer, ...], ...] = tuple(
    ((channels, 3, 1, 1),) * depth for channels, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
)
_STAGES = {"alex": _ALEX, "vgg": _VGG}
_POOLS = {"alex": (None, (3, 2), (3, 2), None, None), "vgg": (None, *((2, 2),) * 4)}
"""Kernel and stride of the max-pooling in front of each stage."""

NETWORKS = tuple(_STAGES)
"""Names of the networks."""


def weight_shapes(network: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a network's arrays: ``conv3.weight``, ``conv3.bias`` and ``head2`` (one weight a channel)."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels, number = 3, 0
    for stage, layers in enumerate(_STAGES[network]):
        for out, kernel, _, _ in layers:
            shapes[f"conv{number}.weight"] = (out, channels, kernel, kernel)
            shapes[f"conv{number}.bias"] = (out,)
            channels, number = out, number + 1
        shapes[f"head{stage}"] = (channels,)
    return shapes


class Lpips(nn.Module):
    """The distance on one network.

    Args:
        network: of ``NETWORKS``.
        weights: arrays by the names of ``weight_shapes``.

    Raises:
        EscherNetError: an array is missing or has another shape.
    """

    def __init__(self, network: str, weights: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__()
        self.network = network
        for name, shape in weight_shapes(network).items():
            found = weights.get(name)
            if found is None or found.shape != shape:
                what = "is missing" if found is None else f"has the shape {list(found.shape)}"
                raise EscherNetError(f"LPIPS ({network}): the array {name} {what}; {list(shape)} is needed.")
        self._pools = _POOLS[network]
        self._stages = nn.ModuleList()
        number = 0
        for layers in _STAGES[network]:
            stage: list[nn.Module] = []
            for out, kernel, stride, padding in layers:
                weight, bias = (torch.tensor(weights[f"conv{number}.{part}"]) for part in ("weight", "bias"))
                convolution = nn.Conv2d(weight.shape[1], out, kernel, stride, padding)
                convolution.weight, convolution.bias = nn.Parameter(weight), nn.Parameter(bias)
                stage += [convolution, nn.ReLU()]
                number += 1
            self._stages.append(nn.Sequential(*stage))
        self._heads = [torch.tensor(weights[f"head{stage}"])[:, None, None] for stage in range(len(self._stages))]
        self._shift, self._scale = (torch.tensor(values)[:, None, None] for values in (_SHIFT, _SCALE))
        self.requires_grad_(False).eval()

    def features(self, images: Tensor) -> list[Tensor]:
        """Unit-length features of images [N, 3, H, W] in [-1, 1] at the five layers."""
        current, found = (images - self._shift) / self._scale, []
        for stage, pool in zip(self._stages, self._pools, strict=True):
            if pool is not None:
                current = nn.functional.max_pool2d(current, *pool)
            current = stage(current)
            found.append(current / (current.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON))
        return found

    @torch.inference_mode()
    def maps(self, images: Tensor, truth: Tensor) -> list[Tensor]:
        """Distances at every place of every layer, [N, h, w] each, of images [N, 3, H, W] in [-1, 1]."""
        pairs = zip(self.features(images), self.features(truth), self._heads, strict=True)
        return [((a - b).square() * head).sum(dim=1) for a, b, head in pairs]

    def __call__(
        self,
        images: Sequence[NDArray] | NDArray,
        truth: Sequence[NDArray] | NDArray,
        masks: Sequence[NDArray[np.bool_] | None] | None = None,
    ) -> tuple[list[float], list[float | None]]:
        """Distances of N pairs of images, over the full frame and over the object.

        The full-frame number is the published one. For the object's, every layer's distances are enlarged to the
        image's size (bilinear) and averaged over the mask.

        Args:
            images: N images [H, W, 3] of one size, uint8 or float in [0, 1].
            truth: the same.
            masks: N masks, bool [H, W]; None, or None for one of them: no such number.

        Returns:
            The full-frame distances, and those over the masks (None without a mask, or with an empty one).

        Raises:
            EscherNetError: images that are too small, or not all of one size.
        """
        masks = [None] * len(images) if masks is None else masks
        full: list[float] = []
        inside: list[float | None] = []
        for start in range(0, len(images), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            first, second = _tensor(images[part]), _tensor(truth[part])
            if first.shape != second.shape:
                raise EscherNetError(
                    f"LPIPS: images {list(first.shape)} and true images {list(second.shape)} differ in shape."
                )
            if min(first.shape[2:]) < SMALLEST:
                raise EscherNetError(
                    f"LPIPS needs images of at least {SMALLEST}x{SMALLEST} pixels, "
                    f"not {first.shape[3]}x{first.shape[2]}."
                )
            maps = self.maps(first, second)
            full += torch.stack([each.mean(dim=(1, 2)) for each in maps]).sum(dim=0).tolist()
            size = (int(first.shape[2]), int(first.shape[3]))
            large = [nn.functional.interpolate(each[:, None], size, mode="bilinear")[:, 0] for each in maps]
            dense = torch.stack(large).sum(dim=0).numpy()
            inside += [_mean_inside(place, mask) for place, mask in zip(dense, masks[part], strict=True)]
        return full, inside


def _mean_inside(place: NDArray[np.float32], mask: NDArray[np.bool_] | None) -> float | None:
    return float(place[mask].mean()) if mask is not None and mask.any() else None


def _tensor(images: Sequence[NDArray] | NDArray) -> Tensor:
    pixels = [to_uint8(np.asarray(image)) for image in images]
    if len({each.shape for each in pixels}) != 1 or pixels[0].ndim != 3 or pixels[0].shape[2] != 3:
        shapes = sorted({str(list(each.shape)) for each in pixels})
        raise EscherNetError(f"LPIPS needs images [H,W,3] of one size, not {', '.join(shapes) or 'none'}.")
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0
