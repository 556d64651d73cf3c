# SPDX-License-Identifier: Apache-2.0
"""The package's own layout, written from views of any other."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from eschernet_ros.datasets.dataset_writer import DatasetWriter, picture
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.frame_files import SourceImages
from eschernet_ros.datasets.franka16_record import FrameRecord
from eschernet_ros.datasets.franka16_writer import Franka16Writer
from eschernet_ros.datasets.model_view import is_model_camera, on_model_camera
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.geometry import MODEL_IMAGE_SIZE, SE3, ObjectFrame, model_camera


class Franka16Export(DatasetWriter):
    """Frames for the recorder's own writer; the base frame is the object's frame in metres."""

    layout: ClassVar[str] = "franka16"
    description: ClassVar[str] = "Franka16 as this package records it: angles.npy, images_rgba, frames.jsonl"

    def add(self, views: PosedImages, folder: Path) -> list[str]:
        """Write the frames; views of another camera than the model's are resampled to it, and kept beside."""
        notes = []
        source, resampled = views, False
        if views.cameras is None:
            height, width = views.images.shape[1:3]
            if height != width:
                raise DatasetError(
                    f"'{views.name}' has images of {width}x{height} and no intrinsics; the model's images are square. "
                    "Give the horizontal field of view (--field-of-view)."
                )
            notes.append(f"'{views.name}' has no intrinsics: its images are taken for those of the model's camera.")
        elif not all(map(is_model_camera, views.cameras)):
            notes.append(f"'{views.name}' was resampled to the model's camera, {MODEL_IMAGE_SIZE} pixels wide.")
            views, resampled = on_model_camera(views, MODEL_IMAGE_SIZE), True
        if views.masks is None:
            notes.append(f"'{views.name}' has no masks: the whole image counts as object.")
        side, note = 1.0, ""
        if views.scale is not None:
            side = 1.0 / views.scale
        else:
            note = f"'{views.name}' has no metric scale: its longest side is taken for 1 m (--longest-side)."
            notes.append(note)
        frame = ObjectFrame(SE3.identity(), (side, side, side))
        with Franka16Writer(folder) as writer:
            for row, (pose, source_pose) in enumerate(zip(views.poses, source.poses, strict=True)):
                base_from_camera = frame.denormalise(pose)
                record = FrameRecord(
                    camera_gl_from_object=frame.normalise(base_from_camera),
                    base_from_camera_optical=base_from_camera,
                    object_frame=frame,
                    camera=model_camera(views.images.shape[2]),
                    source_camera=None if source.cameras is None else source.cameras[row],
                    image_stamp_ns=0,
                    stamp_ns=0,
                    base_from_source_optical=frame.denormalise(source_pose),
                    warnings=(f"converted from view {views.view_ids[row]} of {views.layout}", *filter(None, [note])),
                )
                pixels = picture(views, row)
                mask = np.ones(pixels.shape[:2], dtype=bool) if views.masks is None else None
                full = SourceImages(source.images[row], None, None if source.masks is None else source.masks[row])
                writer.add(pixels, record, mask, full if resampled else None)
        return notes
