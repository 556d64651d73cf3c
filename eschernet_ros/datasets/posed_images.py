# SPDX-License-Identifier: Apache-2.0
"""What every data set becomes: images of one object with the poses of their cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.geometry import SE3, PinholeCamera


@dataclass(frozen=True, eq=False)
class PosedImages:
    """N images of one object, in the convention of the model.

    Attributes:
        name: the object's name.
        layout: the layout it was read from, for example ``"franka16"``.
        view_ids: the views' numbers in the data set's own file names, ascending.
        images: uint8 RGB [N,H,W,3], white outside the object.
        masks: bool [N,H,W], true on the object; None where the data set does not tell.
        camera_gl_from_world: float64 [N,4,4], world to camera, OpenGL camera axes, model units.
        pose_source: a sentence that says by which rule the poses were read.
        scale: model units per metre (1 / longest side of the object); None where the data set has no
            metric scale, or where its views differ in it.
        metadata: whatever else the layout records.
        cameras: intrinsics of every view, of the images as they are here (resizing is accounted for), N of them;
            None where the data set does not tell.
        subsets: the data set's own named parts (``"train"``, ``"test"``): view ids, ascending; empty where it has
            none.
        licence: a sentence about what may be done with the pictures; empty where nothing is known.
    """

    name: str
    layout: str
    view_ids: tuple[int, ...]
    images: NDArray[np.uint8]
    masks: NDArray[np.bool_] | None
    camera_gl_from_world: NDArray[np.float64]
    pose_source: str
    scale: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    cameras: tuple[PinholeCamera, ...] | None = None
    subsets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    licence: str = ""

    def __post_init__(self) -> None:
        """Check that the parts agree with each other.

        Raises:
            DatasetError: when they do not.
        """
        count = len(self.view_ids)
        images, poses = np.asarray(self.images), np.asarray(self.camera_gl_from_world)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise DatasetError(
                f"'{self.name}': images must be uint8 [N,H,W,3], not {images.dtype} {list(images.shape)}."
            )
        if len(images) != count or poses.shape != (count, 4, 4):
            raise DatasetError(
                f"'{self.name}': {count} view ids, images {list(images.shape)} and poses "
                f"{list(poses.shape)} do not belong together."
            )
        if self.masks is not None and (self.masks.dtype != np.bool_ or self.masks.shape != images.shape[:3]):
            raise DatasetError(
                f"'{self.name}': masks must be bool {list(images.shape[:3])}, "
                f"not {self.masks.dtype} {list(self.masks.shape)}."
            )
        if any(b <= a for a, b in zip(self.view_ids, self.view_ids[1:], strict=False)):
            raise DatasetError(f"'{self.name}': view ids must ascend without repeats, not {self.view_ids}.")
        self._check_cameras()
        for subset, ids in self.subsets.items():
            unknown = sorted(set(ids) - set(self.view_ids))
            if unknown:
                raise DatasetError(f"'{self.name}': its part '{subset}' names views it has not: {format_ids(unknown)}.")

    def _check_cameras(self) -> None:
        if self.cameras is None:
            return
        if len(self.cameras) != len(self.view_ids):
            raise DatasetError(f"'{self.name}': {len(self.cameras)} cameras do not fit {len(self.view_ids)} views.")
        height, width = self.images.shape[1:3]
        for view_id, camera in zip(self.view_ids, self.cameras, strict=True):
            if (camera.width, camera.height) != (width, height):
                raise DatasetError(
                    f"'{self.name}': the image of view {view_id} is {width}x{height}, its camera "
                    f"{camera.width}x{camera.height}."
                )

    def __len__(self) -> int:
        """Number of views."""
        return len(self.view_ids)

    @property
    def poses(self) -> list[SE3]:
        """The poses as transforms ``camera_gl_from_world``."""
        return [SE3.from_matrix(matrix) for matrix in self.camera_gl_from_world]

    def positions(self, ids: Sequence[int]) -> list[int]:
        """Row numbers of the views called ``ids``, in that order.

        Raises:
            DatasetError: when an id is not in the data set; names those that are.
        """
        row = {view_id: position for position, view_id in enumerate(self.view_ids)}
        unknown = [view_id for view_id in ids if view_id not in row]
        if unknown:
            raise DatasetError(
                f"'{self.name}' has no view {', '.join(map(str, unknown))}; its views are {format_ids(self.view_ids)}."
            )
        return [row[view_id] for view_id in ids]


def format_ids(ids: Sequence[int]) -> str:
    """Ascending numbers as text with runs joined: ``"0..4, 7, 9..11"``."""
    runs: list[list[int]] = []
    for number in ids:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}..{b}" for a, b in runs) or "none"
