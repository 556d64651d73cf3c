# SPDX-License-Identifier: Apache-2.0
"""nerfstudio's ``transforms.json``, as its documentation of data conventions describes it.

https://docs.nerf.studio/quickstart/data_conventions.html: camera-to-world, OpenGL axes, world z up; the centre of the
top left pixel is at (0.5, 0.5). Intrinsics stand at the top or at each frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.images import picture_header
from eschernet_ros.datasets.json_file import number_at, pose_at
from eschernet_ros.datasets.lens import Lens
from eschernet_ros.datasets.numbered_files import ids_of_names
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit, subfolders
from eschernet_ros.datasets.scene import Scene, SceneFrame, read_scene
from eschernet_ros.datasets.selection import held_out_split
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PinholeCamera
from eschernet_ros.json_file import read_json_object

TRANSFORMS_FILE = "transforms.json"

_PIXEL_CENTRE = 0.5
_PERSPECTIVE = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE")
_FISHEYE = ("OPENCV_FISHEYE", "FISHEYE")
_NOTED = ("applied_transform", "applied_scale", "ply_file_path", "depth_unit_scale_factor")
_SUBSETS = {"train_filenames": "train", "val_filenames": "val", "test_filenames": "test"}


class NerfstudioReader(DatasetReader):
    """``<scene>/transforms.json`` and the files it names.

    ``applied_transform`` is noted in ``metadata``, not undone: the poses of the file hold as they stand. Depth files
    are noted as well.
    """

    layout: ClassVar[str] = "nerfstudio"
    description: ClassVar[str] = "nerfstudio (and instant-ngp): transforms.json with intrinsics and poses"
    looks_for: ClassVar[str] = TRANSFORMS_FILE

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Scenes in ``folder``: the scene's folder itself or a collection."""
        if (folder / TRANSFORMS_FILE).is_file():
            return {folder.resolve().name: folder}
        return {entry.name: entry for entry in subfolders(folder) if (entry / TRANSFORMS_FILE).is_file()}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """The last numbers in the frames' file names, or the positions of the sorted names."""
        path = folder / TRANSFORMS_FILE
        entries = _entries(read_json_object(path, DatasetError), path)
        return tuple(sorted(ids_of_names([entry["file_path"] for entry in entries])))

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one scene; see :func:`eschernet_ros.datasets.scene.read_scene`."""
        path = folder / TRANSFORMS_FILE
        content = read_json_object(path, DatasetError)
        entries = _entries(content, path)
        ids = ids_of_names([entry["file_path"] for entry in entries])
        numbered = sorted(zip(ids, entries, strict=True), key=lambda pair: pair[0])
        scene = Scene(
            name=name,
            layout=self.layout,
            folder=folder,
            frames=[_frame(entry, content, path, view_id) for view_id, entry in numbered],
            up=np.array([0.0, 0.0, 1.0]),
            up_source="z of the file's world",
            points=None,
            pose_source=f"Camera-to-world matrices of {TRANSFORMS_FILE}.",
            metadata={
                **{key: content[key] for key in _NOTED if key in content},
                "depth_files": {
                    view_id: str(folder / entry["depth_file_path"])
                    for view_id, entry in numbered
                    if isinstance(entry.get("depth_file_path"), str)
                },
            },
            subsets=_subsets(content, {entry["file_path"]: view_id for view_id, entry in numbered}, path),
        )
        return read_scene(scene, options)

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """Training views far from each other are references, the test views (else all others) targets and scored."""
        return held_out_split(views, references, "nerfstudio")


def _entries(content: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    """The frames, every one with a name of its own."""
    entries = content.get("frames")
    if not isinstance(entries, list) or not entries:
        raise DatasetError(f"{path} lists no 'frames'; it is no {TRANSFORMS_FILE} of nerfstudio, or an empty one.")
    names = set()
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("file_path"), str):
            raise DatasetError(f"{path}, frame {number} has no 'file_path'.")
        if entry["file_path"] in names:
            raise DatasetError(f"{path} lists {entry['file_path']} twice; remove one of its frames.")
        names.add(entry["file_path"])
    return entries


def _frame(entry: Mapping[str, Any], content: Mapping[str, Any], path: Path, view_id: int) -> SceneFrame:
    where = f"{path}, frame {entry['file_path']}"
    image = path.parent / entry["file_path"]
    if not image.suffix:
        image = image.with_name(f"{image.name}.png")
    mask = entry.get("mask_path")
    if mask is not None and not isinstance(mask, str):
        raise DatasetError(f"{where}: mask_path is no name of a file.")
    return SceneFrame(
        view_id=view_id,
        image=image,
        mask=None if mask is None else path.parent / mask,
        lens=_lens({**content, **entry}, image, where),
        camera_gl_from_world=pose_at(entry, "transform_matrix", where).inverse(),
    )


def _lens(values: Mapping[str, Any], image: Path, where: str) -> Lens:
    """The lens of a frame; ``values`` has the frame's keys before those at the top of the file."""
    model = values.get("camera_model", "OPENCV_FISHEYE" if values.get("is_fisheye") else "OPENCV")
    if model not in _PERSPECTIVE + _FISHEYE:
        raise DatasetError(
            f"{where} has the camera model {model}; this reader knows {', '.join(_PERSPECTIVE + _FISHEYE)}. "
            "Convert its pictures to one of these."
        )
    if "w" in values and "h" in values:
        width, height = (int(number_at(values, key, where)) for key in ("w", "h"))
    else:
        (width, height), _ = picture_header(image)
    fx = number_at(values, "fl_x", where) if "fl_x" in values else _focal(values, "camera_angle_x", width, where)
    if "fl_y" in values:
        fy = number_at(values, "fl_y", where)
    else:
        fy = _focal(values, "camera_angle_y", height, where) if "camera_angle_y" in values else fx
    cx = number_at(values, "cx", where) if "cx" in values else width / 2
    cy = number_at(values, "cy", where) if "cy" in values else height / 2
    k1, k2, k3, k4, p1, p2 = (
        number_at(values, key, where) if key in values else 0.0 for key in ("k1", "k2", "k3", "k4", "p1", "p2")
    )
    pinhole = (width, height, fx, fy, cx - _PIXEL_CENTRE, cy - _PIXEL_CENTRE)
    try:
        if model in _FISHEYE:
            return Lens(PinholeCamera(*pinhole), (k1, k2, k3, k4))
        if k4 != 0.0:
            raise DatasetError(f"k4 is {k4:g}, a fourth radial coefficient, which OpenCV's model does not have")
        return Lens(PinholeCamera(*pinhole, distortion=(k1, k2, p1, p2, k3)))
    except EscherNetError as error:
        raise DatasetError(f"{where}: {error}.") from error


def _focal(values: Mapping[str, Any], key: str, pixels: int, where: str) -> float:
    """Focal length from a field of view, as instant-ngp writes it."""
    if key not in values:
        raise DatasetError(f"{where} has neither 'fl_x' nor '{key}'; its focal length is needed.")
    angle = number_at(values, key, where)
    if not 0.0 < angle < math.pi:
        raise DatasetError(f"{where}: {key} is {angle:g}; it must be an angle in radians between 0 and pi.")
    return 0.5 * pixels / math.tan(0.5 * angle)


def _subsets(content: Mapping[str, Any], ids: Mapping[str, int], path: Path) -> dict[str, tuple[int, ...]]:
    """The file's own lists of training and test frames."""
    known = {PurePosixPath(name): view_id for name, view_id in ids.items()}
    subsets = {}
    for key, subset in _SUBSETS.items():
        names = content.get(key, [])
        unknown = [name for name in names if PurePosixPath(name) not in known]
        if unknown:
            raise DatasetError(f"{path}: {key} names {unknown[0]}, which is none of its frames; mend the list.")
        if names:
            subsets[subset] = tuple(sorted({known[PurePosixPath(name)] for name in names}))
    return subsets
