# SPDX-License-Identifier: Apache-2.0
"""Scenes in the layouts of other people's tools, written from those layouts' descriptions with nothing of this package.

Poses are camera-to-world with OpenGL axes (``world_from_camera``), lens formulas those of COLMAP's documentation. Pixel
coordinates count from the outer corner of the first pixel, whose centre is at (0.5, 0.5).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
"""OpenGL camera axes to OpenCV's and back."""

COLMAP_NUMBERS = {
    "SIMPLE_PINHOLE": 0,
    "PINHOLE": 1,
    "SIMPLE_RADIAL": 2,
    "RADIAL": 3,
    "OPENCV": 4,
    "OPENCV_FISHEYE": 5,
    "FULL_OPENCV": 6,
    "FOV": 7,
    "SIMPLE_RADIAL_FISHEYE": 8,
    "RADIAL_FISHEYE": 9,
}


def look(position: Sequence[float], target: Sequence[float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    """``world_from_camera`` [4,4] of a camera at ``position`` that looks at ``target``, upright for z up."""
    back = np.subtract(position, target)
    back = back / np.linalg.norm(back)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(back, right), back], axis=1)
    pose[:3, 3] = position
    return pose


def ring(count: int, radius: float = 2.0, centre: Sequence[float] = (0.0, 0.0, 0.0)) -> list[np.ndarray]:
    """Cameras around ``centre`` at changing heights, all looking at it."""
    angles = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    heights = 0.4 + 0.2 * np.arange(count) % 0.5
    directions = np.stack([np.cos(angles), np.sin(angles), heights], axis=1)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return [look(np.add(centre, radius * direction), centre) for direction in directions]


def lens_pixel(model: str, parameters: Sequence[float], point: np.ndarray) -> np.ndarray:
    """Pixel [2] of a point [3] in OpenCV camera axes, through one of COLMAP's lens models."""
    if model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE"):
        f, cx, cy, *k = parameters
        fx = fy = f
    else:
        fx, fy, cx, cy, *k = parameters
    u, v = point[0] / point[2], point[1] / point[2]
    r = np.hypot(u, v)
    if model.endswith("FISHEYE"):
        theta = np.arctan(r)
        factor = theta * (1.0 + sum(c * theta ** (2 * i + 2) for i, c in enumerate(k))) / r if r > 1e-12 else 1.0
        return np.array([fx * u * factor + cx, fy * v * factor + cy])
    k1, k2, p1, p2, k3, k4, k5, k6 = (*k, *[0.0] * (8 - len(k)))
    radial = (1 + k1 * r**2 + k2 * r**4 + k3 * r**6) / (1 + k4 * r**2 + k5 * r**4 + k6 * r**6)
    du = 2 * p1 * u * v + p2 * (r**2 + 2 * u**2)
    dv = p1 * (r**2 + 2 * v**2) + 2 * p2 * u * v
    return np.array([fx * (u * radial + du) + cx, fy * (v * radial + dv) + cy])


def dot_picture(size: tuple[int, int], pixel: np.ndarray) -> np.ndarray:
    """RGB picture (width, height), white with a soft dark dot at a pixel position."""
    columns, rows = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    dot = np.exp(-((columns - pixel[0]) ** 2 + (rows - pixel[1]) ** 2) / (2 * 2.0**2))
    return np.repeat(np.rint(255 * (1.0 - dot)).astype(np.uint8)[..., None], 3, axis=2)


def dot_position(image: np.ndarray) -> np.ndarray:
    """Where the dot is, [2], integers are pixel centres."""
    weight = (255.0 - image[..., 0]) ** 2
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


def save(path: Path, pixels: np.ndarray) -> None:
    """Write a picture; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def quaternion_wxyz(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion (w, x, y, z) of a rotation matrix, by its largest component."""
    m = rotation
    squares = np.array(
        [
            1 + m[0, 0] + m[1, 1] + m[2, 2],
            1 + m[0, 0] - m[1, 1] - m[2, 2],
            1 - m[0, 0] + m[1, 1] - m[2, 2],
            1 - m[0, 0] - m[1, 1] + m[2, 2],
        ]
    )
    largest = int(np.argmax(squares))
    s = 2.0 * np.sqrt(squares[largest])
    rows = [
        [s * s / 4, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
        [m[2, 1] - m[1, 2], s * s / 4, m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
        [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], s * s / 4, m[1, 2] + m[2, 1]],
        [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], s * s / 4],
    ]
    return np.array(rows[largest]) / s


ColmapCamera = tuple[int, str, int, int, Sequence[float]]
"""Number, model, width, height, parameters."""
ColmapImage = tuple[int, np.ndarray, int, str]
"""Number, world_from_camera (OpenGL axes), camera's number, name."""


def write_colmap_text(
    folder: Path, cameras: Sequence[ColmapCamera], images: Sequence[ColmapImage], points: np.ndarray | None = None
) -> None:
    """``cameras.txt``, ``images.txt`` and ``points3D.txt``, with the comments that COLMAP writes."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# Camera list with one line of data per camera:", "#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    lines += [f"{n} {model} {w} {h} {' '.join(map(repr, map(float, p)))}" for n, model, w, h, p in cameras]
    (folder / "cameras.txt").write_text("\n".join(lines) + "\n")
    lines = ["# Image list with two lines of data per image:"]
    for number, pose, camera, name in images:
        numbers = [float(value) for value in _colmap_pose(pose)]
        lines.append(f"{number} {' '.join(map(repr, numbers))} {camera} {name}")
        lines.append("" if number % 2 else "2.5 3.5 -1 4.25 1.5 7")
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    lines = ["# 3D point list with one line of data per point:"]
    for number, point in enumerate(np.zeros((0, 3)) if points is None else points):
        lines.append(f"{number + 1} {' '.join(repr(float(v)) for v in point)} 10 20 30 0.5 1 0 2 1")
    (folder / "points3D.txt").write_text("\n".join(lines) + "\n")


def write_colmap_binary(
    folder: Path, cameras: Sequence[ColmapCamera], images: Sequence[ColmapImage], points: np.ndarray | None = None
) -> None:
    """``cameras.bin``, ``images.bin`` and ``points3D.bin``."""
    folder.mkdir(parents=True, exist_ok=True)
    content = struct.pack("<Q", len(cameras))
    for number, model, width, height, parameters in cameras:
        content += struct.pack("<IiQQ", number, COLMAP_NUMBERS[model], width, height)
        content += np.asarray(parameters, "<f8").tobytes()
    (folder / "cameras.bin").write_bytes(content)
    content = struct.pack("<Q", len(images))
    for number, pose, camera, name in images:
        content += struct.pack("<I", number) + np.asarray(_colmap_pose(pose), "<f8").tobytes()
        content += struct.pack("<I", camera) + name.encode() + b"\0"
        seen = number % 3
        content += struct.pack("<Q", seen) + seen * struct.pack("<ddq", 1.5, 2.5, -1)
    (folder / "images.bin").write_bytes(content)
    cloud = np.zeros((0, 3)) if points is None else points
    content = struct.pack("<Q", len(cloud))
    for number, point in enumerate(cloud):
        content += struct.pack("<Q3d3Bd", number + 1, *point, 10, 20, 30, 0.5)
        content += struct.pack("<Q", 2) + struct.pack("<IIII", 1, 0, 2, 1)
    (folder / "points3D.bin").write_bytes(content)


def _colmap_pose(world_from_camera: np.ndarray) -> np.ndarray:
    """QW QX QY QZ TX TY TZ of world-to-camera in OpenCV axes."""
    optical_from_world = np.linalg.inv(world_from_camera @ FLIP)
    return np.concatenate([quaternion_wxyz(optical_from_world[:3, :3]), optical_from_world[:3, 3]])


def write_transforms(folder: Path, frames: Sequence[dict[str, Any]], name: str = "transforms.json", **top: Any) -> None:
    """A transforms file; arrays become lists."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = [{k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in frame.items()} for frame in frames]
    (folder / name).write_text(json.dumps({**top, "frames": listed}))


def write_exr(path: Path, channels: dict[str, np.ndarray], half: bool = False) -> None:
    """An OpenEXR file of scan lines without compression; channels [H,W] by name, stored by the alphabet."""
    names = sorted(channels)
    height, width = channels[names[0]].shape
    kind, dtype = (1, "<f2") if half else (2, "<f4")

    def attribute(name: str, form: str, value: bytes) -> bytes:
        return name.encode() + b"\0" + form.encode() + b"\0" + struct.pack("<i", len(value)) + value

    listed = b"".join(n.encode() + b"\0" + struct.pack("<iBBBBii", kind, 0, 0, 0, 0, 1, 1) for n in names) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    header = struct.pack("<ii", 20000630, 2)
    header += attribute("channels", "chlist", listed) + attribute("compression", "compression", b"\0")
    header += attribute("dataWindow", "box2i", window) + attribute("displayWindow", "box2i", window)
    header += attribute("lineOrder", "lineOrder", b"\0") + attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
    header += attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0))
    header += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    rows = [b"".join(channels[n][y].astype(dtype).tobytes() for n in names) for y in range(height)]
    offsets, position = [], len(header) + 8 * height
    for row in rows:
        offsets.append(position)
        position += 8 + len(row)
    blocks = b"".join(struct.pack("<ii", y, len(row)) + row for y, row in enumerate(rows))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + struct.pack(f"<{height}Q", *offsets) + blocks)
