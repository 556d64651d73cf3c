# SPDX-License-Identifier: Apache-2.0
"""RTMV: ray-traced scenes as EXR images with a JSON file each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.exr_image import read_exr
from eschernet_ros.datasets.images import sized, stack_images
from eschernet_ros.datasets.json_file import number_at, pose_at
from eschernet_ros.datasets.numbered_files import check_complete, numbered_files
from eschernet_ros.datasets.posed_images import PosedImages, format_ids
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit, first_references, subfolders
from eschernet_ros.geometry import PinholeCamera, stack_matrices
from eschernet_ros.json_file import read_json_object

_VIEW = re.compile(r"(\d{5})\.exr")
_PIXEL_CENTRE = 0.5
_TARGETS = 20
_FIRST_SCORED, _LAST_SCORED = 10, 19


class RtmvReader(DatasetReader):
    """``<scene>/%05d.exr`` and ``%05d.json`` (``camera_data``: ``cam2world`` column by column, ``intrinsics``)."""

    layout: ClassVar[str] = "rtmv"
    description: ClassVar[str] = "RTMV: EXR renders with a JSON file each"
    looks_for: ClassVar[str] = "00000.exr with 00000.json"
    licence_note: ClassVar[str] = (
        "RTMV: terms of its authors (cs.umd.edu/~mmeshry/projects/rtmv); its meshes come from four collections with "
        "licences of their own."
    )

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Scenes in ``folder``: the scene's folder itself or a collection."""
        if _is_scene(folder):
            return {folder.resolve().name: folder}
        return {entry.name: entry for entry in subfolders(folder) if _is_scene(entry)}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """The numbers of the images."""
        return tuple(numbered_files(folder, _VIEW))

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one scene: poses are the inverse of ``cam2world``, without scale."""
        paths = numbered_files(folder, _VIEW)
        check_complete(paths)
        images, masks, cameras, poses = [], [], [], []
        for path in paths.values():
            content, where = _camera_data(path.with_suffix(".json"))
            poses.append(pose_at(content, "cam2world", where, transposed=True).inverse())
            rgb, alpha = read_exr(path)
            if alpha is None:
                raise DatasetError(
                    f"{path} has no alpha channel; the layout needs RGBA images, whose alpha is the mask."
                )
            camera = _camera(content, where)
            if camera is not None and (camera.width, camera.height) != (rgb.shape[1], rgb.shape[0]):
                raise DatasetError(
                    f"{path} is {rgb.shape[1]}x{rgb.shape[0]}, its JSON file says {camera.width}x{camera.height}; "
                    "restore the image of the original size."
                )
            image, mask = sized(rgb, alpha, options.image_size)
            images.append(image)
            masks.append(mask)
            cameras.append(None if camera is None else camera.resized(image.shape[1], image.shape[0]))
        known = [camera for camera in cameras if camera is not None]
        return PosedImages(
            name=name,
            layout=self.layout,
            view_ids=tuple(paths),
            images=stack_images(images, folder),
            masks=np.stack([mask for mask in masks if mask is not None]),
            camera_gl_from_world=stack_matrices(poses),
            pose_source="Published rule: inverse of cam2world of the JSON files (stored column by column), not scaled.",
            cameras=tuple(known) if len(known) == len(cameras) else None,
            subsets={"targets": tuple(paths)[:_TARGETS]},
            licence=self.licence_note,
        )

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """The first views are references, the first 20 targets, 10..19 less the references are scored."""
        reference_ids = first_references(views, references)
        targets = views.subsets["targets"]
        scored = tuple(
            view_id for view_id in targets if _FIRST_SCORED <= view_id <= _LAST_SCORED and view_id not in reference_ids
        )
        return ViewSplit(
            reference_ids=reference_ids,
            targets="views",
            target_ids=targets,
            scored_ids=scored,
            rule=(
                f"Published RTMV rule: the first {references} views are references, the first {len(targets)} are "
                f"targets, {format_ids(scored)} are scored."
            ),
        )


def _camera_data(path: Path) -> tuple[dict[str, Any], str]:
    """The object ``camera_data`` of a JSON file, and its place for sentences."""
    content = read_json_object(path, DatasetError)
    data = content.get("camera_data")
    if not isinstance(data, dict):
        raise DatasetError(f"{path} has no object 'camera_data'; it is no JSON file of RTMV.")
    return data, f"{path}, camera_data"


def _camera(content: Mapping[str, Any], where: str) -> PinholeCamera | None:
    """Intrinsics; None where the file has none. Renderers count pixels so that the first one's centre is at 0.5."""
    intrinsics = content.get("intrinsics")
    if not isinstance(intrinsics, dict):
        return None
    fx, fy, cx, cy = (number_at(intrinsics, key, f"{where}, intrinsics") for key in ("fx", "fy", "cx", "cy"))
    width, height = (int(number_at(content, key, where)) for key in ("width", "height"))
    return PinholeCamera(width, height, fx, fy, cx - _PIXEL_CENTRE, cy - _PIXEL_CENTRE)


def _is_scene(folder: Path) -> bool:
    return folder.is_dir() and any(
        _VIEW.fullmatch(path.name) and path.with_suffix(".json").exists() for path in folder.iterdir()
    )
