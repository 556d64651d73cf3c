# SPDX-License-Identifier: Apache-2.0
"""All numbers of predicted views against the true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.evaluation.lpips import Lpips
from eschernet_ros.evaluation.metrics import psnr, ssim
from eschernet_ros.evaluation.results import FOREGROUND, PSNR_LIMIT_DB

SMALLEST_SSIM = 7
"""Side in pixels of scikit-image's window."""


def measure(
    images: Sequence[NDArray[np.uint8]],
    truth: Sequence[NDArray[np.uint8]],
    masks: Sequence[NDArray[np.bool_] | None],
    networks: Mapping[str, Lpips],
    lpips_rows: Sequence[int],
) -> list[dict[str, float]]:
    """The metrics of M views, by the names of ``results.METRICS``.

    Args:
        images: M predicted views, uint8 [H, W, 3].
        truth: the true ones.
        masks: the pixels that truly show the object, bool [H, W]; None, or empty: no foreground numbers.
        networks: LPIPS by the name of its network; those that are not there give no number.
        lpips_rows: the views that LPIPS is measured of: it takes much longer than the rest.
    """
    found: list[dict[str, float]] = []
    for image, true, mask in zip(images, truth, masks, strict=True):
        numbers = _pair(image, true, None)
        if mask is not None and mask.any():
            numbers.update({name + FOREGROUND: value for name, value in _pair(image, true, mask).items()})
        found.append(numbers)
    rows = list(lpips_rows)
    for name, network in networks.items() if rows else ():
        full, inside = network([images[i] for i in rows], [truth[i] for i in rows], [masks[i] for i in rows])
        for row, whole, part in zip(rows, full, inside, strict=True):
            found[row][f"lpips_{name}"] = whole
            if part is not None:
                found[row][f"lpips_{name}{FOREGROUND}"] = part
    return found


def _pair(image: NDArray[np.uint8], truth: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> dict[str, float]:
    numbers = {"psnr": min(psnr(image, truth, mask), PSNR_LIMIT_DB)}
    if min(image.shape[:2]) >= SMALLEST_SSIM:
        numbers["ssim"] = ssim(image, truth, mask)
    return numbers
