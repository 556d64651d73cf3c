# SPDX-License-Identifier: Apache-2.0
"""Several textured surfaces become one mesh with one texture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.objects.mesh import ObjectMesh
from eschernet_ros.objects.shapes import Surface

GUTTER = 8
"""Pixels of repeated border around each part of the atlas, so that smaller mip levels do not mix parts."""


@dataclass(frozen=True, eq=False)
class Part:
    """A surface and the image [H, W, 3] uint8 that its texture coordinates span."""

    surface: Surface
    image: NDArray[np.uint8]


def _place(images: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], list[tuple[int, int]]]:
    """Pack images onto shelves; returns the atlas and each image's top-left pixel (x, y)."""
    order = sorted(range(len(images)), key=lambda i: -images[i].shape[0])
    area = sum((im.shape[0] + 2 * GUTTER) * (im.shape[1] + 2 * GUTTER) for im in images)
    widest = max(im.shape[1] for im in images) + 2 * GUTTER
    width = max(widest, int(np.ceil(np.sqrt(area * 1.1))))
    width += -width % 8
    corner = [(0, 0)] * len(images)
    x = y = shelf = 0
    for i in order:
        high, wide = images[i].shape[0] + 2 * GUTTER, images[i].shape[1] + 2 * GUTTER
        if x + wide > width:
            x, y, shelf = 0, y + shelf, 0
        corner[i] = (x + GUTTER, y + GUTTER)
        x, shelf = x + wide, max(shelf, high)
    height = y + shelf
    atlas = np.zeros((height + -height % 8, width, 3), np.uint8)
    for image, (left, top) in zip(images, corner, strict=True):
        padded = np.pad(image, ((GUTTER, GUTTER), (GUTTER, GUTTER), (0, 0)), mode="edge")
        atlas[top - GUTTER : top - GUTTER + padded.shape[0], left - GUTTER : left - GUTTER + padded.shape[1]] = padded
    return atlas, corner


def assemble(name: str, parts: Sequence[Part], longest_side: float | None = None) -> ObjectMesh:
    """Put parts together into one centred mesh with a common texture.

    Args:
        name: the object's name.
        parts: surfaces in a common frame (metres, z up, front +x) with their images; parts that share one
            image object share its place in the atlas.
        longest_side: scale the object so that its bounding box's longest side is this long, metres.

    Raises:
        EscherNetError: when there are no parts.
    """
    if not parts:
        raise EscherNetError(f"object '{name}' has no parts")
    images: list[NDArray[np.uint8]] = []
    for part in parts:
        if not any(part.image is image for image in images):
            images.append(part.image)
    atlas, corners = _place(images)
    high, wide = atlas.shape[:2]
    vertices, faces, uvs = [], [], []
    offset = 0
    for part in parts:
        slot = next(i for i, image in enumerate(images) if image is part.image)
        rows, columns = part.image.shape[:2]
        left, top = corners[slot]
        u = (left + 0.5 + part.surface.uv[:, 0] * (columns - 1)) / wide
        row = top + 0.5 + (1 - part.surface.uv[:, 1]) * (rows - 1)
        uvs.append(np.column_stack([u, 1 - row / high]))
        vertices.append(part.surface.vertices)
        faces.append(part.surface.faces + offset)
        offset += len(part.surface.vertices)
    points = np.concatenate(vertices)
    low, top_corner = points.min(axis=0), points.max(axis=0)
    scale = 1.0 if longest_side is None else longest_side / float((top_corner - low).max())
    points = (points - (low + top_corner) / 2) * scale
    return ObjectMesh(points, np.concatenate(faces).astype(np.int32), np.concatenate(uvs), atlas, name)
