# SPDX-License-Identifier: Apache-2.0
"""Opens a data set folder of any known layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eschernet_ros.datasets.colmap import ColmapReader
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.franka16_reader import Franka16Reader
from eschernet_ros.datasets.gso import GsoReader
from eschernet_ros.datasets.gso_targets import Gso3dReader, GsoSpiralReader
from eschernet_ros.datasets.mvdream import MvDreamReader, Text2ImgReader
from eschernet_ros.datasets.nerf_synthetic import NerfSyntheticReader
from eschernet_ros.datasets.nerfstudio import NerfstudioReader
from eschernet_ros.datasets.objaverse import ObjaverseReader
from eschernet_ros.datasets.placement import ObjectPlacement, PlacementRule
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit
from eschernet_ros.datasets.rtmv import RtmvReader

READERS: Mapping[str, DatasetReader] = {
    reader.layout: reader
    for reader in (
        Franka16Reader(),
        GsoReader(),
        Gso3dReader(),
        GsoSpiralReader(),
        NerfSyntheticReader(),
        RtmvReader(),
        MvDreamReader(),
        Text2ImgReader(),
        ObjaverseReader(),
        NerfstudioReader(),
        ColmapReader(),
    )
}


@dataclass(frozen=True)
class Dataset:
    """A folder whose layout is known: one object or a collection.

    Attributes:
        folder: the folder as given.
        reader: the reader of its layout.
        folders: the objects' folders by name.
    """

    folder: Path
    reader: DatasetReader
    folders: Mapping[str, Path] = field(repr=False)

    @property
    def layout(self) -> str:
        """Short name of the layout."""
        return self.reader.layout

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the objects."""
        return tuple(self.folders)

    def read(
        self,
        name: str | None = None,
        *,
        image_size: int | None = 256,
        published_poses: bool = False,
        placement: PlacementRule | ObjectPlacement = "auto",
    ) -> PosedImages:
        """Read one object.

        Args:
            name: which one; None where the folder holds only one.
            image_size: side in pixels to which images are resized; None keeps the files' own size.
            published_poses: read poses by the published rule even where the folder records more.
            placement: where the object is in scenes that do not say it; see :class:`ReadOptions`.

        Raises:
            DatasetError: when the name is missing or unknown, or a file is missing or damaged.
        """
        if name is None:
            if len(self.folders) != 1:
                raise DatasetError(
                    f"{self.folder} holds {len(self.folders)} objects; name one of them: {', '.join(self.folders)}."
                )
            name = next(iter(self.folders))
        if name not in self.folders:
            raise DatasetError(f"{self.folder} holds no object '{name}'; its objects are {', '.join(self.folders)}.")
        options = ReadOptions(image_size=image_size, published_poses=published_poses, placement=placement)
        return self.reader.read(name, self.folders[name], options)

    def __iter__(self) -> Iterator[PosedImages]:
        """Read every object, one after the other, at the published size."""
        for name in self.folders:
            yield self.read(name)

    def split(self, views: PosedImages, references: int = 5, seed: int = 0) -> ViewSplit:
        """The published choice of references and targets; see :meth:`DatasetReader.split`."""
        return self.reader.split(views, references, seed)


def layouts() -> dict[str, str]:
    """The layouts that can be read: short name -> description."""
    return {name: reader.description for name, reader in READERS.items()}


def fitting_readers(
    folder: Path, candidates: Iterable[DatasetReader] | None = None
) -> list[tuple[DatasetReader, Mapping[str, Path]]]:
    """The readers whose layout the folder has, with its objects; those that yield to another one are left out.

    Args:
        folder: an object's folder or a collection.
        candidates: the readers that are tried; None: all.

    Raises:
        DatasetError: when the folder cannot be listed.
    """
    try:
        found = [(reader, reader.objects(folder)) for reader in candidates or READERS.values()]
    except OSError as error:
        raise DatasetError(f"{folder} cannot be listed: {error.strerror or error}.") from error
    names = {reader.layout for reader, objects in found if objects}
    return [(reader, objects) for reader, objects in found if objects and not names.intersection(reader.yields_to)]


def open_dataset(folder: str | Path, layout: str | None = None) -> Dataset:
    """Find out the layout of a folder and list its objects.

    Args:
        folder: an object's folder or a collection of them.
        layout: short name of the layout (see :func:`layouts`); None: detect it by what is in the folder.

    Raises:
        DatasetError: when there is no such folder, when the layout is unknown, not found or not the only
            one that fits. The sentence says what was looked for.
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise DatasetError(f"The data set folder {path} {what}.")
    if layout is not None and layout not in READERS:
        raise DatasetError(f"There is no layout '{layout}'; the known ones are {', '.join(READERS)}.")
    candidates = READERS.values() if layout is None else (READERS[layout],)
    found = [Dataset(path, reader, objects) for reader, objects in fitting_readers(path, candidates)]
    if not found:
        looked = "; ".join(f"{reader.layout}: {reader.looks_for}" for reader in candidates)
        raise DatasetError(
            f"{path} is not {'a known data set' if layout is None else f'of the layout {layout!r}'}. "
            f"Looked there and in its subfolders for {looked}."
        )
    if len(found) > 1:
        raise DatasetError(
            f"{path} fits more than one layout: {', '.join(dataset.layout for dataset in found)}. "
            "Say which one you mean with layout=... (--layout on the command line)."
        )
    return found[0]
