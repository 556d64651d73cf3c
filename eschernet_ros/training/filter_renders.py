# SPDX-License-Identifier: Apache-2.0
"""Finds renders that nothing can be learned from: empty, all white, unreadable, or looking past the object."""

from __future__ import annotations

import math
import multiprocessing
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from eschernet_ros.datasets import DatasetError
from eschernet_ros.datasets.images import read_image
from eschernet_ros.datasets.objaverse import render_path
from eschernet_ros.datasets.pose_file import read_pose
from eschernet_ros.datasets.render_folders import RenderFolderEntry, find_render_folders
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, aim_deviation
from eschernet_ros.training.filter_file import FILTER_FILE, read_filter, write_filter

Kind = Literal[
    "incomplete",
    "unreadable image",
    "unreadable pose",
    "looks past the object",
    "transparent",
    "nearly empty",
    "fills the picture",
    "white",
    "black",
]
"""What can be wrong with an object."""

_WHITE, _BLACK = 250, 5
_CHUNK = 8


@dataclass(frozen=True)
class FilterLimits:
    """What a usable object is.

    Attributes:
        minimum_coverage: least share of the picture that the object covers (alpha >= 128), 0..1.
        maximum_coverage: largest such share; beyond it the camera is in the object, or there is no mask.
        tolerated_views: share of an object's views, 0..1, that may be bad in coverage or colour.
        maximum_aim_deg: largest angle between the optical axis and the direction to the origin, degrees; the
            published camera's half field of view keeps the object's centre in the picture.
    """

    minimum_coverage: float = 0.01
    maximum_coverage: float = 0.98
    tolerated_views: float = 0.25
    maximum_aim_deg: float = 24.5

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            EscherNetError: when a value lies outside its range.
        """
        if not 0.0 <= self.minimum_coverage < self.maximum_coverage <= 1.0:
            raise EscherNetError(
                f"The coverage limits are {self.minimum_coverage} and {self.maximum_coverage}; "
                "they must ascend and lie in 0..1."
            )
        if not 0.0 <= self.tolerated_views < 1.0:
            raise EscherNetError(f"tolerated_views is {self.tolerated_views}; a share from 0 to below 1 is needed.")
        if not 0.0 < self.maximum_aim_deg <= 180.0:
            raise EscherNetError(f"maximum_aim_deg is {self.maximum_aim_deg}; it must lie in 0..180 degrees.")


@dataclass(frozen=True)
class Rejection:
    """Why an object is rejected: the kind, and a sentence's worth of detail."""

    kind: Kind
    detail: str

    def __str__(self) -> str:
        """Kind and detail."""
        return f"{self.kind}: {self.detail}"


@dataclass(frozen=True)
class FilterResult:
    """What filtering a folder found.

    Attributes:
        folder: the folder.
        limits: by which limits.
        kept: names of the usable objects.
        rejected: the others: name -> why.
        paths: the folders in which renders lie, by name.
    """

    folder: Path
    limits: FilterLimits
    kept: tuple[str, ...]
    rejected: dict[str, Rejection]
    paths: dict[str, Path]

    def write(self, path: Path | None = None) -> Path:
        """Write the list to ``path`` (default: ``filter.json`` in the folder, which training obeys); returns where.

        Raises:
            DatasetWriteError: when the file cannot be written.
        """
        path = self.folder / FILTER_FILE if path is None else path
        write_filter(path, self.kept, {name: str(why) for name, why in self.rejected.items()}, asdict(self.limits))
        return path

    def move_rejected(self, destination: Path) -> tuple[str, ...]:
        """Move the rejected renders to ``destination/<name>`` and list them in its ``filter.json``.

        Nothing is deleted or replaced; folders that are empty or cannot be listed stay where they are.

        Returns:
            Names of the moved objects.

        Raises:
            EscherNetError: when a folder of that name lies there already, or ``destination`` is inside an object.
            DatasetError, DatasetWriteError: when the list there cannot be read or written.
        """
        moved = {name: path for name, path in self.paths.items() if name in self.rejected}
        for name, path in moved.items():
            if (destination / name).exists():
                raise EscherNetError(f"{destination / name} exists already; move to another folder. Nothing was moved.")
            if destination.resolve().is_relative_to(path.resolve()):
                raise EscherNetError(f"{destination} lies inside the rejected {path}; move elsewhere.")
        destination.mkdir(parents=True, exist_ok=True)
        listed = {**read_filter(destination), **{name: str(self.rejected[name]) for name in moved}}
        write_filter(destination / FILTER_FILE, (), listed, asdict(self.limits))
        for name, path in moved.items():
            target = destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
        return tuple(moved)


def filter_renders(
    folder: Path,
    limits: FilterLimits | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> FilterResult:
    """Look at every render in ``folder`` and say which objects are usable.

    Folders in which only other files lie are passed over. The result does not depend on ``workers``.

    Args:
        folder: a collection of renders, also in shards, or one object's folder.
        limits: what a usable object is; None: the defaults.
        workers: processes that read; 1: this one.
        progress: called with (objects done, objects in all).

    Raises:
        DatasetError: when the folder is missing or no render lies in it.
        EscherNetError: when ``workers`` is below 1, or a worker died.
    """
    limits = limits or FilterLimits()
    folder = Path(folder).expanduser()
    if workers < 1:
        raise EscherNetError(f"{workers} workers cannot read; give at least 1.")
    if not folder.is_dir():
        raise DatasetError(f"The folder {folder} {'is a file' if folder.exists() else 'does not exist'}.")
    entries = [entry for entry in find_render_folders(folder) if _is_candidate(entry)]
    if not any(entry.listing.is_render_folder for entry in entries):
        raise DatasetError(
            f"{folder} holds no renders. Looked there, in its subfolders and in theirs for 000.png and 000.npy."
        )
    judge = partial(judge_object, limits=limits)
    verdicts: list[Rejection | None] = []

    def collect(found: Rejection | None) -> None:
        verdicts.append(found)
        if progress is not None:
            progress(len(verdicts), len(entries))

    if workers == 1:
        for entry in entries:
            collect(judge(entry))
    else:
        executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        try:
            for found in executor.map(judge, entries, chunksize=_CHUNK):
                collect(found)
        except BrokenProcessPool as error:
            raise EscherNetError(
                "A worker was killed, perhaps because the memory was full; try again with fewer workers."
            ) from error
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
    rejected = {entry.name: why for entry, why in zip(entries, verdicts, strict=True) if why is not None}
    return FilterResult(
        folder=folder,
        limits=limits,
        kept=tuple(sorted(entry.name for entry in entries if entry.name not in rejected)),
        rejected=dict(sorted(rejected.items())),
        paths={entry.name: entry.path for entry in entries if entry.listing.is_render_folder},
    )


def judge_object(entry: RenderFolderEntry, limits: FilterLimits) -> Rejection | None:
    """Read the views of one object; None when it is usable.

    One unreadable file or one pose that looks past the object is enough to reject it; bad pictures are tolerated up
    to ``limits.tolerated_views``.
    """
    shortage = entry.listing.shortage(1)
    if shortage is not None:
        return Rejection("incomplete", shortage)
    bad: dict[Kind, list[int]] = {}
    for view_id in entry.listing.view_ids:
        path = render_path(entry.path, view_id)
        pose_path = path.with_suffix(".npy")
        try:
            pose = SE3.from_matrix(read_pose(pose_path))
        except DatasetError as error:
            return Rejection("unreadable pose", str(error))
        off_deg = math.degrees(aim_deviation(pose).aim) if pose.inverse().translation.any() else 180.0
        if off_deg > limits.maximum_aim_deg:
            return Rejection("looks past the object", f"{pose_path} looks {off_deg:.0f} deg away from the origin")
        try:
            kind = _picture_fault(path, limits)
        except DatasetError as error:
            return Rejection("unreadable image", str(error))
        if kind is not None:
            bad.setdefault(kind, []).append(view_id)
    count, total = sum(map(len, bad.values())), len(entry.listing.view_ids)
    if count <= limits.tolerated_views * total:
        return None
    worst = max(bad, key=lambda kind: len(bad[kind]))
    parts = ", ".join(f"{len(ids)} {kind}" for kind, ids in bad.items())
    return Rejection(worst, f"{count} of {total} views are bad ({parts}; the first is {min(bad[worst]):03d})")


def _is_candidate(entry: RenderFolderEntry) -> bool:
    return entry.listing.is_render_folder or entry.listing.is_empty or bool(entry.listing.problem)


def _picture_fault(path: Path, limits: FilterLimits) -> Kind | None:
    image, mask = read_image(path, None)
    coverage = float(mask.mean())
    if coverage == 0.0:
        return "transparent"
    if coverage < limits.minimum_coverage:
        return "nearly empty"
    visible = image[mask]
    if (visible >= _WHITE).all():
        return "white"
    if (visible <= _BLACK).all():
        return "black"
    if coverage > limits.maximum_coverage:
        return "fills the picture"
    return None


def table(result: FilterResult) -> str:
    """Counts by reason with the first names of each, as text."""
    kinds: dict[str, list[str]] = {}
    for name, why in result.rejected.items():
        kinds.setdefault(why.kind, []).append(name)
    rows = [("kept", len(result.kept), list(result.kept))]
    rows += sorted(((kind, len(names), names) for kind, names in kinds.items()), key=lambda row: (-row[1], row[0]))
    width = max(len(kind) for kind, _, _ in rows)
    lines = [f"{'':{width}}  objects  first names"]
    for kind, count, names in rows:
        first = ", ".join(names[:4]) + (", ..." if count > 4 else "")
        lines.append(f"{kind:{width}}  {count:7d}  {first}".rstrip())
    return "\n".join(lines)
