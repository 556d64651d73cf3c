# SPDX-License-Identifier: Apache-2.0
"""Finds folders of numbered renders: ``<id>/%03d.png`` + ``%03d.npy``, also one level deeper (``<shard>/<id>``).

Lists names only; no file is opened, so that a hundred thousand folders take seconds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_RENDER = re.compile(r"(\d{3,})\.(png|npy)")
_UNFINISHED = (".partial", ".tmp")


@dataclass(frozen=True)
class RenderListing:
    """What the names in a folder say.

    Attributes:
        view_ids: numbers that have an image and a pose, ascending.
        images_without_pose: how many ``%03d.png`` have no ``.npy``.
        poses_without_image: how many ``%03d.npy`` have no ``.png``.
        other_files: how many files are no render.
        subfolders: names of the folders inside, sorted; hidden and unfinished ones left out.
        problem: why the folder could not be listed; empty when it could.
    """

    view_ids: tuple[int, ...] = ()
    images_without_pose: int = 0
    poses_without_image: int = 0
    other_files: int = 0
    subfolders: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_render_folder(self) -> bool:
        """Whether any render lies in it, complete or not."""
        return bool(self.view_ids or self.images_without_pose or self.poses_without_image)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all lies in it that is not hidden or unfinished."""
        return not (self.is_render_folder or self.other_files or self.subfolders or self.problem)

    def shortage(self, minimum_views: int) -> str | None:
        """Why the folder does not hold ``minimum_views`` views, in words; None when it does."""
        if self.problem:
            return self.problem
        if len(self.view_ids) >= minimum_views:
            return None
        parts = [f"{len(self.view_ids)} views of {minimum_views} needed"] if self.view_ids else []
        if self.images_without_pose:
            parts.append(f"{self.images_without_pose} .png but no .npy")
        if self.poses_without_image:
            parts.append(f"{self.poses_without_image} .npy but no .png")
        if parts:
            return "; ".join(parts)
        return "empty" if self.is_empty else "no 000.png, 001.png, ... in it"


@dataclass(frozen=True)
class RenderFolderEntry:
    """A folder that holds renders, or should.

    Attributes:
        name: the object's name: the folder's path below the searched folder (``id`` or ``shard/id``), or the
            folder's own name where it is the searched folder itself.
        path: the folder.
        listing: what is in it.
    """

    name: str
    path: Path
    listing: RenderListing


def is_ignored(name: str) -> bool:
    """Whether a folder or file of that name is hidden, or being written (``.partial``, ``.tmp``)."""
    return name.startswith(".") or name.endswith(_UNFINISHED)


def list_renders(folder: Path) -> RenderListing:
    """List one folder; a folder that cannot be listed has its ``problem`` set."""
    images: set[int] = set()
    poses: set[int] = set()
    other_files, subfolders = 0, []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                match = _RENDER.fullmatch(name)
                if match and name[:-4] == f"{int(match.group(1)):03d}":
                    (images if match.group(2) == "png" else poses).add(int(match.group(1)))
                elif is_ignored(name):
                    continue
                elif entry.is_dir():
                    subfolders.append(name)
                else:
                    other_files += 1
    except OSError as error:
        return RenderListing(problem=f"cannot be listed: {error.strerror or error}")
    return RenderListing(
        view_ids=tuple(sorted(images & poses)),
        images_without_pose=len(images - poses),
        poses_without_image=len(poses - images),
        other_files=other_files,
        subfolders=tuple(sorted(subfolders)),
    )


def find_render_folders(folder: Path) -> Iterator[RenderFolderEntry]:
    """The folders in which renders lie or are missing, by name, independent of the directory order.

    ``folder`` may be an object's folder, a collection ``<id>``, or one in shards, ``<shard>/<id>``. The ``model``
    folders of GSO, whose files have the same names but partly other axes, are left out.
    """
    top = list_renders(folder)
    if top.problem or top.is_render_folder:
        if not _is_gso(folder.resolve()):
            yield RenderFolderEntry(folder.resolve().name, folder, top)
        return
    parent = folder.resolve()
    for name in top.subfolders:
        if _is_gso(parent / name):
            continue
        path = folder / name
        listing = list_renders(path)
        if listing.is_render_folder or not listing.subfolders:
            yield RenderFolderEntry(name, path, listing)
            continue
        for child in listing.subfolders:
            if not _is_gso(path / child):
                yield RenderFolderEntry(f"{name}/{child}", path / child, list_renders(path / child))


def _is_gso(folder: Path) -> bool:
    """Whether the path is one of GSO's: ``render_mvs_25/model``, ``render_sync_36_single/model``, ..."""
    return folder.name == "model" and folder.parent.name.startswith("render_")
