# SPDX-License-Identifier: Apache-2.0
"""Replayed views against the live ones."""

from __future__ import annotations

from collections.abc import Iterable

from eschernet_ros.capture import PosedView
from eschernet_ros.replay.taken_views import LiveView, pixels_digest


class Comparison:
    """Compares as views come.

    Args:
        live: the views that were taken live.

    Attributes:
        images, masks: how many are equal, bit for bit.
        metres, radians: largest difference of a camera's pose.
        different: numbers of the live views whose pictures differ.
    """

    def __init__(self, live: Iterable[LiveView]) -> None:
        self._live = {view.image_stamp_ns: view for view in live}
        self._missing = dict(self._live)
        self.images = self.masks = 0
        self.metres = self.radians = 0.0
        self.different: list[int] = []

    def add(self, view: PosedView) -> None:
        """Take a replayed view."""
        live = self._missing.pop(view.image_stamp_ns, None)
        if live is None:
            return
        same_image = pixels_digest(view.image) == live.image_digest
        same_mask = pixels_digest(view.mask) == live.mask_digest
        self.images += same_image
        self.masks += same_mask
        if not (same_image and same_mask):
            self.different.append(live.number)
        pose = view.object_frame.base_from_object.inverse() @ view.base_from_camera_optical
        metres, radians = pose.distance_to(live.object_from_camera)
        self.metres, self.radians = max(self.metres, metres), max(self.radians, radians)

    @property
    def missing(self) -> list[int]:
        """Numbers of live views of which the replay made none."""
        return [view.number for view in self._missing.values()]

    def sentence(self) -> str:
        """All of it."""
        count = len(self._live)
        words = (
            f"of {count} live views {self.images} images and {self.masks} masks are equal, bit for bit; poses within "
            f"{self.metres * 1e3:.4f} mm and {self.radians * 1e3:.4f} mrad"
        )
        if self.different:
            words += f"; different: {', '.join(map(str, self.different))}"
        if self.missing:
            words += f"; not made: {', '.join(map(str, self.missing))}"
        return words
