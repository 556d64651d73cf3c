# SPDX-License-Identifier: Apache-2.0
"""The interface of a data set reader: one layout, one file, one subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.placement import ObjectPlacement, PlacementRule
from eschernet_ros.datasets.posed_images import PosedImages


@dataclass(frozen=True)
class ReadOptions:
    """How to read a data set.

    Attributes:
        image_size: side in pixels to which images are resized (published rule: 256); None keeps the
            files' own size.
        published_poses: read poses by the published rule of the layout even where the folder records
            more than that rule uses.
        placement: where the object is in scenes that do not say it: a rule of
            :func:`eschernet_ros.datasets.placement.choose_placement`, or the place itself. Layouts whose poses
            have the object at the origin take no notice.
    """

    image_size: int | None = 256
    published_poses: bool = False
    placement: PlacementRule | ObjectPlacement = "auto"


@dataclass(frozen=True)
class ViewSplit:
    """Which views are given to the model and which are asked of it.

    Attributes:
        reference_ids: views given to the model.
        targets: ``"views"``: synthesize the views of ``target_ids``; ``"spiral"``: the published spiral of
            100 poses, of which no true images exist.
        target_ids: views whose poses are asked for; empty for the spiral.
        scored_ids: the target views whose numbers count in the published tables.
        rule: a sentence that says what was done.
    """

    reference_ids: tuple[int, ...]
    targets: Literal["views", "spiral"]
    target_ids: tuple[int, ...]
    scored_ids: tuple[int, ...]
    rule: str


class DatasetReader(ABC):
    """Reads one layout. A new layout is a subclass in a file of its own and a line in ``registry.py``."""

    layout: ClassVar[str]
    """Short name, as given to ``--layout``."""
    description: ClassVar[str]
    """What the layout is, for lists."""
    looks_for: ClassVar[str]
    """What must lie in a folder for it to be of this layout, for error sentences."""
    licence_note: ClassVar[str] = ""
    """A sentence on the licence of the data set that the layout is named after; empty where there is none."""
    yields_to: ClassVar[tuple[str, ...]] = ()
    """Layouts whose objects often hold files of this one too: where one of them fits, it is taken instead."""

    @abstractmethod
    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Objects of this layout in ``folder``, by name, in the order of their names.

        ``folder`` may be an object's folder itself or a collection of such folders. An empty mapping means
        that the folder is not of this layout. Looks at names only; opens no file.
        """

    @abstractmethod
    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """The ids of the views that :meth:`read` finds at ``folder``, ascending; opens no image.

        Raises:
            DatasetError: when a file that lists the views is damaged; names it.
        """

    @abstractmethod
    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read the object that ``objects`` listed under ``name`` at ``folder``.

        Raises:
            DatasetError: when a file is missing or damaged; names it.
        """

    @abstractmethod
    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """The published choice of references and targets for ``references`` reference views.

        Depends on the views' ids and the seed only, never on the order of files in a directory.

        Raises:
            DatasetError: when the object has fewer views than that.
        """


def first_references(views: PosedImages, count: int) -> tuple[int, ...]:
    """The first ``count`` views.

    Raises:
        DatasetError: when there are fewer.
    """
    if not 1 <= count <= len(views):
        raise DatasetError(f"'{views.name}' has {len(views)} views; {count} references cannot be taken from them.")
    return views.view_ids[:count]


def subfolders(folder: Path) -> list[Path]:
    """Folders directly inside ``folder``, by name, hidden ones left out."""
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
