# SPDX-License-Identifier: Apache-2.0
"""Franka16: ``angles.npy`` and ``images_rgba/frame%06d.png``; full poses where they were recorded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.franka16_frames import FramesFile, read_frames_file
from eschernet_ros.datasets.franka16_layout import (
    ANGLES_FILE,
    HEAD_FILE,
    IMAGES_FOLDER,
    JOURNAL_FILE,
    OLD_FRAMES_FILE,
    frame_number,
    image_name,
)
from eschernet_ros.datasets.images import read_images
from eschernet_ros.datasets.posed_images import PosedImages, format_ids
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit, subfolders
from eschernet_ros.datasets.selection import random_ids
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PUBLISHED_RADIUS, PinholeCamera, franka16_poses, stack_matrices

_log = logging.getLogger(__name__)


class Franka16Reader(DatasetReader):
    """Reads the published layout; the journal, where this package recorded it, brings the full poses."""

    layout: ClassVar[str] = "franka16"
    description: ClassVar[str] = "Franka16: RGBA frames with azimuth and elevation, also as recorded here"
    looks_for: ClassVar[str] = f"{ANGLES_FILE} beside {IMAGES_FOLDER}/frame000000.png"

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Objects in ``folder``: the object folder itself or a collection."""
        if _is_object(folder):
            return {folder.resolve().name: folder}
        return {entry.name: entry for entry in subfolders(folder) if _is_object(entry)}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """The recorded frames, or the numbers of the images where nothing is recorded."""
        frames = read_frames_file(folder)
        if frames is not None:
            return tuple(range(frames.finished))
        return tuple(_number(path) for path in _image_paths(folder))

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one object: by its records where there are any, else by the published rule."""
        frames = None if options.published_poses else read_frames_file(folder)
        scale: float | None = None
        cameras: tuple[PinholeCamera, ...] | None = None
        metadata: dict[str, Any] = {}
        if frames is None:
            paths, poses = _published(folder)
            source = f"Published rule: azimuth and elevation of {ANGLES_FILE} at distance {PUBLISHED_RADIUS}."
        else:
            paths = _recorded_paths(folder, frames)
            records = frames.records[: frames.finished]
            poses = stack_matrices(record.camera_gl_from_object for record in records)
            source = f"Full poses of {_records_name(folder)}."
            metadata = {
                "package_version": frames.package_version,
                "records": records,
                "files": frames.files[: frames.finished],
                "state": frames.state,
            }
            cameras = tuple(record.camera for record in records)
            scales = [record.scale for record in records]
            if scales and np.ptp(scales) <= 1e-9 * max(scales):
                scale = scales[0]
        if not paths:
            raise DatasetError(f"{folder} holds no frame yet; record some first.")
        _log.info("%s: %s", folder, source)
        images, masks = read_images(paths, options.image_size)
        if cameras is not None:
            cameras = tuple(camera.resized(images.shape[2], images.shape[1]) for camera in cameras)
        return PosedImages(
            name=name,
            layout=self.layout,
            view_ids=tuple(_number(path) for path in paths),
            images=images,
            masks=masks,
            camera_gl_from_world=poses,
            pose_source=source,
            scale=scale,
            metadata=metadata,
            cameras=cameras,
        )

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """Random references, drawn from the seed; the targets are the spiral, which has no true images."""
        return ViewSplit(
            reference_ids=random_ids(views, references, seed),
            targets="spiral",
            target_ids=(),
            scored_ids=(),
            rule=(
                f"Published Franka16 rule: {references} random views (seed {seed}) are references, the "
                "spiral of 100 poses is asked for; no true images exist."
            ),
        )


def _is_object(folder: Path) -> bool:
    images = folder / IMAGES_FOLDER
    if not images.is_dir():
        return False
    if _is_recorded(folder):
        return True
    return (folder / ANGLES_FILE).is_file() and any(frame_number(path) is not None for path in images.iterdir())


def _is_recorded(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (HEAD_FILE, OLD_FRAMES_FILE))


def _records_name(folder: Path) -> str:
    """The file that holds the records, for sentences."""
    return JOURNAL_FILE if (folder / HEAD_FILE).is_file() else OLD_FRAMES_FILE


def _number(path: Path) -> int:
    number = frame_number(path)
    assert number is not None
    return number


def _image_paths(folder: Path) -> list[Path]:
    images = folder / IMAGES_FOLDER
    return sorted((path for path in images.iterdir() if frame_number(path) is not None), key=_number)


def _published(folder: Path) -> tuple[list[Path], NDArray[np.float64]]:
    """Images in the order of their numbers and the pose of each by the published rule."""
    path = folder / ANGLES_FILE
    try:
        angles = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"The angles file {path} cannot be read: {error}") from error
    if angles.ndim != 2 or angles.shape[1] != 2 or angles.dtype.kind not in "fiu":
        raise DatasetError(
            f"{path} holds {angles.dtype} {list(angles.shape)}; azimuth and elevation in radians, [N,2], are needed."
        )
    paths = _image_paths(folder)
    if len(paths) != len(angles):
        recorded = _is_recorded(folder)
        raise DatasetError(
            f"{folder} holds {len(paths)} images but {len(angles)} rows in {ANGLES_FILE}; "
            + (
                "this recording was cut off: open it with the recorder once, which repairs it."
                if recorded
                else "restore the missing files."
            )
        )
    try:
        return paths, stack_matrices(franka16_poses(angles))
    except EscherNetError as error:
        raise DatasetError(f"{path}: {error}") from error


def _recorded_paths(folder: Path, frames: FramesFile) -> list[Path]:
    """The image of every recorded frame that is finished."""
    unfinished = len(frames.records) - frames.finished
    if unfinished:
        sentence = (
            f"{folder} is an unfinished recording: {unfinished} of its {len(frames.records)} frames have no picture "
            f"for the model yet; `eschernet-ros dataset finish {folder}` makes them."
        )
        if not frames.finished:
            raise DatasetError(sentence)
        _log.warning("%s They are left out.", sentence)
    paths = [folder / IMAGES_FOLDER / image_name(index) for index in range(frames.finished)]
    missing = [index for index, path in enumerate(paths) if not path.is_file()]
    if missing:
        raise DatasetError(
            f"{folder / _records_name(folder)} lists the frames {format_ids(missing)}, but their images in "
            f"{IMAGES_FOLDER} are missing; restore them."
        )
    extra = sorted(path.name for path in set(_image_paths(folder)) - set(paths))
    if extra:
        _log.warning(
            "%s: left out %s, which %s does not name; the recorder moves such images aside when it opens the folder.",
            folder,
            ", ".join(extra),
            _records_name(folder),
        )
    return paths
