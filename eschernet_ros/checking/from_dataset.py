# SPDX-License-Identifier: Apache-2.0
"""A data set folder of any known layout, to be checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eschernet_ros.checking.recording import CheckFrame, CheckRecording
from eschernet_ros.datasets import FrameRecord, open_dataset
from eschernet_ros.geometry import model_camera, world_from_camera_optical


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
    chosen = range(len(views))
    notes = [views.pose_source]
    if count is not None and len(views) > count:
        chosen = sorted({int(i) for i in np.linspace(0, len(views) - 1, count).round()})  # type: ignore[assignment]
        notes.append(f"{len(chosen)} of {len(views)} views were looked at.")
    records: list[FrameRecord] | None = views.metadata.get("records")
    frames, poses = [], []
    for row in chosen:
        image = views.images[row]
        record = records[row] if records else None
        frames.append(
            CheckFrame(
                name=str(views.view_ids[row]),
                image=image,
                camera=record.camera if record else model_camera(image.shape[0]),
                mask=None if views.masks is None else views.masks[row],
                stamp_ns=record.stamp_ns if record else None,
                background_is_blank=True,
            )
        )
        poses.append(world_from_camera_optical(views.poses[row]))
    return CheckRecording(
        name=views.name,
        source=f"{folder} ({views.layout}, {len(views)} views)",
        frames=tuple(frames),
        world_from_camera=tuple(poses),
        length_unit_m=None if views.scale is None else 1.0 / views.scale,
        notes=tuple(notes),
    )
