# SPDX-License-Identifier: Apache-2.0
"""Pictures of corpus objects that no training draws, as training on a rendered corpus would read them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eschernet_ros.corpus.lighting import random_lighting
from eschernet_ros.corpus.procedural import HELD_OUT_SEEDS, procedural_object
from eschernet_ros.corpus.renderer import ViewRenderer
from eschernet_ros.datasets.published_images import published_image
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

FINER = 2
"""The corpus is drawn at this many times the model's size and reduced when it is read."""


class CorpusViews:
    """Draws one held-out corpus object, with lights of its own.

    Args:
        renderer: draws at ``FINER`` times the wanted size; it is shared by many objects and stays open.
        seed: of the object, ``HELD_OUT_SEEDS`` or more.

    Raises:
        EscherNetError: a seed that training may have drawn.
    """

    def __init__(self, renderer: ViewRenderer, seed: int) -> None:
        if seed < HELD_OUT_SEEDS:
            raise EscherNetError(
                f"corpus object {seed} may have been trained on; held-out ones have seeds from {HELD_OUT_SEEDS} on"
            )
        self._renderer = renderer
        self._mesh = procedural_object(seed)
        self._lighting = random_lighting(seed)
        self.name = self._mesh.name

    def __call__(self, camera_gl_from_world: SE3) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The picture on white, uint8 [size, size, 3], and the object's mask, bool [size, size]."""
        rgba = self._renderer.render(self._mesh, [camera_gl_from_world.matrix], self._lighting)[0]
        size = self._renderer.size // FINER
        alpha = Image.fromarray(rgba[..., 3]).resize((size, size), Image.Resampling.BILINEAR)
        return published_image(rgba, size), np.asarray(alpha) >= 128
