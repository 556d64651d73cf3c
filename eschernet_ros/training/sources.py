# SPDX-License-Identifier: Apache-2.0
"""The scenes of several data folders together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from eschernet_ros.errors import EscherNetError
from eschernet_ros.training.scenes import TrainingScene, find_scenes

logger = logging.getLogger(__name__)


def gather_scenes(folders: Sequence[str], minimum_views: int) -> list[TrainingScene]:
    """Scenes of all folders, folder by folder; what was skipped is logged.

    Raises:
        EscherNetError: a folder with nothing to train on.
    """
    scenes: list[TrainingScene] = []
    for folder in folders:
        found = find_scenes(Path(folder), minimum_views)
        (logger.warning if found.skipped else logger.info)("%s: %s", folder, found.summary())
        scenes += found.scenes
    if not scenes:
        raise EscherNetError("no data folder was given; there is nothing to train on.")
    return scenes
