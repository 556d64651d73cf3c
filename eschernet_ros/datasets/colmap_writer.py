# SPDX-License-Identifier: Apache-2.0
"""COLMAP: a sparse model of cameras and images without points, as text or binary, beside the pictures.

Written as COLMAP's documentation of its output format says (https://colmap.github.io/format.html): poses are
world-to-camera in OpenCV axes, and the centre of the top left pixel is at (0.5, 0.5).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from eschernet_ros.datasets.dataset_writer import DatasetWriter, cameras_of, picture, write_object_frame, write_png
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.geometry import SE3, PinholeCamera, opencv_w2c_from_gl_w2c

MODEL_FOLDER = Path("sparse", "0")

_MODEL_NUMBERS = {"PINHOLE": 1, "OPENCV": 4, "FULL_OPENCV": 6}
_PIXEL_CENTRE = 0.5


@dataclass(frozen=True)
class ColmapCamera:
    """A camera as COLMAP stores it: model, size, and the model's parameters in COLMAP's order."""

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]

    @classmethod
    def of(cls, camera: PinholeCamera) -> ColmapCamera:
        """The simplest model that holds the camera exactly.

        Raises:
            DatasetError: thin prism or tilt coefficients, which no model of COLMAP has in OpenCV's order.
        """
        pinhole = (camera.fx, camera.fy, camera.cx + _PIXEL_CENTRE, camera.cy + _PIXEL_CENTRE)
        k = camera.distortion + (0.0,) * (14 - len(camera.distortion))
        if any(k[8:]):
            raise DatasetError(
                "COLMAP's camera models hold the first 8 distortion coefficients of OpenCV, this camera has "
                f"{len(camera.distortion)}: {camera.distortion}. Resample the views to the model's camera."
            )
        if any(k[4:8]):
            return cls("FULL_OPENCV", camera.width, camera.height, pinhole + k[:8])
        if any(k[:4]):
            return cls("OPENCV", camera.width, camera.height, pinhole + k[:4])
        return cls("PINHOLE", camera.width, camera.height, pinhole)


@dataclass(frozen=True)
class ColmapImage:
    """An image of the model: its number, world-to-camera pose (OpenCV axes), camera's number and file name."""

    number: int
    camera_optical_from_world: SE3
    camera: int
    name: str


class _ColmapWriter(DatasetWriter):
    """Both forms of the layout."""

    suffix: ClassVar[str]

    def add(self, views: PosedImages, folder: Path) -> list[str]:
        """Write ``images``, ``masks`` where there are masks, ``sparse/0`` and ``object_frame.json``."""
        stored = [ColmapCamera.of(camera) for camera in cameras_of(views, self.layout)]
        distinct = list(dict.fromkeys(stored))
        names = [f"{view_id:06d}.png" for view_id in views.view_ids]
        (folder / "images").mkdir()
        if views.masks is not None:
            (folder / "masks").mkdir()
        for row, name in enumerate(names):
            write_png(folder / "images" / name, picture(views, row))
            if views.masks is not None:  # COLMAP's own convention: black is left out, the suffix is added
                mask = np.where(views.masks[row], np.uint8(255), np.uint8(0))
                write_png(folder / "masks" / f"{name}.png", mask)
        images = [
            ColmapImage(row + 1, opencv_w2c_from_gl_w2c(pose), distinct.index(camera) + 1, name)
            for row, (pose, camera, name) in enumerate(zip(views.poses, stored, names, strict=True))
        ]
        model = folder / MODEL_FOLDER
        model.mkdir(parents=True)
        self.write_model(model, distinct, images)
        write_object_frame(views, folder)
        return [f"'{views.name}': COLMAP's model holds no 3D points; `colmap point_triangulator` adds them."]

    def write_model(self, folder: Path, cameras: Sequence[ColmapCamera], images: Sequence[ColmapImage]) -> None:
        """Write the three files of a model; camera i has the number i + 1."""
        raise NotImplementedError


class ColmapTextWriter(_ColmapWriter):
    """``sparse/0/{cameras,images,points3D}.txt``."""

    layout: ClassVar[str] = "colmap-text"
    description: ClassVar[str] = "COLMAP, model as text: sparse/0/*.txt, images, masks"

    def write_model(self, folder: Path, cameras: Sequence[ColmapCamera], images: Sequence[ColmapImage]) -> None:
        """Write the model; numbers have as many digits as their exact value needs."""
        lines = ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]", f"# Number of cameras: {len(cameras)}"]
        for index, camera in enumerate(cameras):
            numbers = " ".join(map(repr, camera.parameters))
            lines.append(f"{index + 1} {camera.model} {camera.width} {camera.height} {numbers}")
        (folder / "cameras.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        lines = [
            "# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME",
            "# POINTS2D[] as (X, Y, POINT3D_ID)",
            f"# Number of images: {len(images)}, mean observations per image: 0",
        ]
        for image in images:
            numbers = " ".join(map(repr, _pose_numbers(image.camera_optical_from_world)))
            lines += [f"{image.number} {numbers} {image.camera} {image.name}", ""]
        (folder / "images.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        points = "# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[]\n# Number of points: 0, mean track length: 0\n"
        (folder / "points3D.txt").write_text(points, encoding="utf-8")


class ColmapBinaryWriter(_ColmapWriter):
    """``sparse/0/{cameras,images,points3D}.bin``, little endian."""

    layout: ClassVar[str] = "colmap"
    description: ClassVar[str] = "COLMAP, binary model: sparse/0/*.bin, images, masks"

    def write_model(self, folder: Path, cameras: Sequence[ColmapCamera], images: Sequence[ColmapImage]) -> None:
        """Write the model."""
        content = struct.pack("<Q", len(cameras))
        for index, camera in enumerate(cameras):
            content += struct.pack("<IiQQ", index + 1, _MODEL_NUMBERS[camera.model], camera.width, camera.height)
            content += struct.pack(f"<{len(camera.parameters)}d", *camera.parameters)
        (folder / "cameras.bin").write_bytes(content)
        content = struct.pack("<Q", len(images))
        for image in images:
            content += struct.pack("<I7dI", image.number, *_pose_numbers(image.camera_optical_from_world), image.camera)
            content += image.name.encode() + b"\0" + struct.pack("<Q", 0)
        (folder / "images.bin").write_bytes(content)
        (folder / "points3D.bin").write_bytes(struct.pack("<Q", 0))


def _pose_numbers(pose: SE3) -> tuple[float, ...]:
    """Quaternion (w, x, y, z) and translation."""
    x, y, z, w = pose.quaternion_xyzw.tolist()
    return (w, x, y, z, *pose.translation.tolist())
