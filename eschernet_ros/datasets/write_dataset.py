# SPDX-License-Identifier: Apache-2.0
"""Writes a data set of any layout: into a hidden folder first, which takes its name when all of it is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from eschernet_ros.datasets.colmap_writer import ColmapBinaryWriter, ColmapTextWriter
from eschernet_ros.datasets.dataset_writer import DatasetWriter, WriteOptions
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.franka16_export import Franka16Export
from eschernet_ros.datasets.huggingface_writer import HuggingFaceWriter
from eschernet_ros.datasets.nerf_synthetic_writer import NerfSyntheticWriter
from eschernet_ros.datasets.nerfstudio_writer import NerfstudioWriter
from eschernet_ros.datasets.new_folder import new_folder
from eschernet_ros.datasets.posed_images import PosedImages

WRITERS: Mapping[str, type[DatasetWriter]] = {
    writer.layout: writer
    for writer in (
        Franka16Export,
        NerfstudioWriter,
        NerfSyntheticWriter,
        ColmapBinaryWriter,
        ColmapTextWriter,
        HuggingFaceWriter,
    )
}


@dataclass(frozen=True)
class WriteReport:
    """What was written.

    Attributes:
        folder: the data set.
        layout: its layout.
        views: number of views by object.
        notes: what the layout could not hold, and what was assumed.
    """

    folder: Path
    layout: str
    views: Mapping[str, int]
    notes: tuple[str, ...]


def writable_layouts() -> dict[str, str]:
    """The layouts that can be written: short name -> description."""
    return {name: writer.description for name, writer in WRITERS.items()}


def write_dataset(
    objects: Iterable[PosedImages],
    folder: str | Path,
    layout: str,
    options: WriteOptions | None = None,
    *,
    collection: bool = False,
) -> WriteReport:
    """Write objects, one after the other, as a new data set.

    Args:
        objects: the objects; an iterator is read as far as the object being written.
        folder: the data set; it must not exist.
        layout: short name of the layout (see :func:`writable_layouts`).
        options: how to write.
        collection: every object gets a folder of its own in ``folder``; else ``folder`` is the one object's.

    Raises:
        DatasetError: an unknown layout, no object, several without ``collection``, two of one name, or views that the
            layout cannot express. Nothing is left behind.
        DatasetWriteError: ``folder`` exists, or cannot be written. Nothing is left behind.
    """
    if layout not in WRITERS:
        raise DatasetError(f"There is no writer for '{layout}'; layouts that can be written are {', '.join(WRITERS)}.")
    writer = WRITERS[layout](options or WriteOptions())
    with new_folder(folder) as unfinished:
        views, notes = _write_objects(objects, unfinished, writer, collection)
        writer.finish(unfinished)
    return WriteReport(Path(folder).expanduser().absolute(), layout, views, tuple(notes))


def _write_objects(
    objects: Iterable[PosedImages], folder: Path, writer: DatasetWriter, collection: bool
) -> tuple[dict[str, int], list[str]]:
    counts: dict[str, int] = {}
    notes: list[str] = []
    for views in objects:
        if counts and not collection:
            raise DatasetError("Several objects do not go into one object's folder; write them as a collection.")
        name = views.name.replace("/", "_")
        if name in counts:
            raise DatasetError(f"Two objects are called '{name}'; write them into folders of their own.")
        own = folder
        if collection and not writer.joint:
            own = folder / name
            own.mkdir()
        notes += writer.add(views, own)
        counts[name] = len(views)
    if not counts:
        raise DatasetError("There is no object to write.")
    return counts, notes
