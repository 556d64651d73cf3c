# SPDX-License-Identifier: Apache-2.0
"""PSNR and SSIM of synthesized images, computed on 8-bit pixels as the published tables are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.optional import require


def to_uint8(image: NDArray) -> NDArray[np.uint8]:
    """8-bit pixels of an image: uint8 as it is; float in [0, 1] times 255, clipped and rounded.

    Raises:
        EscherNetError: for another type, or numbers that are not finite.
    """
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind != "f":
        raise EscherNetError(f"An image must be uint8, or float in [0, 1], not {image.dtype}.")
    if not np.isfinite(image).all():
        raise EscherNetError("The image holds numbers that are not finite.")
    return np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)


def psnr(image: NDArray, truth: NDArray, mask: NDArray[np.bool_] | None = None) -> float:
    """Peak signal-to-noise ratio in dB on 8-bit pixels; infinite for equal images.

    A white background that both images share inflates the full-frame number; ``mask`` limits the mean squared
    error to the object.

    Args:
        image: [H,W,3] uint8, or float in [0, 1].
        truth: the same.
        mask: bool [H,W], true on the pixels that count; None: all of them.

    Raises:
        EscherNetError: when the shapes differ or the mask is empty.
    """
    a, b = _pair(image, truth)
    squared = (a.astype(np.float64) - b.astype(np.float64)) ** 2
    if mask is not None:
        _check_mask(mask, a, "PSNR")
        squared = squared[mask]
    error = float(squared.mean())
    return math.inf if error == 0.0 else 10.0 * math.log10(255.0**2 / error)


def ssim(image: NDArray, truth: NDArray, mask: NDArray[np.bool_] | None = None) -> float:
    """Structural similarity of 8-bit RGB images: scikit-image's with ``channel_axis``, as published.

    Args:
        image: [H,W,3] uint8, or float in [0, 1]; at least 7x7.
        truth: the same.
        mask: bool [H,W]; the similarity of the windows around its pixels is averaged. None: scikit-image's own mean,
            which leaves out a border of 3 pixels.

    Raises:
        EscherNetError: when the shapes differ, the images are too small or the mask is empty.
        MissingDependencyError: when scikit-image is not installed.
    """
    a, b = _pair(image, truth)
    if min(a.shape[:2]) < 7:
        raise EscherNetError(f"SSIM needs images of at least 7x7 pixels, not {a.shape[1]}x{a.shape[0]}.")
    skimage = require("skimage.metrics", "pip install scikit-image", "the SSIM metric")
    if mask is None:
        return float(skimage.structural_similarity(a, b, channel_axis=-1))
    _check_mask(mask, a, "SSIM")
    _, places = skimage.structural_similarity(a, b, channel_axis=-1, full=True)
    return float(places[mask].mean())


def _check_mask(mask: NDArray[np.bool_], image: NDArray, metric: str) -> None:
    if mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
        raise EscherNetError(f"The mask must be bool {list(image.shape[:2])}, not {mask.dtype} {list(mask.shape)}.")
    if not mask.any():
        raise EscherNetError(f"The mask is empty; a foreground {metric} needs at least one pixel of it.")


def _pair(image: NDArray, truth: NDArray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    if image.shape != truth.shape or image.ndim != 3 or image.shape[2] != 3:
        raise EscherNetError(
            f"Image and truth must both be [H,W,3] of one size, not {list(image.shape)} and {list(truth.shape)}."
        )
    return to_uint8(image), to_uint8(truth)
