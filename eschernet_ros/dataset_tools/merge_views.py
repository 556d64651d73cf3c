# SPDX-License-Identifier: Apache-2.0
"""Views of one object from several folders, numbered anew in one; files are copied bit for bit, sources only read.

The folders must agree on where the object is. Recordings tell the box they were made with, which is compared; whether
all masks fit one hull is for ``validate`` to judge afterwards.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eschernet_ros.dataset_tools.merge_file import Origin, write_merge_file
from eschernet_ros.dataset_tools.readings import load_angles
from eschernet_ros.datasets import Dataset, DatasetError
from eschernet_ros.datasets.frame_files import read_checked
from eschernet_ros.datasets.franka16_frames import FramesFile, read_frames_file
from eschernet_ros.datasets.franka16_layout import (
    ANGLES_FILE,
    IMAGE,
    IMAGES_FOLDER,
    frame_file,
    frame_number,
    image_name,
)
from eschernet_ros.datasets.franka16_writer import Franka16Writer, PendingFrame
from eschernet_ros.datasets.new_folder import new_folder
from eschernet_ros.datasets.render_folders import list_renders

RENDERS = frozenset({"gso30", "objaverse"})
BOX_AGREEMENT = 0.01
"""Longest sides of the parts' boxes may differ by 1 %: so much a scale may be off."""


@dataclass(frozen=True)
class Part:
    """One folder of the object.

    Attributes:
        name: of the object there.
        folder: where its files lie.
        layout: its layout.
    """

    name: str
    folder: Path
    layout: str


def the_parts(sources: Sequence[Dataset]) -> list[Part]:
    """Every data set must hold one object; their layouts must be the same.

    Raises:
        DatasetError: they do not.
    """
    for source in sources:
        if len(source.objects) != 1:
            raise DatasetError(
                f"{source.folder} holds {len(source.objects)} objects; name the folder of the one whose views are "
                "wanted."
            )
    layouts = sorted({source.layout for source in sources})
    if len(layouts) != 1:
        raise DatasetError(
            f"The folders are of different layouts, {', '.join(layouts)}. Convert them first: eschernet-ros dataset "
            "convert."
        )
    return [
        Part(name, folder.resolve(), source.layout) for source in sources for name, folder in source.folders.items()
    ]


def merge_views(
    parts: Sequence[Part], destination: Path, progress: Callable[[str], None] = lambda _: None
) -> list[Origin]:
    """Put the views of all parts into one new object folder of the same layout.

    Args:
        parts: folders of one object, in the order in which their views are numbered.
        destination: the new folder; it must not exist. Its name becomes the object's.
        progress: told what is being copied.

    Returns:
        For each part the new number of each view and the one it had.

    Raises:
        DatasetError: parts that do not belong together, a layout that cannot be merged, a damaged file.
        DatasetWriteError: the destination exists or cannot be written. Nothing is left behind.
    """
    folders = [part.folder for part in parts]
    if len(set(folders)) != len(folders):
        raise DatasetError("A folder is named twice; its views would be there twice.")
    layout = parts[0].layout
    with new_folder(destination) as folder:
        if layout in RENDERS:
            inner = folder if layout == "objaverse" else folder / "render_mvs_25" / "model"
            origins = _merge_renders(parts, inner, progress)
        elif layout == "franka16":
            frames = [read_frames_file(part.folder) for part in parts]
            recorded = [one for one in frames if one is not None]
            if recorded and len(recorded) != len(parts):
                raise DatasetError(
                    "Some of the folders are recordings with full poses, others have only angles: merging would throw "
                    "the full poses away. Convert the others first: eschernet-ros dataset convert."
                )
            origins = _merge_records(parts, recorded, folder, progress) if recorded else _merge_angles(parts, folder)
        else:
            raise DatasetError(
                f"Views of the layout {layout} cannot be merged file by file. Convert the folders first: eschernet-ros "
                "dataset convert SRC DST --to franka16."
            )
        write_merge_file(folder, layout, {destination.name: origins})
    return origins


def _merge_renders(parts: Sequence[Part], folder: Path, progress: Callable[[str], None]) -> list[Origin]:
    folder.mkdir(parents=True, exist_ok=True)
    origins, number = [], 0
    for part in parts:
        progress(f"copying views of {part.folder}")
        ids = {}
        for view_id in list_renders(part.folder).view_ids:
            for suffix in (".png", ".npy"):
                shutil.copyfile(part.folder / f"{view_id:03d}{suffix}", folder / f"{number:03d}{suffix}")
            ids[number] = view_id
            number += 1
        origins.append(Origin(str(part.folder), part.name, ids))
    return origins


def _merge_angles(parts: Sequence[Part], folder: Path) -> list[Origin]:
    """Published Franka16 folders: images, and one row of angles each."""
    (folder / IMAGES_FOLDER).mkdir()
    origins, rows, number = [], [], 0
    for part in parts:
        angles = load_angles(part.folder / ANGLES_FILE)
        numbered = [(frame_number(path), path) for path in (part.folder / IMAGES_FOLDER).iterdir()]
        paths = sorted((n, path) for n, path in numbered if n is not None)
        if angles is None or len(angles) != len(paths):
            raise DatasetError(
                f"{part.folder} holds {len(paths)} images and {'no' if angles is None else len(angles)} angles; "
                "`eschernet-ros dataset validate` says what is missing."
            )
        ids = {}
        for view_id, path in paths:
            shutil.copyfile(path, folder / IMAGES_FOLDER / image_name(number))
            ids[number] = view_id
            number += 1
        rows.append(angles)
        origins.append(Origin(str(part.folder), part.name, ids))
    np.save(folder / ANGLES_FILE, np.concatenate(rows))
    return origins


def _merge_records(
    parts: Sequence[Part], frames: Sequence[FramesFile], folder: Path, progress: Callable[[str], None]
) -> list[Origin]:
    """Recordings: every finished frame with all its files, checked against their checksums."""
    _same_box(parts, frames)
    origins, number = [], 0
    session = {"merged_from": [str(part.folder) for part in parts]}
    with Franka16Writer(folder, session) as writer:
        for part, recorded in zip(parts, frames, strict=True):
            progress(f"copying {recorded.finished} frames of {part.folder}")
            ids = {}
            for index in range(recorded.finished):
                files = recorded.files[index]
                if files:
                    contents = {kind: read_checked(part.folder, file) for kind, file in files.items()}
                else:  # schema 1 keeps no checksums
                    contents = {IMAGE: (part.folder / frame_file(IMAGE, index)).read_bytes()}
                stored = writer.write_files(number, contents)
                writer.commit([PendingFrame(number, recorded.records[index], stored)])
                ids[number] = index
                number += 1
            origins.append(Origin(str(part.folder), part.name, ids))
    return origins


def _same_box(parts: Sequence[Part], frames: Sequence[FramesFile]) -> None:
    """Refuse recordings that were made with boxes of other sizes: their poses have other scales."""
    sides = [
        (1.0 / record.scale, part.folder)
        for part, recorded in zip(parts, frames, strict=True)
        for record in recorded.records[: recorded.finished]
    ]
    if not sides:
        raise DatasetError("None of the folders holds a finished frame; there is nothing to merge.")
    (shortest, one), (longest, other) = min(sides), max(sides)
    if longest > (1.0 + BOX_AGREEMENT) * shortest:
        raise DatasetError(
            f"The folders do not agree on the object's size: its longest side is {1e3 * shortest:.1f} mm in {one} and "
            f"{1e3 * longest:.1f} mm in {other}, so their poses have different scales. Merge them as objects of one "
            "collection, or record again with one box."
        )
