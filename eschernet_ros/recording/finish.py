# SPDX-License-Identifier: Apache-2.0
"""Makes what a continuous recording left for later: masks, RGBA pictures, and the pictures for the model.

Frames are finished in their order and journalled in small batches, so a run that is killed loses a few frames' work;
the next goes on after them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from eschernet_ros.capture import develop
from eschernet_ros.capture.mask_method import ObjectMasker
from eschernet_ros.datasets import (
    DatasetError,
    FinishedFrame,
    FrameRecord,
    Franka16Writer,
    StoredFile,
    read_frames_file,
)
from eschernet_ros.datasets.frame_files import encode_images, masked_images, model_image, read_source
from eschernet_ros.datasets.franka16_layout import MASK

_BATCH = 8


@dataclass(frozen=True)
class FinishReport:
    """What finishing did.

    Attributes:
        frames: of the recording.
        made: those that were finished now.
        warnings: how often each warning came with them.
    """

    frames: int
    made: int
    warnings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Developed:
    contents: Mapping[str, bytes]
    quality: Mapping[str, float | str]
    warnings: tuple[str, ...]


def finish_recording(
    folder: Path,
    *,
    masker: ObjectMasker | None = None,
    jobs: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> FinishReport:
    """Finish the frames that have no picture for the model; a recording that is complete stays as it is.

    Args:
        folder: the object's folder.
        masker: makes the masks; None: as the recorder was told.
        jobs: threads.
        on_progress: called with the number of frames that are finished, and that of all.

    Raises:
        DatasetError: the folder is no recording of this schema, is being recorded, or lacks what finishing needs.
        DatasetWriteError: the disk refuses; what is finished stays.
    """
    if read_frames_file(folder) is None:
        raise DatasetError(f"{folder} is no recording of this package; there is nothing to finish.")
    with Franka16Writer(folder) as writer:
        frames = read_frames_file(folder)
        assert frames is not None
        if masker is None:
            told = frames.sessions[-1].get("mask", {}) if frames.sessions else {}
            masker = ObjectMasker.from_names(told.get("method", "depth_refined"), told.get("model", ""))
        first, total = frames.finished, len(frames.records)
        warnings: Counter[str] = Counter()
        work = ((index, frames.records[index], frames.files[index]) for index in range(first, total))
        batch: list[FinishedFrame] = []
        for index, made in _in_order(folder, work, masker, jobs):
            files = writer.write_files(index, made.contents)
            batch.append(FinishedFrame(index, files, made.quality, made.warnings))
            warnings.update(made.warnings)
            if len(batch) == _BATCH or index == total - 1:
                writer.finish(batch)
                batch = []
                on_progress(index + 1, total)
        return FinishReport(total, total - first, dict(warnings))


def _in_order(
    folder: Path,
    work: Iterator[tuple[int, FrameRecord, Mapping[str, StoredFile]]],
    masker: ObjectMasker,
    jobs: int,
) -> Iterator[tuple[int, _Developed]]:
    """Develop frames in several threads; few are in memory at once."""
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="finish") as pool:
        running: deque[tuple[int, Future[_Developed]]] = deque()
        for index, record, files in work:
            running.append((index, pool.submit(_develop, folder, index, record, files, masker)))
            if len(running) > jobs:
                number, future = running.popleft()
                yield number, future.result()
        for number, future in running:
            yield number, future.result()


def _develop(
    folder: Path, index: int, record: FrameRecord, files: Mapping[str, StoredFile], masker: ObjectMasker
) -> _Developed:
    if record.source_camera is None or record.base_from_source_optical is None:
        raise DatasetError(f"Frame {index} of {folder} does not say which camera took it from where.")
    source = read_source(folder, files)
    developed = develop(
        source.colour,
        None if source.depth is None else source.depth.astype(np.float32) * np.float32(1e-3),
        source.mask,
        source_camera=record.source_camera,
        camera=record.camera,
        base_from_source=record.base_from_source_optical,
        base_from_camera=record.base_from_camera_optical,
        object_frame=record.object_frame,
        masker=masker,
    )
    images = model_image(developed.image, developed.mask)
    if developed.source_mask is not None and MASK not in files:
        images |= masked_images(source.colour, developed.source_mask)
    scores = {f.name: getattr(developed.scores, f.name) for f in fields(developed.scores)}
    known = {name: value for name, value in scores.items() if not np.isnan(value)}
    return _Developed(encode_images(images), known, developed.warnings)
