# SPDX-License-Identifier: Apache-2.0
"""Posed photos as a data set of this package: masked, resampled to the model's camera, judged, written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from eschernet_ros.capture import PoseBuffer, PosedView, ViewAssembler
from eschernet_ros.capture.pose_error import PoseError
from eschernet_ros.datasets import DatasetError, FrameRecord, Franka16Writer, SourceImages
from eschernet_ros.datasets.new_folder import new_folder
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import MODEL_IMAGE_SIZE, SE3, ObjectFrame, PinholeCamera, model_camera
from eschernet_ros.photos.photo_mask import PhotoMasks, resized_mask
from eschernet_ros.photos.posed_photo import LeftOut, PosedPhoto

LEAST_VIEWS = 3
MAX_BLUR = 0.55

_WORKING_FOCAL = 2.0
"""Photos are reduced to this times the model's focal length: more than resampling shows, and blur is judged there."""


@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """How photos become views.

    Attributes:
        masks: how masks are made.
        image_size: side of the model's image.
        max_blur: largest blur score (`eschernet_ros.capture.gates.blur_score`) at the model's resolution; 1: any.
        least_views: fewer are an error.
        keep_photos: store every photo and its mask at full resolution, too, without loss.
    """

    masks: PhotoMasks
    image_size: int = MODEL_IMAGE_SIZE
    max_blur: float = MAX_BLUR
    least_views: int = LEAST_VIEWS
    keep_photos: bool = True

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            DatasetError: a size or number of views below 1, a blur score outside 0..1.
        """
        if self.image_size < 1 or self.least_views < 1:
            raise DatasetError(
                f"Image size and least number of views must be positive, they are {self.image_size} and "
                f"{self.least_views}."
            )
        if not 0.0 <= self.max_blur <= 1.0:
            raise DatasetError(f"The largest blur score must lie in 0..1, it is {self.max_blur:g}.")


@dataclass(frozen=True, eq=False)
class RecordReport:
    """What became of the photos.

    Attributes:
        names: the photos that are views now, in the order of their frames.
        warnings: of each of them.
        left_out: the others.
    """

    names: tuple[str, ...]
    warnings: tuple[tuple[str, ...], ...]
    left_out: tuple[LeftOut, ...]


def record_photos(
    posed: Sequence[PosedPhoto],
    object_frame: ObjectFrame,
    folder: Path,
    options: RecordOptions,
    left_out: Sequence[LeftOut] = (),
) -> RecordReport:
    """Write a new data set from photos.

    Args:
        posed: the photos.
        object_frame: the object's box in the frame of their poses.
        folder: of the data set; it must not exist.
        options: how.
        left_out: photos that were left out before; named when too few remain.

    Raises:
        DatasetError: fewer than ``options.least_views`` photos are of use; says what was wrong with each other one.
        DatasetWriteError: the folder exists or cannot be written. Nothing is left behind then.
    """
    dropped = list(left_out)
    names: list[str] = []
    warnings: list[tuple[str, ...]] = []
    with new_folder(folder) as unfinished:
        with Franka16Writer(unfinished) as writer:
            for photo in posed:
                try:
                    view, source = _view(photo, object_frame, len(names), options)
                except EscherNetError as error:
                    dropped.append(LeftOut.because(photo.photo, error))
                else:
                    writer.add(view.image, _record(view, photo), view.mask, source if options.keep_photos else None)
                    names.append(photo.photo.path.name)
                    warnings.append(view.warnings)
        if len(names) < options.least_views:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in dropped)
            raise DatasetError(
                f"{len(names)} of {len(posed) + len(left_out)} photos are of use, at least {options.least_views} are "
                f"needed. {reasons or 'Take more photos'}."
            )
    return RecordReport(tuple(names), tuple(warnings), tuple(dropped))


def _view(
    posed: PosedPhoto, object_frame: ObjectFrame, index: int, options: RecordOptions
) -> tuple[PosedView, SourceImages]:
    """A photo as a view of the model's camera, and the photo with its mask.

    Raises:
        EscherNetError: the photo is of no use; says why.
    """
    photo = posed.photo.read()
    colour, camera = _reduced(photo, posed.camera, options.image_size)
    full_mask = options.masks.full_size(posed)
    if full_mask is not None:
        mask: NDArray[np.bool_] | None = resized_mask(full_mask, camera)
    else:
        mask = options.masks.of_pixels(colour, camera, posed.base_from_camera_optical, object_frame)
        full_mask = None if mask is None else resized_mask(mask, posed.camera)
    if mask is not None and not mask.any():
        raise DatasetError("no pixel of it belongs to the object: check the object's box, or choose another mask")
    stamp = posed.photo.path.stat().st_mtime_ns
    poses = PoseBuffer()
    poses.add(stamp, posed.base_from_camera_optical)
    assembler = ViewAssembler(
        ee_from_camera_optical=SE3.identity(),
        object_frame=object_frame,
        image_size=options.image_size,
        aim_at_object=True,
    )
    view = assembler.assemble(colour, None, mask, camera, stamp, poses, index)
    if view.scores.blur > options.max_blur:
        raise DatasetError(
            f"it is blurred: the object's edges score {view.scores.blur:.2f}, at most {options.max_blur:.2f}"
        )
    # nobody knows when it was exposed, nor how good its pose is
    view = replace(view, exposure_s=math.nan, exposure_source="", pose_error=PoseError())
    return view, SourceImages(photo, None, full_mask)


def _reduced(
    colour: NDArray[np.uint8], camera: PinholeCamera, image_size: int
) -> tuple[NDArray[np.uint8], PinholeCamera]:
    """The photo and its camera with no more pixels than the model's image can make use of."""
    factor = _WORKING_FOCAL * model_camera(image_size).fx / max(camera.fx, camera.fy)
    if factor >= 1.0:
        return colour, camera
    size = (max(1, round(camera.width * factor)), max(1, round(camera.height * factor)))
    smaller = np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return smaller, camera.resized(*size)


def _record(view: PosedView, posed: PosedPhoto) -> FrameRecord:
    """The view's record; there was no arm and no pose stream."""
    return FrameRecord(
        camera_gl_from_object=view.camera_gl_from_object,
        base_from_camera_optical=view.base_from_camera_optical,
        object_frame=view.object_frame,
        camera=view.camera,
        source_camera=posed.camera,
        image_stamp_ns=view.image_stamp_ns,
        stamp_ns=view.stamp_ns,
        base_from_source_optical=posed.base_from_camera_optical,
        warnings=(f"from the photo {posed.photo.path.name}; its stamp is the file's time", *view.warnings),
        quality=view.quality,
    )
