# SPDX-License-Identifier: Apache-2.0
"""What can be trained on: objects with posed views, found in a folder and read view by view.

``find_scenes(folder, minimum_views)`` lists them without opening an image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets import READERS, DatasetError, DatasetReader, PosedImages, ReadOptions, fitting_readers
from eschernet_ros.datasets.images import read_image
from eschernet_ros.datasets.objaverse import ObjaverseReader, render_path
from eschernet_ros.datasets.pose_file import read_pose
from eschernet_ros.datasets.render_folders import find_render_folders, is_ignored
from eschernet_ros.training.filter_file import FILTER_FILE, read_filter

View = tuple[NDArray[np.uint8], NDArray[np.float64]]
"""Image uint8 RGB [size,size,3] on white, and its ``camera_gl_from_world`` float64 [4,4] in model units."""

_NAMED = 8
"""So many skipped objects are named in a sentence."""


class TrainingScene(ABC):
    """One object with its views.

    Attributes:
        name: the object's name, unique in the folder it was found in.
    """

    name: str

    @abstractmethod
    def __len__(self) -> int:
        """Number of views."""

    @abstractmethod
    def view(self, index: int, size: int) -> View:
        """One view; both arrays are the caller's own.

        Args:
            index: 0 .. ``len(self) - 1``.
            size: side in pixels to which the image is resized.

        Returns:
            The image, uint8 RGB [size,size,3], white outside the object, and ``camera_gl_from_world``,
            float64 [4,4]: world to camera, OpenGL camera axes, z up, model units (longest side of the object 1).

        Raises:
            DatasetError: when a file is missing or damaged (names it), or there is no such view.
        """


class RenderFolder(TrainingScene):
    """A folder ``<id>/%03d.png`` + ``%03d.npy``; every call reads the files of that view.

    Attributes:
        folder: the object's folder.
        view_ids: the views' numbers.
        images_without_pose: how many images have no ``.npy`` and are therefore no views.
    """

    def __init__(self, name: str, folder: Path, view_ids: tuple[int, ...], images_without_pose: int = 0) -> None:
        """Take the views ``view_ids`` of ``folder``; opens nothing."""
        self.name = name
        self.folder = folder
        self.view_ids = view_ids
        self.images_without_pose = images_without_pose

    def __len__(self) -> int:
        """Number of views."""
        return len(self.view_ids)

    def view(self, index: int, size: int) -> View:
        """Read one view; see :meth:`TrainingScene.view`."""
        _check_index(self, index)
        path = render_path(self.folder, self.view_ids[index])
        image, _ = read_image(path, size)
        return np.array(image), read_pose(path.with_suffix(".npy"))


class RecordedObject(TrainingScene):
    """An object of any layout that :mod:`eschernet_ros.datasets` reads, for example an own recording.

    It is read as a whole at first use and kept in memory at the size last asked for. Own recordings give the full
    poses of the journal, not the published azimuth and elevation.

    Attributes:
        folder: the object's folder.
        reader: the reader of its layout.
    """

    def __init__(self, name: str, folder: Path, reader: DatasetReader) -> None:
        """Take the object at ``folder``; opens no image.

        Raises:
            DatasetError: when a file that lists the views is damaged.
        """
        self.name = name
        self.folder = folder
        self.reader = reader
        self._length = len(reader.view_ids(folder))
        self._loaded: tuple[int, PosedImages] | None = None

    def __len__(self) -> int:
        """Number of views."""
        return self._length

    def view(self, index: int, size: int) -> View:
        """One view; see :meth:`TrainingScene.view`."""
        _check_index(self, index)
        loaded = self._loaded
        if loaded is None or loaded[0] != size:
            views = self.reader.read(self.name, self.folder, ReadOptions(image_size=size, published_poses=False))
            if len(views) != self._length:
                raise DatasetError(
                    f"{self.folder} held {self._length} views when it was listed and holds {len(views)} now; "
                    "train when nothing is recorded into it any more."
                )
            self._loaded = loaded = (size, views)
        views = loaded[1]
        return views.images[index].copy(), views.camera_gl_from_world[index].copy()


class CachedScene(TrainingScene):
    """Another scene whose views are kept in memory, uint8 at the sizes asked for, after they were first read."""

    def __init__(self, scene: TrainingScene) -> None:
        """Keep the views of ``scene``."""
        self.name = scene.name
        self._scene = scene
        self._views: dict[tuple[int, int], View] = {}

    def __len__(self) -> int:
        """Number of views."""
        return len(self._scene)

    def view(self, index: int, size: int) -> View:
        """One view; see :meth:`TrainingScene.view`."""
        kept = self._views.get((index, size))
        if kept is None:
            self._views[index, size] = kept = self._scene.view(index, size)
        return kept[0].copy(), kept[1].copy()


@dataclass(frozen=True)
class FoundScenes:
    """The objects of a folder.

    Attributes:
        scenes: those that can be trained on, by name.
        skipped: the others: name -> reason.
    """

    scenes: list[TrainingScene]
    skipped: dict[str, str]

    def summary(self) -> str:
        """What was found and what was skipped, in a sentence or two."""
        words = f"{len(self.scenes)} objects with {sum(map(len, self.scenes))} views."
        without = sum(scene.images_without_pose for scene in self.scenes if isinstance(scene, RenderFolder))
        if without:
            words += f" {without} images have no .npy and are left out."
        return f"{words} {_skipped_in_words(self.skipped)}".rstrip()


def find_scenes(folder: Path, minimum_views: int) -> FoundScenes:
    """List the objects in ``folder`` that can be trained on; looks at names only and opens no image.

    Args:
        folder: a collection of renders (``<id>/%03d.png`` + ``%03d.npy``, also ``<shard>/<id>/``), one object's
            folder, or a data set of another layout that :func:`eschernet_ros.datasets.open_dataset` knows. Hidden
            folders and those that end in ``.partial`` or ``.tmp`` are ignored. Objects that ``filter.json`` in
            ``folder``, or in a shard, rejects are skipped.
        minimum_views: objects with fewer views are skipped, >= 1.

    Returns:
        Scenes by name, whatever the order of the directory, and the skipped names with the reasons.

    Raises:
        DatasetError: when the folder is missing, ``filter.json`` is damaged, or nothing can be trained on.
    """
    if minimum_views < 1:
        raise DatasetError(f"minimum_views is {minimum_views}; at least 1 view is needed.")
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DatasetError(f"The training data folder {folder} {what}.")
    scenes: dict[str, TrainingScene] = {}
    skipped: dict[str, str] = {}
    for entry in find_render_folders(folder):
        shortage = entry.listing.shortage(minimum_views)
        if shortage is not None:
            skipped[entry.name] = shortage
        else:
            listing = entry.listing
            scenes[entry.name] = RenderFolder(entry.name, entry.path, listing.view_ids, listing.images_without_pose)
    if not scenes:
        recorded, recorded_skipped = _recorded_objects(folder, minimum_views)
        if recorded or recorded_skipped:
            scenes, skipped = recorded, recorded_skipped
    for name, reason in _rejections(folder, {*scenes, *skipped}).items():
        scenes.pop(name, None)
        skipped[name] = f"{FILTER_FILE}: {reason}"
    if not scenes:
        looked = "; ".join(f"{reader.layout}: {reader.looks_for}" for reader in READERS.values())
        words = (
            f"{folder} holds no object with at least {minimum_views} views. "
            f"Looked there and in its subfolders for {looked}. {_skipped_in_words(skipped)}"
        )
        raise DatasetError(words.rstrip())
    return FoundScenes([scenes[name] for name in sorted(scenes)], dict(sorted(skipped.items())))


def _recorded_objects(folder: Path, minimum_views: int) -> tuple[dict[str, TrainingScene], dict[str, str]]:
    """Objects of the layouts that are not render folders."""
    scenes: dict[str, TrainingScene] = {}
    skipped: dict[str, str] = {}
    for reader, objects in fitting_readers(folder):
        if isinstance(reader, ObjaverseReader):
            continue
        for name, path in objects.items():
            if is_ignored(name):
                continue
            try:
                scene = RecordedObject(name, path, reader)
            except DatasetError as error:
                skipped[name] = str(error)
                continue
            if len(scene) < minimum_views:
                skipped[name] = f"{len(scene)} views of {minimum_views} needed" if len(scene) else "empty"
            elif name in scenes:
                raise DatasetError(f"{path} fits more than one layout; train on a copy that holds one only.")
            else:
                scenes[name] = scene
    return scenes, skipped


def _rejections(folder: Path, names: set[str]) -> dict[str, str]:
    """What ``filter.json`` in the folder and in its shards says about ``names``."""
    rejected = read_filter(folder)
    for shard in sorted({name.partition("/")[0] for name in names if "/" in name}):
        for name, reason in read_filter(folder / shard).items():
            rejected.setdefault(f"{shard}/{name}", reason)
    return {name: reason for name, reason in rejected.items() if name in names}


def _check_index(scene: TrainingScene, index: int) -> None:
    if not 0 <= index < len(scene):
        raise DatasetError(f"'{scene.name}' has {len(scene)} views; there is no view {index}.")


def _skipped_in_words(skipped: Mapping[str, str]) -> str:
    """The first names with their reasons, and the most frequent reasons; empty when nothing was skipped."""
    if not skipped:
        return ""
    counts = Counter(skipped.values())
    named = [f"{name} ({reason})" for name, reason in sorted(skipped.items())[:_NAMED]]
    more = f", and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    common = ""
    if more:
        common = "; most often: " + ", ".join(f"{count} times '{reason}'" for reason, count in counts.most_common(3))
    return f"Skipped {len(skipped)}: {', '.join(named)}{more}{common}."
