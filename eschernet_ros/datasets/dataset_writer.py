# SPDX-License-Identifier: Apache-2.0
"""The interface of a data set writer: one layout, one file, one subclass; and what all of them share."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.placement import OBJECT_FRAME_FILE, object_frame_text
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.geometry import SE3, PinholeCamera

EDGE_ALPHA = 64
"""Alpha of a pixel that is not white and yet not on the object: an edge pixel, covered by less than half."""


@dataclass(frozen=True)
class WriteOptions:
    """How to write a data set.

    Attributes:
        test_every: every n-th view, beginning with the first, is held out for testing in layouts that have splits;
            0: the views' own part ``test`` is, where they have one.
        licence: what may be done with the pictures, in words or as an SPDX identifier; empty: what the views say.
    """

    test_every: int = 0
    licence: str = ""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            DatasetError: a negative number or one that makes every view a test view.
        """
        if self.test_every < 0 or self.test_every == 1:
            raise DatasetError(f"test_every is {self.test_every}: it must be 0 (the split as it is) or at least 2.")

    def test_ids(self, views: PosedImages) -> frozenset[int]:
        """The views that are held out for testing."""
        if self.test_every:
            return frozenset(views.view_ids[:: self.test_every])
        return frozenset(views.subsets.get("test", ()))


class DatasetWriter(ABC):
    """Writes one layout. A new layout is a subclass in a file of its own and a line in ``write_dataset.py``.

    An instance writes one data set: `add` for every object, then `finish`. Both write into folders that only this
    writer sees; `eschernet_ros.datasets.write_dataset` puts the whole in its place.
    """

    layout: ClassVar[str]
    """Short name, as given to ``--to``."""
    description: ClassVar[str]
    """What the layout is, for lists."""
    joint: ClassVar[bool] = False
    """All objects share the data set's folder."""

    def __init__(self, options: WriteOptions) -> None:
        """Write by these options."""
        self.options = options

    @abstractmethod
    def add(self, views: PosedImages, folder: Path) -> list[str]:
        """Write one object.

        Args:
            views: the object.
            folder: an empty folder of its own: that of the data set, or one in it where there are several objects.
                With `joint`, always that of the data set.

        Returns:
            Sentences on what the layout cannot hold, or what was assumed.

        Raises:
            DatasetError: the views cannot be expressed in the layout; says what would help.
            OSError: a file cannot be written.
        """

    def finish(self, folder: Path) -> None:  # noqa: B027 - most layouts have no file for the whole
        """Write what belongs to the data set as a whole into its folder, after the last object.

        Raises:
            OSError: a file cannot be written.
        """


def cameras_of(views: PosedImages, layout: str) -> Sequence[PinholeCamera]:
    """The camera of every view.

    Raises:
        DatasetError: the views come without; ``layout`` cannot do without.
    """
    if views.cameras is None:
        raise DatasetError(
            f"'{views.name}' ({views.layout}) comes without intrinsics, which the layout {layout} needs; give its "
            "horizontal field of view, or read it from a layout that records them."
        )
    return views.cameras


def picture(views: PosedImages, row: int) -> NDArray[np.uint8]:
    """The picture of a view for a file: [H,W,4] with the mask as alpha, [H,W,3] where there is no mask.

    Alpha is 255 on the object and 0 on white outside of it. What is outside and has a colour is an edge that the
    object covers by less than half: its alpha is `EDGE_ALPHA`, so that the published rule (only alpha 0 turns white)
    gives back the same pixels and the same mask.
    """
    image = views.images[row]
    if views.masks is None:
        return image
    alpha = np.where((image == 255).all(axis=-1), np.uint8(0), np.uint8(EDGE_ALPHA))
    alpha[views.masks[row]] = 255
    return np.dstack([image, alpha])


def write_object_frame(views: PosedImages, folder: Path) -> None:
    """Write ``object_frame.json``: the world is the object's frame, its longest side 1; and how long that is.

    Raises:
        OSError: the file cannot be written.
    """
    text = object_frame_text(SE3.identity(), (1.0, 1.0, 1.0), None if views.scale is None else 1.0 / views.scale)
    (folder / OBJECT_FRAME_FILE).write_text(text, encoding="utf-8")


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture [H,W], [H,W,3] or [H,W,4] without loss.

    Raises:
        OSError: the file cannot be written.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=3)
    path.write_bytes(buffer.getvalue())
