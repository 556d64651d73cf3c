# SPDX-License-Identifier: Apache-2.0
"""COLMAP's sparse models, text and binary, as its documentation describes them (https://colmap.github.io/format.html).

Poses are world-to-camera in OpenCV axes; the centre of the top left pixel is at (0.5, 0.5).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

MODELS: Mapping[str, tuple[int, int]] = {
    "SIMPLE_PINHOLE": (0, 3),
    "PINHOLE": (1, 4),
    "SIMPLE_RADIAL": (2, 4),
    "RADIAL": (3, 5),
    "OPENCV": (4, 8),
    "OPENCV_FISHEYE": (5, 8),
    "FULL_OPENCV": (6, 12),
    "FOV": (7, 5),
    "SIMPLE_RADIAL_FISHEYE": (8, 4),
    "RADIAL_FISHEYE": (9, 5),
    "THIN_PRISM_FISHEYE": (10, 12),
}
"""COLMAP's camera models: number in binary files, and how many parameters each has."""

_MODEL_NAMES = {number: name for name, (number, _) in MODELS.items()}
_FORMS = ("bin", "txt")
"""Endings of the files' names; where both are there the binary form counts, as for COLMAP."""


@dataclass(frozen=True)
class ColmapCameraEntry:
    """A camera: model, size in pixels, and the model's parameters in COLMAP's order."""

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]


@dataclass(frozen=True)
class ColmapImageEntry:
    """An image with a pose: its number, file name, camera's number, world-to-camera transform (OpenCV axes)."""

    number: int
    name: str
    camera: int
    camera_optical_from_world: SE3


@dataclass(frozen=True)
class ColmapModel:
    """A sparse model.

    Attributes:
        cameras: by number.
        images: by ascending number.
        points: [P,3], world units; None where the model has no file of points.
    """

    cameras: Mapping[int, ColmapCameraEntry]
    images: tuple[ColmapImageEntry, ...]
    points: NDArray[np.float64] | None


def model_form(folder: Path) -> str | None:
    """``"bin"`` or ``"txt"``: the form of the model in ``folder``; None where there is none. Looks at names only."""
    for form in _FORMS:
        if all((folder / f"{name}.{form}").is_file() for name in ("cameras", "images")):
            return form
    return None


def read_images_file(folder: Path) -> tuple[ColmapImageEntry, ...]:
    """The images of the model in ``folder``, by ascending number.

    Raises:
        DatasetError: a file is damaged; names it and the place.
    """
    form = model_form(folder)
    path = folder / f"images.{form}"
    images = sorted(_binary_images(path) if form == "bin" else _text_images(path), key=lambda image: image.number)
    if not images:
        raise DatasetError(f"{path} holds no image; the reconstruction is empty.")
    return tuple(images)


def read_colmap_model(folder: Path) -> ColmapModel:
    """The model in ``folder``.

    Raises:
        DatasetError: a file is damaged, or an image names a camera that is not there; names the file and the place.
    """
    form = model_form(folder)
    path = folder / f"cameras.{form}"
    cameras = dict(_binary_cameras(path) if form == "bin" else _text_cameras(path))
    images = read_images_file(folder)
    for image in images:
        if image.camera not in cameras:
            raise DatasetError(
                f"Image {image.name} of {folder} has camera {image.camera}, which {path.name} does not list."
            )
    points_path = folder / f"points3D.{form}"
    points = None
    if points_path.is_file():
        points = _binary_points(points_path) if form == "bin" else _text_points(points_path)
    return ColmapModel(cameras, images, points)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, comments left out."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("#"):
            yield number, line.strip()


@contextlib.contextmanager
def _reading(path: Path, place: str, needed: str) -> Iterator[None]:
    """What goes wrong inside becomes a sentence."""
    try:
        yield
    except (ValueError, IndexError, EscherNetError) as error:
        raise DatasetError(f"{path}, {place} is damaged ({error}); it needs {needed}.") from error


def _text_cameras(path: Path) -> Iterator[tuple[int, ColmapCameraEntry]]:
    for number, line in _lines(path):
        if not line:
            continue
        with _reading(path, f"line {number}", "CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]"):
            words = line.split()
            camera = int(words[0]), _camera(words[1], int(words[2]), int(words[3]), words[4:])
        yield camera


def _camera(model: str, width: int, height: int, words: list[str]) -> ColmapCameraEntry:
    parameters = tuple(map(float, words))
    if model in MODELS and len(parameters) != MODELS[model][1]:
        raise ValueError(f"{model} has {MODELS[model][1]} parameters, here are {len(parameters)}")
    return ColmapCameraEntry(model, width, height, parameters)


def _text_images(path: Path) -> Iterator[ColmapImageEntry]:
    lines = _lines(path)
    for number, line in lines:
        if not line:
            continue
        with _reading(path, f"line {number}", "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"):
            words = line.split(maxsplit=9)
            image = _image(int(words[0]), list(map(float, words[1:8])), int(words[8]), words[9])
        next(lines, None)  # the image's 2D points
        yield image


def _image(number: int, pose: list[float], camera: int, name: str) -> ColmapImageEntry:
    w, x, y, z = pose[:4]
    return ColmapImageEntry(number, name, camera, SE3.from_quaternion_xyzw([x, y, z, w], pose[4:]))


def _text_points(path: Path) -> NDArray[np.float64]:
    points = []
    for number, line in _lines(path):
        if not line:
            continue
        with _reading(path, f"line {number}", "POINT3D_ID X Y Z R G B ERROR TRACK[]"):
            x, y, z = map(float, line.split()[1:4])
        points.append((x, y, z))
    return np.array(points, dtype=np.float64).reshape(-1, 3)


class _Bytes:
    """The content of a binary file, read from its beginning to its end; little endian."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._content = path.read_bytes()
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {error.strerror or error}.") from error
        self._position = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        """The next values, by a format of `struct`."""
        reader = struct.Struct(f"<{layout}")
        self._need(reader.size)
        values = reader.unpack_from(self._content, self._position)
        self._position += reader.size
        return values

    def skip(self, count: int) -> None:
        """Leave ``count`` bytes out."""
        self._need(count)
        self._position += count

    def name(self) -> str:
        """A text that ends with a zero byte."""
        end = self._content.find(b"\0", self._position)
        if end < 0:
            self._need(len(self._content) + 1)
        text = self._content[self._position : end]
        self._position = end + 1
        return text.decode("utf-8", errors="surrogateescape")

    def end(self) -> None:
        """Refuse what follows the last record."""
        left = len(self._content) - self._position
        if left:
            raise DatasetError(f"{self.path} has {left} bytes after its last record; it is damaged, restore it.")

    def _need(self, count: int) -> None:
        if self._position + count > len(self._content):
            raise DatasetError(
                f"{self.path} ends after {len(self._content)} bytes in the middle of a record; it was cut off, "
                "restore it."
            )


def _binary_cameras(path: Path) -> Iterator[tuple[int, ColmapCameraEntry]]:
    content = _Bytes(path)
    (count,) = content.take("Q")
    for _ in range(count):
        number, model, width, height = content.take("IiQQ")
        if model not in _MODEL_NAMES:
            raise DatasetError(
                f"{path}: camera {number} has the model number {model}, which this reader does not know; undistort the "
                "pictures with `colmap image_undistorter`."
            )
        name = _MODEL_NAMES[model]
        yield number, ColmapCameraEntry(name, width, height, content.take(f"{MODELS[name][1]}d"))
    content.end()


def _binary_images(path: Path) -> Iterator[ColmapImageEntry]:
    content = _Bytes(path)
    (count,) = content.take("Q")
    for _ in range(count):
        number, *pose, camera = content.take("I7dI")
        name = content.name()
        with _reading(path, f"image {number}", "a unit quaternion and a position"):
            image = _image(number, pose, camera, name)
        (points,) = content.take("Q")
        content.skip(24 * points)
        yield image
    content.end()


def _binary_points(path: Path) -> NDArray[np.float64]:
    content = _Bytes(path)
    (count,) = content.take("Q")
    points = []
    for _ in range(count):
        points.append(content.take("Q3d3Bd")[1:4])
        (track,) = content.take("Q")
        content.skip(8 * track)
    content.end()
    return np.array(points, dtype=np.float64).reshape(-1, 3)
