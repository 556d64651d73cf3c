# SPDX-License-Identifier: Apache-2.0
"""The published evaluation's rule for turning RGBA files into the model's images (facts: section 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eschernet_ros.errors import EscherNetError


def white_composite(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB [H,W,3] of RGBA [H,W,4]: alpha exactly 0 becomes white, every other pixel keeps its straight RGB.

    Not alpha blending: a half-transparent edge pixel keeps its colour in full.
    """
    if rgba.dtype != np.uint8 or rgba.ndim != 3 or rgba.shape[2] != 4:
        raise EscherNetError(f"An RGBA image must be uint8 [H,W,4], not {rgba.dtype} {list(rgba.shape)}.")
    return np.where(rgba[..., 3:] == 0, np.uint8(255), rgba[..., :3])


def published_image(rgba: NDArray[np.uint8], size: int = 256) -> NDArray[np.uint8]:
    """RGB [size,size,3] of RGBA [H,W,4]: white composite, then Pillow's bilinear resize."""
    composite = Image.fromarray(white_composite(rgba))
    return np.asarray(composite.resize((size, size), Image.Resampling.BILINEAR))
