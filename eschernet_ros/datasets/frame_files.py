# SPDX-License-Identifier: Apache-2.0
"""A frame's pictures as PNG files, with checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.atomic_files import write_error
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.franka16_layout import COLOUR, DEPTH, FOLDERS, IMAGE, MASK, RGBA
from eschernet_ros.optional import require

COMPRESSIONS = ("small", "fast", "none")
"""How hard a PNG encoder tries. A 1280x720 colour image with sensor noise takes about 100, 20 and 4 ms; ``none`` stores
the pixels, and ``fast`` (Huffman codes alone) is the smallest for noise, ``small`` for masks and flat backgrounds."""


@dataclass(frozen=True)
class StoredFile:
    """A file as it is named in the journal.

    Attributes:
        path: relative to the object's folder.
        sha256: of its content, hexadecimal.
        bytes: its size.
    """

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, eq=False)
class SourceImages:
    """The pictures a frame was made from, all of one camera, at full resolution.

    Attributes:
        colour: uint8 RGB [H,W,3].
        depth: uint16 [H,W], millimetres along the optical axis, aligned to ``colour``, 0 = no measurement; or None.
        mask: bool [H,W], true on the object; None: not known.
    """

    colour: NDArray[np.uint8]
    depth: NDArray[np.uint16] | None = None
    mask: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Check shapes and types.

        Raises:
            DatasetError: they do not fit.
        """
        colour, size = self.colour, list(self.colour.shape[:2])
        if colour.dtype != np.uint8 or colour.ndim != 3 or colour.shape[2] != 3:
            raise DatasetError(f"A source image must be uint8 [H,W,3], not {colour.dtype} {list(colour.shape)}.")
        for name, picture, dtype in (("depth", self.depth, np.uint16), ("mask", self.mask, np.bool_)):
            if picture is not None and (picture.dtype != dtype or list(picture.shape) != size):
                wanted = np.dtype(dtype).name
                raise DatasetError(
                    f"A source image's {name} must be {wanted} {size}, not {picture.dtype} {list(picture.shape)}."
                )


def encode_images(images: Mapping[str, NDArray[Any]], compression: str = "small") -> dict[str, bytes]:
    """PNG files of pictures by kind; colour and depth with ``compression``, the others, mostly flat, always small."""
    return {
        kind: encode_png(pixels, compression if kind in (COLOUR, DEPTH) else "small") for kind, pixels in images.items()
    }


def source_images(source: SourceImages) -> dict[str, NDArray[Any]]:
    """The pictures at full resolution by kind: colour, depth, mask, and RGBA with white outside the mask."""
    images: dict[str, NDArray[Any]] = {COLOUR: source.colour}
    if source.depth is not None:
        images[DEPTH] = source.depth
    if source.mask is not None:
        images |= masked_images(source.colour, source.mask)
    return images


def masked_images(colour: NDArray[np.uint8], mask: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """The mask, and RGBA with alpha 0 on white outside of it: what lies there is in the colour image."""
    return {MASK: _alpha(mask), RGBA: np.dstack([np.where(mask[..., None], colour, np.uint8(255)), _alpha(mask)])}


def model_image(image: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> dict[str, NDArray[Any]]:
    """The published loader's RGBA image.

    Args:
        image: uint8 RGBA [H,W,4], or RGB [H,W,3] with its mask.
        mask: bool [H,W] for an RGB image; None: the whole image counts as object.

    Raises:
        DatasetError: shapes or types that do not fit.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4):
        raise DatasetError(f"A frame's image must be uint8 [H,W,3] or [H,W,4], not {image.dtype} {list(image.shape)}.")
    if image.shape[2] == 4:
        if mask is not None:
            raise DatasetError("An RGBA image already holds its mask; leave mask out.")
        return {IMAGE: image}
    if mask is None:
        mask = np.ones(image.shape[:2], dtype=bool)
    if mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
        raise DatasetError(f"A frame's mask must be bool {list(image.shape[:2])}, not {mask.dtype} {list(mask.shape)}.")
    return {IMAGE: np.dstack([image, _alpha(mask)])}


def encode_png(pixels: NDArray[Any], compression: str = "small") -> bytes:
    """A PNG file, without loss: uint8 [H,W], [H,W,3] RGB, [H,W,4] RGBA, or uint16 [H,W].

    Args:
        pixels: the picture.
        compression: one of `COMPRESSIONS`.

    Raises:
        DatasetError: pixels that OpenCV does not encode.
    """
    cv2 = _cv2()
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    try:
        done, content = cv2.imencode(".png", pixels, _parameters(cv2, compression))
    except cv2.error as error:
        raise DatasetError(
            f"A picture {pixels.dtype} {list(pixels.shape)} cannot be written as PNG: {error}"
        ) from error
    if not done:
        raise DatasetError(f"A picture {pixels.dtype} {list(pixels.shape)} cannot be written as PNG.")
    return bytes(content.data)


def write_frame_file(folder: Path, path: str, content: bytes) -> StoredFile:
    """Write a new file, without flushing it to the disk; it counts once the journal names it.

    Args:
        folder: the object's folder.
        path: relative to it.
        content: of the file.

    Raises:
        DatasetWriteError: it cannot be written.
    """
    try:
        with (folder / path).open("wb", buffering=0) as file:
            view = memoryview(content)
            while view:
                view = view[file.write(view) :]
    except OSError as error:
        raise write_error(folder / path, error) from error
    return StoredFile(path, hashlib.sha256(content).hexdigest(), len(content))


def sync_file(path: Path) -> None:
    """Flush a file to the disk.

    Raises:
        DatasetWriteError: the disk refuses it.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise write_error(path, error) from error


def read_source(folder: Path, files: Mapping[str, StoredFile]) -> SourceImages:
    """The full-resolution pictures of a frame, each checked against its checksum.

    Args:
        folder: the object's folder.
        files: the frame's files; colour must be among them.

    Raises:
        DatasetError: a file is missing, or not what was recorded.
    """
    if COLOUR not in files:
        raise DatasetError(f"{folder} holds no full-resolution picture of this frame.")
    cv2 = _cv2()
    read: dict[str, NDArray[Any]] = {}
    for kind in (COLOUR, DEPTH, MASK):
        if kind not in files:
            continue
        path = folder / files[kind].path
        pixels = cv2.imdecode(np.frombuffer(read_checked(folder, files[kind]), np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise DatasetError(f"{path} is no image, or a damaged one; restore it.")
        read[kind] = pixels
    return SourceImages(
        colour=cv2.cvtColor(read[COLOUR], cv2.COLOR_BGR2RGB),
        depth=read.get(DEPTH),
        mask=None if MASK not in read else read[MASK] >= 128,
    )


def read_checked(folder: Path, file: StoredFile) -> bytes:
    """The content of a file.

    Raises:
        DatasetError: it cannot be read, or is not what was recorded.
    """
    path = folder / file.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}; restore it.") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DatasetError(
            f"{path} is not what was recorded: its checksum differs ({len(content)} bytes, {file.bytes} were written); "
            "restore it."
        )
    return content


def encode_files(files: Mapping[str, StoredFile]) -> dict[str, Any]:
    """Files by kind as JSON."""
    return {
        kind: {"path": file.path, "sha256": file.sha256, "bytes": file.bytes}
        for kind, file in sorted(files.items(), key=lambda item: list(FOLDERS).index(item[0]))
    }


def decode_files(entry: Mapping[str, Any]) -> dict[str, StoredFile]:
    """The inverse of `encode_files`."""
    return {kind: StoredFile(str(f["path"]), str(f["sha256"]), int(f["bytes"])) for kind, f in entry.items()}


def _alpha(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(mask, np.uint8(255), np.uint8(0))


def _cv2() -> ModuleType:
    return require("cv2", 'pip install "opencv-python-headless<5"', "writing recorded pictures")


def _parameters(cv2: ModuleType, compression: str) -> list[int]:
    filter_type = getattr(cv2, "IMWRITE_PNG_FILTER", None)  # OpenCV before 4.12 tries every filter, which takes longer
    if compression == "none":
        chosen = [] if filter_type is None else [filter_type, cv2.IMWRITE_PNG_FILTER_NONE]
        return [cv2.IMWRITE_PNG_COMPRESSION, 0, *chosen]
    if compression == "fast":
        chosen = [] if filter_type is None else [filter_type, cv2.IMWRITE_PNG_FILTER_SUB]
        strategy = cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY
        return [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, strategy, *chosen]
    if compression == "small":
        return [cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
    raise DatasetError(f"There is no PNG compression '{compression}'; the known ones are {', '.join(COMPRESSIONS)}.")
