# SPDX-License-Identifier: Apache-2.0
"""COLMAP: a sparse model, text or binary, beside the photographs it was made from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from eschernet_ros.datasets.colmap_model import (
    MODELS,
    ColmapCameraEntry,
    ColmapImageEntry,
    model_form,
    read_colmap_model,
    read_images_file,
)
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.lens import Lens
from eschernet_ros.datasets.numbered_files import ids_of_names
from eschernet_ros.datasets.placement import mean_up
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit, subfolders
from eschernet_ros.datasets.scene import Scene, SceneFrame, read_scene
from eschernet_ros.datasets.selection import held_out_split
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PinholeCamera, gl_w2c_from_opencv_w2c

_MODEL_FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", "colmap/sparse", ".")
_IMAGE_FOLDERS = ("images", "../images", ".")
_MASK_FOLDER = "masks"
_SUFFIXES = (".png", ".jpg", ".jpeg")
_PIXEL_CENTRE = 0.5
_log = logging.getLogger(__name__)


class ColmapReader(DatasetReader):
    """``<scene>/sparse/0/{cameras,images,points3D}.{bin,txt}`` and ``<scene>/images``; masks in ``<scene>/masks``.

    A mask is called like its image with ``.png`` added, black where nothing of the object is, as for COLMAP itself.
    """

    layout: ClassVar[str] = "colmap"
    description: ClassVar[str] = "COLMAP: sparse model (text or binary) and its photographs"
    looks_for: ClassVar[str] = "cameras and images (.bin or .txt) in sparse/0, sparse or the folder itself"
    yields_to: ClassVar[tuple[str, ...]] = ("nerfstudio",)

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Scenes in ``folder``: the scene's folder itself or a collection."""
        if _model_folder(folder) is not None:
            return {folder.resolve().name: folder}
        return {entry.name: entry for entry in subfolders(folder) if _model_folder(entry) is not None}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """The last numbers in the images' names, or the positions of the sorted names."""
        model = _model_folder(folder)
        assert model is not None
        return tuple(sorted(ids_of_names([image.name for image in read_images_file(model)])))

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one scene; see :func:`eschernet_ros.datasets.scene.read_scene`."""
        model_folder = _model_folder(folder)
        assert model_folder is not None
        model = read_colmap_model(model_folder)
        lenses = {number: lens_of(camera, number, model_folder) for number, camera in model.cameras.items()}
        ids = ids_of_names([image.name for image in model.images])
        photographs = _photographs(folder, model.images)
        frames = sorted(
            (
                SceneFrame(
                    view_id=view_id,
                    image=photographs / image.name,
                    mask=_mask(folder, image.name),
                    lens=lenses[image.camera],
                    camera_gl_from_world=gl_w2c_from_opencv_w2c(image.camera_optical_from_world),
                )
                for view_id, image in zip(ids, model.images, strict=True)
            ),
            key=lambda frame: frame.view_id,
        )
        unposed = _unposed(photographs, model.images)
        if unposed:
            _log.warning(
                "%s: %d photographs have no pose in the model, the first is %s.", folder, len(unposed), unposed[0]
            )
        scene = Scene(
            name=name,
            layout=self.layout,
            folder=folder,
            frames=frames,
            up=mean_up([frame.camera_gl_from_world for frame in frames]),
            up_source="mean of the cameras' up directions",
            points=model.points,
            pose_source=f"World-to-camera poses of {model_folder.name}/images.{model_form(model_folder)}.",
            metadata={"points": model.points, "without_pose": tuple(unposed)},
        )
        return read_scene(scene, options)

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """Views far from each other are references, all others targets and scored."""
        return held_out_split(views, references, "COLMAP")


def _model_folder(folder: Path) -> Path | None:
    """Where the model lies; looks at names only."""
    candidates = (folder / name for name in _MODEL_FOLDERS)
    return next((path for path in candidates if model_form(path) is not None), None)


def _photographs(folder: Path, images: tuple[ColmapImageEntry, ...]) -> Path:
    """The folder of the photographs: the first that holds any of them.

    Raises:
        DatasetError: none does.
    """
    folders = [folder / name for name in _IMAGE_FOLDERS]
    for candidate in folders:
        if any((candidate / image.name).is_file() for image in images):
            return candidate
    raise DatasetError(
        f"No photograph of the model, for example {images[0].name}, lies in {', '.join(map(str, folders))}; "
        f"put them into {folders[0]}."
    )


def _mask(folder: Path, name: str) -> Path | None:
    """The mask of an image; None where there is no folder of masks."""
    masks = folder / _MASK_FOLDER
    return masks / f"{name}.png" if masks.is_dir() else None


def _unposed(photographs: Path, images: tuple[ColmapImageEntry, ...]) -> list[str]:
    """Photographs beside those of the model, by name, that the model has no pose for."""
    posed = {Path(image.name) for image in images}
    beside = {photographs / name.parent for name in posed}
    found = (path for place in beside if place.is_dir() for path in place.iterdir() if path.suffix.lower() in _SUFFIXES)
    return sorted(str(path.relative_to(photographs)) for path in found if path.relative_to(photographs) not in posed)


def lens_of(camera: ColmapCameraEntry, number: int, folder: Path) -> Lens:
    """The lens of a camera of the model.

    Raises:
        DatasetError: a model that OpenCV's two do not cover, or values that describe no camera.
    """
    where = f"Camera {number} of {folder}"
    values = camera.parameters
    if camera.model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE"):
        (focal, cx, cy), rest = values[:3], values[3:]
        fx = fy = focal
    elif camera.model in ("PINHOLE", "OPENCV", "FULL_OPENCV", "OPENCV_FISHEYE"):
        (fx, fy, cx, cy), rest = values[:4], values[4:]
    else:
        known = "no model of COLMAP that this reader knows" if camera.model not in MODELS else "not one of OpenCV's two"
        raise DatasetError(
            f"{where} has the model {camera.model}, {known}; undistort the pictures with `colmap image_undistorter`."
        )
    fisheye = camera.model.endswith("_FISHEYE")
    try:
        pinhole = PinholeCamera(
            camera.width,
            camera.height,
            fx,
            fy,
            cx - _PIXEL_CENTRE,
            cy - _PIXEL_CENTRE,
            () if fisheye else _opencv_order(rest),
        )
    except EscherNetError as error:
        raise DatasetError(f"{where} is no camera: {error}.") from error
    k1, k2, k3, k4 = (*rest, 0.0, 0.0, 0.0, 0.0)[:4]
    return Lens(pinhole, (k1, k2, k3, k4) if fisheye else None)


def _opencv_order(rest: tuple[float, ...]) -> tuple[float, ...]:
    """Distortion in OpenCV's order: COLMAP's is the same, but one or two radial coefficients may stand alone."""
    return rest if len(rest) in (0, 4, 8) else (*rest, 0.0, 0.0, 0.0)[:4]
