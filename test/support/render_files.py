# SPDX-License-Identifier: Apache-2.0
"""Writes Objaverse-style renders with the standard library's own PNG and numpy's own npy; no code under test in it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np


def write_png(path: Path, rgba: np.ndarray) -> None:
    """Write uint8 [H,W,4] as an unfiltered PNG."""
    height, width = rgba.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(rgba))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def pose_at(azimuth: float, elevation: float = 0.4, radius: float = 1.8) -> np.ndarray:
    """World-to-camera [3,4] of a camera that looks at the origin: OpenGL axes, z up."""
    back = np.array(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    )  # from the origin to the camera, which looks along its -z
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    rotation = np.stack([right, np.cross(back, right), back])
    return np.hstack([rotation, -rotation @ (radius * back)[:, None]])


def picture(number: int = 0, size: int = 16) -> np.ndarray:
    """RGBA [size,size,4]: an opaque square of changing colours on transparent black, a quarter of the picture."""
    rgba = np.zeros((size, size, 4), np.uint8)
    quarter = size // 4
    inside = rgba[quarter:-quarter, quarter:-quarter]
    inside[...] = np.random.default_rng(number).integers(20, 230, inside.shape, dtype=np.uint8)
    inside[..., 3] = 255
    return rgba


def write_object(folder: Path, views: int = 4, size: int = 16) -> None:
    """Write a usable object of ``views`` views."""
    folder.mkdir(parents=True)
    for number in range(views):
        write_png(folder / f"{number:03d}.png", picture(number, size))
        np.save(folder / f"{number:03d}.npy", pose_at(0.7 * number))
