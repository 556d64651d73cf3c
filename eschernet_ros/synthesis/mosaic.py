# SPDX-License-Identifier: Apache-2.0
"""Several views in one picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def mosaic(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tile images [M,H,W,3] row by row in a grid about as wide as high; empty places are white."""
    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.full((rows * columns, height, width, channels), 255, np.uint8)
    grid[:count] = images
    return (
        grid.reshape(rows, columns, height, width, channels)
        .transpose(0, 2, 1, 3, 4)
        .reshape(rows * height, columns * width, channels)
    )
