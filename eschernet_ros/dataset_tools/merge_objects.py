# SPDX-License-Identifier: Apache-2.0
"""Objects of several data sets of one layout, copied into one new collection; the sources are only read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from eschernet_ros.dataset_tools.merge_file import Origin, write_merge_file
from eschernet_ros.datasets import Dataset, DatasetError
from eschernet_ros.datasets.new_folder import new_folder


def merge_objects(
    sources: Sequence[Dataset], destination: Path, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Origin]:
    """Copy every object of the sources, bit for bit.

    An object whose name is taken already gets ``-2``, ``-3``, ... behind it.

    Args:
        sources: opened data sets.
        destination: the new collection; it must not exist.
        progress: told what is being copied.

    Returns:
        Where each object of the collection came from, by name.

    Raises:
        DatasetError: the sources differ in layout, or objects share a folder.
        DatasetWriteError: the destination exists or cannot be written. Nothing is left behind.
    """
    layouts = sorted({source.layout for source in sources})
    if len(layouts) != 1:
        raise DatasetError(
            f"The data sets to merge are of different layouts, {', '.join(layouts)}: a collection has one. Convert "
            "them first: eschernet-ros dataset convert."
        )
    roots = [
        (source, name, _object_root(name, folder)) for source in sources for name, folder in source.folders.items()
    ]
    seen: dict[Path, str] = {}
    for _, name, root in roots:
        if not root.is_dir():
            raise DatasetError(
                f"'{name}' is the single file {root}: copy such files into one folder yourself, or convert them first."
            )
        if root in seen:
            raise DatasetError(
                f"'{seen[root]}' and '{name}' both lie in {root}: give every folder once; objects that share a folder "
                "must be converted first."
            )
        seen[root] = name
    inside = next((root for root in seen if destination.expanduser().resolve().is_relative_to(root)), None)
    if inside is not None:
        raise DatasetError(f"{destination} lies inside {inside}, which is to be copied; name a place outside of it.")
    origins: dict[str, Origin] = {}
    with new_folder(destination) as folder:
        for _, name, root in roots:
            taken = _free_name(name.replace("/", "_"), origins)
            progress(f"copying {root} as {taken}")
            shutil.copytree(root, folder / taken, ignore=_hidden)
            origins[taken] = Origin(str(root), name, {})
        write_merge_file(folder, layouts[0], {name: [origin] for name, origin in origins.items()})
    return origins


def _object_root(name: str, folder: Path) -> Path:
    """The folder that carries the object's name: some layouts keep the files deeper (``NAME/render_mvs_25/model``)."""
    resolved = folder.resolve()
    last = name.rsplit("/", 1)[-1]
    return next((path for path in (resolved, *list(resolved.parents)[:2]) if path.name == last), resolved)


def _free_name(name: str, taken: dict[str, Origin]) -> str:
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}-{number}"
    return free


def _hidden(_folder: str, names: list[str]) -> set[str]:
    """Hidden files stay behind: the lock of a recorder, unfinished writes."""
    return {name for name in names if name.startswith(".")}
