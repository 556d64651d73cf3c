# SPDX-License-Identifier: Apache-2.0
"""A folder of photos of a cube on a board, drawn once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from board_photos import looks, photo
from numpy.typing import NDArray
from PIL import Image

from eschernet_ros.geometry import SE3

COUNT = 6


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> tuple[Path, list[SE3], list[NDArray[np.bool_]]]:
    """The folder with ``p0.png`` to ``p5.png``, the poses base_from_camera_optical, the exact masks."""
    folder = tmp_path_factory.mktemp("photos")
    poses, masks = looks(COUNT), []
    for number, pose in enumerate(poses):
        pixels, mask = photo(pose)
        Image.fromarray(pixels).save(folder / f"p{number}.png", compress_level=1)
        masks.append(mask)
    return folder, poses, masks


@pytest.fixture
def photos(drawn, tmp_path: Path) -> Path:
    """A copy of the folder that a test may spoil."""
    return shutil.copytree(drawn[0], tmp_path / "photos")
