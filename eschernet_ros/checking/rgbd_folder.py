# SPDX-License-Identifier: Apache-2.0
"""Folders of colour, depth and poses as the Princeton APC toolbox writes them.

``frame-%06d.color.png``; ``frame-%06d.depth.png`` (aligned to colour) and/or ``raw/frame-%06d.depth.png`` (as the depth
camera saw it): 16 bit, 0.1 mm, bits rotated left by three; ``cam.info.txt``: matrices, each below a ``# heading``.
Poses are camera-to-world, optical axes, metres.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eschernet_ros.checking.recording import CheckFrame, CheckRecording
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

INFO_FILE = "cam.info.txt"
DEPTH_UNIT_M = 1e-4
_COLOUR = re.compile(r"frame-(\d+)\.color\.png")
_COLOUR_MATRIX = "Color camera intrinsic matrix"
_DEPTH_MATRIX = "Depth camera intrinsic matrix"
_COLOUR_FROM_DEPTH = "Depth-to-color camera extrinsic matrix"
_POSE = "Camera-to-world extrinsic matrix (camera pose) for {}"


def is_rgbd_folder(folder: Path) -> bool:
    """Whether a folder is of this layout."""
    return (folder / INFO_FILE).is_file()


def read_info(folder: Path) -> dict[str, NDArray[np.float64]]:
    """The matrices of ``cam.info.txt`` by their headings.

    Raises:
        EscherNetError: the file is missing or holds something that is no number.
    """
    path = folder / INFO_FILE
    blocks: dict[str, list[list[float]]] = {}
    heading = ""
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                heading = line[1:].strip()
            elif line.strip():
                blocks.setdefault(heading, []).append([float(value) for value in line.split()])
        return {name: np.array(rows) for name, rows in blocks.items()}
    except (OSError, ValueError) as error:
        raise EscherNetError(f"{path} cannot be read: {error}") from error


def read_depth(path: Path) -> NDArray[np.float32]:
    """Depth [H, W] in metres of a file of the layout; 0 = no measurement."""
    stored = np.array(Image.open(path)).astype(np.uint16)
    return (((stored >> 3) | (stored << 13)) * DEPTH_UNIT_M).astype(np.float32)


def align_depth(depth: NDArray, info: dict[str, NDArray[np.float64]]) -> NDArray[np.float32]:
    """Depth [H, W] (metres) of the depth camera seen from the colour camera, the nearest surface in front."""
    v, u = np.nonzero((depth > 0.2) & (depth < 2.0))
    z = depth[v, u]
    colour_from_depth = info[_COLOUR_FROM_DEPTH]
    points = np.linalg.inv(info[_DEPTH_MATRIX]) @ np.stack([u * z, v * z, z])
    points = colour_from_depth[:3, :3] @ points + colour_from_depth[:3, 3:]
    pixels = info[_COLOUR_MATRIX] @ points
    column = np.floor(pixels[0] / pixels[2]).astype(int)
    row = np.floor(pixels[1] / pixels[2]).astype(int)
    result = np.full(depth.shape, np.inf)
    inside = (column >= 0) & (column < depth.shape[1] - 1) & (row >= 0) & (row < depth.shape[0] - 1)
    for i, j in np.ndindex(2, 2):  # the colour image is the finer one: each sample covers two pixels
        np.minimum.at(result, (row[inside] + i, column[inside] + j), points[2][inside])
    return np.where(np.isfinite(result), result, 0.0).astype(np.float32)


def rgbd_recording(folder: Path, count: int | None = None) -> CheckRecording:
    """Read such a folder.

    Args:
        folder: it.
        count: at most so many frames, evenly spaced; None: all.

    Raises:
        EscherNetError: a matrix or picture is missing; names it.
    """
    info = read_info(folder)
    names = sorted(path.name[: -len(".color.png")] for path in folder.iterdir() if _COLOUR.fullmatch(path.name))
    if not names or _COLOUR_MATRIX not in info:
        raise EscherNetError(f"{folder} holds no frame-000000.color.png, or its {INFO_FILE} no '# {_COLOUR_MATRIX}'")
    total = len(names)
    if count is not None and total > count:
        names = [names[i] for i in sorted({int(i) for i in np.linspace(0, total - 1, count).round()})]
    frames, poses = [], []
    for name in names:
        if _POSE.format(name) not in info:
            raise EscherNetError(f"{folder / INFO_FILE} has no '# {_POSE.format(name)}'")
        image = np.array(Image.open(folder / f"{name}.color.png").convert("RGB"))
        camera = PinholeCamera.from_matrix(info[_COLOUR_MATRIX], image.shape[1], image.shape[0])
        frames.append(CheckFrame(name, image, camera, depth=_depth(folder, name, info)))
        poses.append(SE3.from_matrix(info[_POSE.format(name)]))
    return CheckRecording(
        name=f"{folder.resolve().parent.name}/{folder.resolve().name}",
        source=f"{folder} ({INFO_FILE}, {total} frames)",
        frames=tuple(frames),
        world_from_camera=tuple(poses),
        notes=() if len(names) == total else (f"{len(names)} of {total} frames were looked at.",),
    )


def _depth(folder: Path, name: str, info: dict[str, NDArray[np.float64]]) -> NDArray[np.float32] | None:
    aligned, raw = folder / f"{name}.depth.png", folder / "raw" / f"{name}.depth.png"
    if raw.is_file() and _DEPTH_MATRIX in info and _COLOUR_FROM_DEPTH in info:
        return align_depth(read_depth(raw), info)
    return read_depth(aligned) if aligned.is_file() else None
