# SPDX-License-Identifier: Apache-2.0
"""Values in JSON files of other people, with sentences for what is wrong in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3


def number_at(content: Mapping[str, Any], key: str, where: str) -> float:
    """The finite number at ``key``.

    Raises:
        DatasetError: it is missing or no finite number; ``where`` names the place.
    """
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise DatasetError(f"{where}: '{key}' must be a number, it is {value!r}.")
    return float(value)


def pose_at(content: Mapping[str, Any], key: str, where: str, transposed: bool = False) -> SE3:
    """The rigid transform at ``key``: 4x4 or 3x4 numbers, row by row, or column by column when ``transposed``.

    Raises:
        DatasetError: it is missing, or no rigid transform; ``where`` names the place.
    """
    if key not in content:
        raise DatasetError(f"{where} has no '{key}'.")
    try:
        matrix: NDArray[np.float64] = np.asarray(content[key], dtype=np.float64)
        return SE3.from_matrix(matrix.T if transposed else matrix)
    except (EscherNetError, TypeError, ValueError) as error:
        raise DatasetError(f"{where}: '{key}' is no pose: {error}") from error
