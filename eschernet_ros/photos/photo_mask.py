# SPDX-License-Identifier: Apache-2.0
"""The object's pixels in a photo: from colour, from a network, from mask files, from alpha, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from eschernet_ros.capture.mask_method import ObjectMasker
from eschernet_ros.capture.mask_outline import outline_mask
from eschernet_ros.datasets import DatasetError
from eschernet_ros.errors import first_line
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera
from eschernet_ros.photos.posed_photo import PosedPhoto

KINDS = ("grabcut", "onnx", "files", "alpha", "none")


@dataclass(frozen=True, eq=False)
class PhotoMasks:
    """How masks are made.

    Args:
        kind: ``grabcut``: colours inside the outline of the box that do not occur around it; ``onnx``: a segmentation
            network inside that outline; ``files``: a grey picture per photo, white on the object, called
            ``<photo>.png`` with or without the photo's suffix; ``alpha``: the photos' own alpha channel; ``none``.
        folder: of the mask files, for ``files`` only.
        model_path: of the network, for ``onnx`` only.

    Raises:
        DatasetError: an unknown kind, a folder or model that is missing, or given for another kind.
        EscherNetError: a network that cannot be loaded.
    """

    kind: str = "grabcut"
    folder: Path | None = None
    model_path: Path | None = None
    _network: ObjectMasker | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DatasetError(f"There is no mask '{self.kind}'; the known ones are {', '.join(KINDS)}.")
        for kind, name, value in (("files", "folder", self.folder), ("onnx", "model", self.model_path)):
            if (self.kind == kind) != (value is not None):
                problem = f"needs a {name}" if value is None else f"takes no {name}, only '{kind}' does"
                raise DatasetError(f"The mask '{self.kind}' {problem}.")
        if self.folder is not None and not self.folder.is_dir():
            raise DatasetError(f"The folder of masks {self.folder} does not exist.")
        if self.model_path is not None:
            object.__setattr__(self, "_network", ObjectMasker.from_names("onnx", str(self.model_path)))

    def full_size(self, posed: PosedPhoto) -> NDArray[np.bool_] | None:
        """The mask [H,W] of the photo's own pixels; None when it is made from the reduced photo, or not at all.

        Raises:
            DatasetError: the file is missing, damaged or of another size, the photo has no alpha.
        """
        path = posed.photo.path
        if self.kind == "alpha":
            mask = _read(path, "A")
        elif self.kind == "files":
            assert self.folder is not None
            names = (f"{path.name}.png", f"{path.stem}.png", path.name)  # the first is COLMAP's way
            existing = [self.folder / name for name in names if (self.folder / name).is_file()]
            if not existing:
                raise DatasetError(f"it has no mask: {self.folder} holds neither {names[0]} nor {names[1]}")
            mask = _read(existing[0], "L")
        else:
            return None
        if mask.shape != (posed.camera.height, posed.camera.width):
            raise DatasetError(
                f"its mask is {mask.shape[1]}x{mask.shape[0]}, the photo {posed.camera.width}x{posed.camera.height}"
            )
        return mask

    def of_pixels(
        self, colour: NDArray[np.uint8], camera: PinholeCamera, base_from_camera: SE3, object_frame: ObjectFrame
    ) -> NDArray[np.bool_] | None:
        """The mask [H,W] found in a picture [H,W,3]; None for kinds that do not look at the picture.

        Raises:
            EscherNetError: the box fills the picture, the network fails.
        """
        object_from_camera = object_frame.base_from_object.inverse() @ base_from_camera
        if self.kind == "grabcut":
            return outline_mask(colour, camera, object_from_camera, object_frame.size)
        if self._network is not None:
            return self._network(colour, None, camera, object_from_camera, object_frame.size)
        return None


def resized_mask(mask: NDArray[np.bool_], camera: PinholeCamera) -> NDArray[np.bool_]:
    """The mask for a picture of another size, that of ``camera``: pixels covered by half or more."""
    if mask.shape == (camera.height, camera.width):
        return mask
    smaller = camera.width < mask.shape[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask.astype(np.float32), (camera.width, camera.height), interpolation=way) >= 0.5)


def _read(path: Path, channel: str) -> NDArray[np.bool_]:
    """A channel of a picture, true from 128 on."""
    try:
        with Image.open(path) as image:
            if channel == "A" and "A" not in image.getbands():
                raise DatasetError(f"it has no alpha channel (mode {image.mode})")
            return np.asarray(image.convert("RGBA" if channel == "A" else "L").getchannel(channel)) >= 128
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise DatasetError(f"{path} cannot be read: {first_line(error)}") from error
