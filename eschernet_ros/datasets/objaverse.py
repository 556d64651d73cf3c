# SPDX-License-Identifier: Apache-2.0
"""Renders as the published training reads them: Objaverse's, and those of ``eschernet-ros render-corpus``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.images import read_images
from eschernet_ros.datasets.pose_file import read_pose
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit
from eschernet_ros.datasets.render_folders import find_render_folders, list_renders
from eschernet_ros.geometry import model_camera

_log = logging.getLogger(__name__)


class ObjaverseReader(DatasetReader):
    """``<id>/%03d.png`` (RGBA), ``%03d.npy`` (3x4 world-to-camera, OpenGL axes); ids may lie in shards."""

    layout: ClassVar[str] = "objaverse"
    description: ClassVar[str] = "Objaverse: renders with world-to-camera matrices, as training reads them"
    looks_for: ClassVar[str] = "000.png and 000.npy"
    licence_note: ClassVar[str] = (
        "Renders of Objaverse: every object has a Creative Commons licence of its own; those of the procedural corpus "
        "are free of it."
    )

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Objects in ``folder``: the object folder itself, a collection, or a collection in shards (``shard/id``)."""
        return {entry.name: entry.path for entry in find_render_folders(folder) if entry.listing.view_ids}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """The numbers that have an image and a pose."""
        return list_renders(folder).view_ids

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one object; the poses are taken as they are, images without a pose are left out."""
        listing = list_renders(folder)
        if not listing.view_ids:
            raise DatasetError(f"{folder} holds no view: {listing.shortage(1)}.")
        if listing.images_without_pose:
            _log.warning("%s: left out %d images without a .npy.", folder, listing.images_without_pose)
        paths = [render_path(folder, view_id) for view_id in listing.view_ids]
        images, masks = read_images(paths, options.image_size)
        return PosedImages(
            name=name,
            layout=self.layout,
            view_ids=listing.view_ids,
            images=images,
            masks=masks,
            camera_gl_from_world=np.stack([read_pose(path.with_suffix(".npy")) for path in paths]),
            pose_source="World-to-camera matrices of the .npy files, as they are.",
            cameras=(model_camera(images.shape[2]),) * len(images) if images.shape[1] == images.shape[2] else None,
            licence=self.licence_note,
        )

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """The first views are references, all the others are targets and scored."""
        if not 1 <= references < len(views):
            raise DatasetError(
                f"'{views.name}' has {len(views)} views; {references} references cannot be taken from them so that "
                "a target is left."
            )
        targets = views.view_ids[references:]
        return ViewSplit(
            reference_ids=views.view_ids[:references],
            targets="views",
            target_ids=targets,
            scored_ids=targets,
            rule=(
                f"Objaverse has no published evaluation; the first {references} views are references, the other "
                f"{len(targets)} are targets and all of them are scored."
            ),
        )


def render_path(folder: Path, view_id: int) -> Path:
    """The image of a view; its pose lies beside it with the suffix ``.npy``."""
    return folder / f"{view_id:03d}.png"
