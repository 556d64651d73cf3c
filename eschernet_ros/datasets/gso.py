# SPDX-License-Identifier: Apache-2.0
"""GSO30: renders of Google Scanned Objects as the published evaluation reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from eschernet_ros.datasets.images import read_images
from eschernet_ros.datasets.pose_file import read_pose
from eschernet_ros.datasets.posed_images import PosedImages, format_ids
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit, first_references, subfolders

_VIEW = re.compile(r"(\d{3})\.png")
_RENDERS = Path("render_mvs_25") / "model"
_FIRST_SCORED, _LAST_SCORED = 10, 24


class GsoReader(DatasetReader):
    """``<object>/render_mvs_25/model/%03d.png`` (RGBA), ``%03d.npy`` (3x4 world-to-camera, OpenGL axes)."""

    layout: ClassVar[str] = "gso30"
    description: ClassVar[str] = "GSO30: 25 renders an object with world-to-camera matrices"
    looks_for: ClassVar[str] = "render_mvs_25/model with 000.png and 000.npy"

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Objects in ``folder``: the model folder itself, an object folder or a collection."""
        folder = folder.resolve()
        if folder.parts[-2:] == _RENDERS.parts and _has_views(folder):
            return {folder.parents[1].name: folder}
        if folder.name == _RENDERS.parts[0] and _has_views(folder / _RENDERS.parts[1]):
            return {folder.parent.name: folder / _RENDERS.parts[1]}
        if _has_views(folder / _RENDERS):
            return {folder.name: folder / _RENDERS}
        return {entry.name: entry / _RENDERS for entry in subfolders(folder) if _has_views(entry / _RENDERS)}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """The numbers of the images."""
        return tuple(sorted(_images(folder)))

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one object; the poses are taken as they are."""
        paths = _images(folder)
        view_ids = tuple(sorted(paths))
        images, masks = read_images([paths[view_id] for view_id in view_ids], options.image_size)
        poses = [read_pose(paths[view_id].with_suffix(".npy")) for view_id in view_ids]
        return PosedImages(
            name=name,
            layout=self.layout,
            view_ids=view_ids,
            images=images,
            masks=masks,
            camera_gl_from_world=np.stack(poses),
            pose_source="World-to-camera matrices of the .npy files, as they are.",
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


def _images(folder: Path) -> dict[int, Path]:
    """The images by number."""
    return {int(match.group(1)): path for path in folder.iterdir() if (match := _VIEW.fullmatch(path.name))}


def _has_views(folder: Path) -> bool:
    return folder.is_dir() and any(
        _VIEW.fullmatch(path.name) and path.with_suffix(".npy").exists() for path in folder.iterdir()
    )
