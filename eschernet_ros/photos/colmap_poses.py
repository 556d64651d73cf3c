# SPDX-License-Identifier: Apache-2.0
"""Poses of photos from a model that COLMAP made of them, and where the object is in it.

The base frame is COLMAP's world, scaled to metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets import OBJECT_FRAME_FILE, DatasetError, ObjectPlacement
from eschernet_ros.datasets.colmap import lens_of
from eschernet_ros.datasets.colmap_model import model_form, read_colmap_model
from eschernet_ros.datasets.placement import PlacementRule, choose_placement
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera, gl_w2c_from_opencv_w2c
from eschernet_ros.photos.photo import Photo
from eschernet_ros.photos.posed_photo import LeftOut, PosedPhoto

_LEVEL = 0.1
"""Cameras whose horizontal axes vary less than this (share of the largest spread) all look from one side."""


@dataclass(frozen=True, eq=False)
class ColmapPoses:
    """What the model tells.

    Attributes:
        posed: the photos with their poses, by name.
        left_out: photos without a pose, and images of the model without a photo.
        object_frame: the object's box: a cube of its longest side.
        notes: where the box comes from, and what was assumed.
    """

    posed: tuple[PosedPhoto, ...]
    left_out: tuple[LeftOut, ...]
    object_frame: ObjectFrame
    notes: tuple[str, ...]


def poses_from_colmap(
    photos: Sequence[Photo],
    model_folder: Path,
    rule: PlacementRule = "auto",
    longest_side_m: float | None = None,
) -> ColmapPoses:
    """Look every photo up in the model.

    Args:
        photos: those the model was made of; the names in the model end in theirs.
        model_folder: with cameras and images, ``.bin`` or ``.txt``, or the folder in whose ``sparse/0`` they are;
            ``object_frame.json`` in it or in the folders above it is found.
        rule: where the object is, see `eschernet_ros.datasets.placement.choose_placement`.
        longest_side_m: of the object, metres: gives a model its scale that has none.

    Raises:
        DatasetError: no model, none of its photos is there, a lens or size that does not fit, an object that is not
            found, a length that is not positive.
    """
    folders = [model_folder / name for name in ("", "sparse/0", "sparse")]
    model_folder = next((folder for folder in folders if model_form(folder) is not None), model_folder)
    if model_form(model_folder) is None:
        raise DatasetError(f"{model_folder} holds no model of COLMAP: cameras and images (.bin or .txt) are needed.")
    model = read_colmap_model(model_folder)
    by_name = {photo.path.name: photo for photo in photos}
    left_out: list[LeftOut] = []
    found: list[tuple[Photo, PinholeCamera, SE3]] = []
    for image in sorted(model.images, key=lambda image: image.name):
        photo = by_name.pop(Path(image.name).name, None)
        if photo is None:
            left_out.append(LeftOut(image.name, "it is in COLMAP's model, but not among the photos"))
            continue
        lens = lens_of(model.cameras[image.camera], image.camera, model_folder)
        if lens.fisheye is not None:
            raise DatasetError(
                f"{photo.path.name} was taken with a fisheye lens (camera {image.camera} of the model); make pinhole "
                "pictures and their model of it with `colmap image_undistorter`."
            )
        if (lens.camera.width, lens.camera.height) != (photo.width, photo.height):
            raise DatasetError(
                f"{photo.path.name} is {photo.width}x{photo.height}, its camera in COLMAP's model "
                f"{lens.camera.width}x{lens.camera.height}: give the pictures that the model was made of, neither "
                "scaled nor turned."
            )
        found.append((photo, lens.camera, image.camera_optical_from_world))
    left_out += [LeftOut(name, "COLMAP's model has no pose for it") for name in sorted(by_name)]
    if not found:
        raise DatasetError(
            f"None of the {len(photos)} photos is in COLMAP's model, whose images have names like "
            f"{model.images[0].name}: is it the model of these photos?"
        )
    world_from_camera = [pose.inverse() for _, _, pose in found]
    place = next((folder for folder in _places(model_folder) if (folder / OBJECT_FRAME_FILE).is_file()), model_folder)
    stated = rule == "file" or (rule == "auto" and (place / OBJECT_FRAME_FILE).is_file())
    placed = choose_placement(
        place,
        [gl_w2c_from_opencv_w2c(pose) for _, _, pose in found],
        np.array([0.0, 0.0, 1.0]) if stated else common_up(world_from_camera, [photo.up for photo, _, _ in found]),
        "from how the cameras were held",
        lambda: model.points if rule == "points" else None,
        rule,
    )
    object_frame, metres, notes = _in_metres(placed, longest_side_m)
    posed = tuple(
        PosedPhoto(photo, camera, _scaled(pose, metres))
        for (photo, camera, _), pose in zip(found, world_from_camera, strict=True)
    )
    return ColmapPoses(posed, tuple(left_out), object_frame, tuple(notes))


def common_up(
    world_from_camera_optical: Sequence[SE3], camera_ups: Sequence[tuple[float, float, float]]
) -> NDArray[np.float64]:
    """The world's up direction [3]: square to the cameras' horizontal axes, on the side that most cameras call up.

    A camera that is held level has its horizontal axis square to the vertical, however it is tilted.

    Args:
        world_from_camera_optical: the cameras.
        camera_ups: which way of each camera's optical frame was up as it was held.

    Raises:
        DatasetError: the cameras were held in all directions.
    """
    ups = np.array(
        [pose.matrix[:3, :3] @ np.asarray(up) for pose, up in zip(world_from_camera_optical, camera_ups, strict=True)]
    )
    sides = np.cross(np.array([pose.matrix[:3, 2] for pose in world_from_camera_optical]), ups)
    mean = ups.mean(axis=0)
    _, spreads, directions = np.linalg.svd(sides)
    if len(spreads) < 3 or spreads[1] < _LEVEL * spreads[0]:  # all from one side: only the ups themselves tell
        direction = mean
    else:
        direction = directions[2] * (1.0 if directions[2] @ mean >= 0.0 else -1.0)
    if float(direction @ mean) < _LEVEL**2:
        raise DatasetError(
            "The cameras were held in all directions, so they do not tell which way is up; write object_frame.json "
            "beside COLMAP's model."
        )
    return np.asarray(direction / np.linalg.norm(direction))


def _places(model_folder: Path) -> tuple[Path, ...]:
    """Where ``object_frame.json`` may be: beside the model, or beside the ``sparse`` that it is in."""
    return (model_folder, *model_folder.absolute().parents[:2])


def _in_metres(placed: ObjectPlacement, longest_side_m: float | None) -> tuple[ObjectFrame, float, list[str]]:
    """The object's box in the world scaled to metres, metres per unit of the world, and what was assumed."""
    notes = [placed.source]
    metres = placed.metres_per_unit
    if longest_side_m is not None:
        if not 0.0 < longest_side_m < np.inf:
            raise DatasetError(f"The object's longest side must be positive metres, it is {longest_side_m:g}.")
        metres = longest_side_m / placed.unit
    elif metres is None:
        metres = 1.0 / placed.unit
        notes.append("No metric scale: the object's longest side is taken for 1 m (--longest-side).")
    side = placed.unit * metres
    return ObjectFrame(_scaled(placed.world_from_object, metres), (side, side, side)), metres, notes


def _scaled(pose: SE3, factor: float) -> SE3:
    return SE3.from_rotation_translation(pose.matrix[:3, :3], pose.translation * factor)
