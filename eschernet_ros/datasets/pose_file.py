# SPDX-License-Identifier: Apache-2.0
"""Pose files of rendered views: a 3x4 world-to-camera matrix in a ``.npy``."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.geometry import SE3


def read_pose(path: Path) -> NDArray[np.float64]:
    """The 3x4 matrix of ``path`` as float64 [4,4], world to camera, in the axes and units of the file.

    Raises:
        DatasetError: when the file is missing, damaged, or holds no rigid transform; names it.
    """
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise DatasetError(f"{path.with_suffix('.png').name} has no pose: {path} is missing.") from error
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise DatasetError(f"The pose file {path} cannot be read: {error}") from error
    if not isinstance(stored, np.ndarray):
        raise DatasetError(f"The pose file {path} is an archive of arrays; one 3x4 matrix is needed.")
    if stored.shape != (3, 4) or stored.dtype.kind not in "fiu":
        raise DatasetError(f"The pose file {path} holds {stored.dtype} {list(stored.shape)}; a 3x4 matrix is needed.")
    matrix = np.vstack([stored.astype(np.float64), [0.0, 0.0, 0.0, 1.0]])
    try:
        SE3.from_matrix(matrix)
    except ValueError as error:
        raise DatasetError(f"The pose file {path} holds no rigid transform: {error}") from error
    return matrix
