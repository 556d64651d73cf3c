# SPDX-License-Identifier: Apache-2.0
"""NeRF Synthetic: ``transforms_{train,test}.json`` with Blender's camera-to-world matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.images import read_picture, sized, stack_images
from eschernet_ros.datasets.json_file import number_at, pose_at
from eschernet_ros.datasets.placement import ObjectPlacement, read_object_frame
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit, subfolders
from eschernet_ros.datasets.selection import spread_ids
from eschernet_ros.geometry import SE3, PinholeCamera, nerf_synthetic_poses, stack_matrices
from eschernet_ros.json_file import read_json_object

FIRST_TEST_VIEW = 10_000
"""Id of the first test view; training views count from 0."""

_TRAIN, _TEST = "transforms_train.json", "transforms_test.json"
_SUFFIXES = (".png", ".jpg", ".jpeg")
_WORLD_FLIP = SE3(np.diag([1.0, -1.0, -1.0, 1.0]))


@dataclass(frozen=True)
class _Frame:
    image: Path
    world_from_camera_gl: SE3
    field_of_view: float  # horizontal, radians


class NerfSyntheticReader(DatasetReader):
    """``<object>/transforms_train.json`` and ``transforms_test.json``; ``transforms_val.json`` is not read.

    By default the world keeps its up direction; ``published_poses`` applies the published half turn about x as well.
    It changes no relative pose, so none of the 6DoF model's results.
    """

    layout: ClassVar[str] = "nerf-synthetic"
    description: ClassVar[str] = "NeRF Synthetic: transforms_train.json and transforms_test.json of Blender scenes"
    looks_for: ClassVar[str] = f"{_TRAIN} beside {_TEST}"
    licence_note: ClassVar[str] = (
        "The eight scenes of NeRF Synthetic come from Blend Swap under their authors' licences, from CC0 to CC BY-NC "
        "(lego); other scenes of this layout have terms of their own."
    )

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Objects in ``folder``: the object folder itself or a collection."""
        if _is_object(folder):
            return {folder.resolve().name: folder}
        return {entry.name: entry for entry in subfolders(folder) if _is_object(entry)}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """Positions of the training views in their file, then `FIRST_TEST_VIEW` + those of the test views."""
        train, test = _frames(folder / _TRAIN), _frames(folder / _TEST)
        return (*range(len(train)), *(FIRST_TEST_VIEW + number for number in range(len(test))))

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one object: scaled by the training cameras as published, or by ``object_frame.json``."""
        train, test = _frames(folder / _TRAIN), _frames(folder / _TEST)
        if not train:
            raise DatasetError(f"{folder / _TRAIN} lists no frame; at least one is needed.")
        frames = [*train, *test]
        missing = [frame.image for frame in frames if not frame.image.is_file()]
        if missing:
            raise DatasetError(
                f"{len(missing)} images of {folder} are missing, the first is {missing[0]}; restore them."
            )
        images, masks, cameras = [], [], []
        for frame in frames:
            rgb, alpha = read_picture(frame.image)
            image, mask = sized(rgb, alpha, options.image_size)
            images.append(image)
            masks.append(mask)
            cameras.append(_camera(frame, rgb.shape[1], rgb.shape[0]).resized(image.shape[1], image.shape[0]))
        without = [frame.image for frame, mask in zip(frames, masks, strict=True) if mask is None]
        if without and len(without) < len(frames):
            raise DatasetError(
                f"{len(without)} of {len(frames)} images of {folder} have no alpha channel, the first is {without[0]}; "
                "either all have one, or none has."
            )
        poses, source, placed = _poses(train, frames, folder, options)
        view_ids = self.view_ids(folder)
        return PosedImages(
            name=name,
            layout=self.layout,
            view_ids=view_ids,
            images=stack_images(images, folder),
            masks=None if without else np.stack([mask for mask in masks if mask is not None]),
            camera_gl_from_world=stack_matrices(poses),
            pose_source=source,
            scale=None if placed is None else placed.scale,
            metadata={
                "camera_gl_from_world_4dof": stack_matrices(frame.world_from_camera_gl.inverse() for frame in frames)
            },
            cameras=tuple(cameras),
            subsets={"train": view_ids[: len(train)], "test": view_ids[len(train) :]},
            licence=self.licence_note,
        )

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """Training views far from each other are references, all test views are targets and scored.

        The published evaluation uses fixed lists of training views, which are not part of this package.
        """
        train, test = views.subsets["train"], views.subsets["test"]
        return ViewSplit(
            reference_ids=spread_ids(views, references, among=train),
            targets="views",
            target_ids=test,
            scored_ids=test,
            rule=(
                f"{references} training views that look from directions far from each other are references, all "
                f"{len(test)} test views are targets and scored. The published evaluation takes training views of "
                "fixed lists instead."
            ),
        )


def _poses(
    train: list[_Frame], frames: list[_Frame], folder: Path, options: ReadOptions
) -> tuple[list[SE3], str, ObjectPlacement | None]:
    """World-to-camera in model units, the sentence on it, and the object's placement where it is known."""
    placed = None
    if not options.published_poses:
        given = options.placement
        placed = given if isinstance(given, ObjectPlacement) else read_object_frame(folder)
    if placed is not None:
        poses = [placed.normalise(frame.world_from_camera_gl.inverse()) for frame in frames]
        return poses, f"Blender matrices of the transforms files. {placed.source}", placed
    radius = max(float(np.linalg.norm(frame.world_from_camera_gl.translation)) for frame in train)
    if not radius > 0.0:
        raise DatasetError(f"All training cameras of {folder} are at the origin; their matrices are no Blender poses.")
    turned = nerf_synthetic_poses([frame.world_from_camera_gl for frame in frames], radius)
    scaled = f"scaled by 1.5 / {radius:.6g} (the farthest training camera)"
    if options.published_poses:
        return turned, f"Published rule: Blender matrices, world turned by half a turn about x, {scaled}.", None
    upright = [pose @ _WORLD_FLIP for pose in turned]
    return upright, f"Published rule without its half turn of the world: Blender matrices, {scaled}.", None


def _frames(path: Path) -> list[_Frame]:
    content = read_json_object(path, DatasetError)
    frames = content.get("frames")
    if not isinstance(frames, list):
        raise DatasetError(f"{path} has no list 'frames'; it is no transforms file of NeRF Synthetic.")
    if len(frames) > FIRST_TEST_VIEW:
        raise DatasetError(f"{path} lists {len(frames)} frames; this reader numbers at most {FIRST_TEST_VIEW}.")
    return [_frame(entry, content, path, number) for number, entry in enumerate(frames)]


def _frame(entry: Any, content: Mapping[str, Any], path: Path, number: int) -> _Frame:
    where = f"{path}, frame {number}"
    if not isinstance(entry, dict) or not isinstance(entry.get("file_path"), str):
        raise DatasetError(f"{where} has no 'file_path'.")
    image = path.parent / entry["file_path"]
    if image.suffix.lower() not in _SUFFIXES:
        image = image.with_name(f"{image.name}.png")
    source = entry if "camera_angle_x" in entry else content
    angle = number_at(source, "camera_angle_x", where)
    if not 0.0 < angle < math.pi:
        raise DatasetError(f"{where}: camera_angle_x is {angle:g}; it must be an angle in radians between 0 and pi.")
    return _Frame(image, pose_at(entry, "transform_matrix", where), angle)


def _camera(frame: _Frame, width: int, height: int) -> PinholeCamera:
    """The pinhole camera of a picture: square pixels, principal point in the centre."""
    focal = 0.5 * width / math.tan(0.5 * frame.field_of_view)
    return PinholeCamera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def _is_object(folder: Path) -> bool:
    return (folder / _TRAIN).is_file() and (folder / _TEST).is_file()
