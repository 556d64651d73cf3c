# SPDX-License-Identifier: Apache-2.0
"""GSO30: renders of Google Scanned Objects as the published evaluation reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from eschernet_ros.datasets.images import read_images
from eschernet_ros.datasets.numbered_files import check_complete, numbered_files
from eschernet_ros.datasets.pose_file import read_pose
from eschernet_ros.datasets.posed_images import PosedImages, format_ids
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit, first_references, subfolders
from eschernet_ros.geometry import model_camera

VIEW_FILE = re.compile(r"(\d{3})\.png")
REFERENCE_RENDERS = Path("render_mvs_25") / "model"
GSO_LICENCE = "Google Scanned Objects: CC BY 4.0, by Google LLC."

_FIRST_SCORED, _LAST_SCORED = 10, 24


class GsoReader(DatasetReader):
    """``<object>/render_mvs_25/model/%03d.png`` (RGBA), ``%03d.npy`` (3x4 world-to-camera, OpenGL axes)."""

    layout: ClassVar[str] = "gso30"
    description: ClassVar[str] = "GSO30: 25 renders an object with world-to-camera matrices"
    looks_for: ClassVar[str] = "render_mvs_25/model with 000.png and 000.npy"
    licence_note: ClassVar[str] = GSO_LICENCE

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Objects in ``folder``: the model folder itself, an object folder or a collection."""
        return {name: path / REFERENCE_RENDERS for name, path in gso_objects(folder, REFERENCE_RENDERS).items()}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """The numbers of the images."""
        return tuple(numbered_files(folder, VIEW_FILE))

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one object; the poses are taken as they are."""
        paths = numbered_files(folder, VIEW_FILE)
        check_complete(paths)
        images, masks = read_images(list(paths.values()), options.image_size)
        poses = [read_pose(path.with_suffix(".npy")) for path in paths.values()]
        return PosedImages(
            name=name,
            layout=self.layout,
            view_ids=tuple(paths),
            images=images,
            masks=masks,
            camera_gl_from_world=np.stack(poses),
            pose_source="World-to-camera matrices of the .npy files, as they are.",
            cameras=(model_camera(images.shape[2]),) * len(images) if images.shape[1] == images.shape[2] else None,
            licence=self.licence_note,
        )

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """The first views are references, all are targets, 10..24 less the references are scored."""
        reference_ids = first_references(views, references)
        scored = tuple(
            view_id
            for view_id in views.view_ids
            if _FIRST_SCORED <= view_id <= _LAST_SCORED and view_id not in reference_ids
        )
        return ViewSplit(
            reference_ids=reference_ids,
            targets="views",
            target_ids=views.view_ids,
            scored_ids=scored,
            rule=(
                f"Published GSO30 rule: the first {references} views are references, all {len(views)} are "
                f"targets, {format_ids(scored)} are scored."
            ),
        )


def gso_objects(folder: Path, renders: Path) -> dict[str, Path]:
    """Object folders that hold the renders ``render_.../model``, by name.

    Args:
        folder: the ``model`` folder, the ``render_...`` folder, an object's folder or a collection of them.
        renders: ``render_.../model``.
    """
    folder = folder.resolve()
    if folder.parts[-2:] == renders.parts and has_views(folder):
        return {folder.parents[1].name: folder.parents[1]}
    if folder.name == renders.parts[0] and has_views(folder / renders.parts[1]):
        return {folder.parent.name: folder.parent}
    if has_views(folder / renders):
        return {folder.name: folder}
    return {entry.name: entry for entry in subfolders(folder) if has_views(entry / renders)}


def has_views(folder: Path) -> bool:
    """Whether an image with a pose lies in ``folder``; looks at names only."""
    return folder.is_dir() and any(
        VIEW_FILE.fullmatch(path.name) and path.with_suffix(".npy").exists() for path in folder.iterdir()
    )
