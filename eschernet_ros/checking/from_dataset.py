# SPDX-License-Identifier: Apache-2.0
"""A data set folder of any known layout, to be checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eschernet_ros.checking.recording import CheckFrame, CheckRecording
from eschernet_ros.datasets import FrameRecord, PosedImages, open_dataset
from eschernet_ros.geometry import PinholeCamera, model_camera, world_from_camera_optical


def dataset_recording(
    folder: Path, layout: str | None = None, name: str | None = None, count: int | None = None
) -> CheckRecording:
    """One object of a data set folder.

    Args:
        folder: an object's folder, or a collection.
        layout: short name of the layout; None: found out.
        name: which object of a collection.
        count: at most so many views, evenly spaced; None: all.

    Raises:
        DatasetError: the folder cannot be read, or holds several objects and none is named.
    """
    views = open_dataset(folder, layout).read(name, image_size=None)
    return views_recording(views, f"{folder} ({views.layout}, {len(views)} views)", count)


def views_recording(views: PosedImages, source: str, count: int | None = None) -> CheckRecording:
    """Views of a data set as a recording.

    Args:
        views: at their files' own size.
        source: what was read, in words.
        count: at most so many views, evenly spaced; None: all.
    """
    chosen: Sequence[int] = range(len(views))
    notes = [views.pose_source]
    if count is not None and len(views) > count:
        chosen = sorted({int(i) for i in np.linspace(0, len(views) - 1, count).round()})
        notes.append(f"{len(chosen)} of {len(views)} views were looked at.")
    records: list[FrameRecord] | None = views.metadata.get("records")
    cameras = views_cameras(views)
    frames, poses = [], []
    for row in chosen:
        record = records[row] if records else None
        frames.append(
            CheckFrame(
                name=str(views.view_ids[row]),
                image=views.images[row],
                camera=cameras[row],
                mask=None if views.masks is None else views.masks[row],
                stamp_ns=record.stamp_ns if record else None,
                background_is_blank=views.masks is not None,
            )
        )
        poses.append(world_from_camera_optical(views.poses[row]))
    return CheckRecording(
        name=views.name,
        source=source,
        frames=tuple(frames),
        world_from_camera=tuple(poses),
        length_unit_m=None if views.scale is None else 1.0 / views.scale,
        notes=tuple(notes),
    )


def views_cameras(views: PosedImages) -> Sequence[PinholeCamera]:
    """The camera of each view: as recorded, else the model's, which the published layouts are rendered with."""
    if views.cameras is not None:
        return views.cameras
    return [model_camera(views.images.shape[1])] * len(views)
