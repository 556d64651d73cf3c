# SPDX-License-Identifier: Apache-2.0
"""A textured triangle mesh of one object, in metres, centred at its bounding box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError

SMOOTH_BELOW = np.radians(50.0)
"""Coincident vertices whose own normals differ by less than this are shaded smoothly across the seam."""


@dataclass(frozen=True, eq=False)
class ObjectMesh:
    """One closed, textured object.

    The object frame has its origin at the centre of the axis-aligned bounding box, z up; the object's
    front looks along +x. Vertices are doubled at texture seams and hard edges.

    Attributes:
        vertices: [V, 3] float64, metres.
        faces: [F, 3] int32, counter-clockwise seen from outside.
        uv: [V, 2] float64 in [0, 1]; u to the right and v up in the texture image (v = 0: bottom row).
        texture: [H, W, 3] uint8 RGB.
        name: what the object is called.

    Raises:
        EscherNetError: when the arrays do not fit together or the mesh is not centred.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    uv: NDArray[np.float64]
    texture: NDArray[np.uint8]
    name: str

    def __post_init__(self) -> None:
        count = len(self.vertices)
        if self.vertices.shape != (count, 3) or count < 4 or not np.isfinite(self.vertices).all():
            raise EscherNetError(
                f"object '{self.name}': vertices must be finite [V >= 4, 3], got {self.vertices.shape}"
            )
        if self.faces.ndim != 2 or self.faces.shape[1] != 3 or len(self.faces) < 4:
            raise EscherNetError(f"object '{self.name}': faces must be [F >= 4, 3], got {self.faces.shape}")
        if self.faces.min() < 0 or self.faces.max() >= count:
            raise EscherNetError(
                f"object '{self.name}': face indices run from {self.faces.min()} to {self.faces.max()}, "
                f"but there are {count} vertices"
            )
        if self.uv.shape != (count, 2) or self.uv.min() < 0 or self.uv.max() > 1:
            raise EscherNetError(f"object '{self.name}': uv must be [{count}, 2] within [0, 1]")
        if self.texture.ndim != 3 or self.texture.shape[2] != 3 or self.texture.dtype != np.uint8:
            raise EscherNetError(
                f"object '{self.name}': texture must be uint8 [H, W, 3], got {self.texture.dtype} {self.texture.shape}"
            )
        centre = (self.vertices.min(axis=0) + self.vertices.max(axis=0)) / 2
        if np.abs(centre).max() > 1e-9:
            raise EscherNetError(
                f"object '{self.name}': the bounding box is centred at {centre.tolist()} m, not at the origin"
            )

    @cached_property
    def size(self) -> tuple[float, float, float]:
        """Side lengths (x, y, z) of the axis-aligned bounding box, metres."""
        x, y, z = self.vertices.max(axis=0) - self.vertices.min(axis=0)
        return float(x), float(y), float(z)

    @property
    def longest_side(self) -> float:
        """The longest side of the bounding box, metres; one model unit of EscherNet."""
        return max(self.size)

    @cached_property
    def face_normals(self) -> NDArray[np.float64]:
        """[F, 3] outward face normals, as long as twice the face's area (m^2)."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        return np.cross(b - a, c - a).astype(np.float64, copy=False)

    @cached_property
    def normals(self) -> NDArray[np.float64]:
        """[V, 3] unit shading normals: smooth over seams, hard at edges (see ``SMOOTH_BELOW``)."""
        own = np.zeros_like(self.vertices)
        flat = self.face_normals / np.linalg.norm(self.face_normals, axis=1, keepdims=True)
        for corner in range(3):  # each face counts by its angle at the vertex, however it was cut in triangles
            here, ahead, behind = (self.vertices[self.faces[:, (corner + i) % 3]] for i in range(3))
            one, two = ahead - here, behind - here
            cosine = np.einsum("ij,ij->i", one, two) / (np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1))
            angle = np.arccos(np.clip(cosine, -1.0, 1.0))
            np.add.at(own, self.faces[:, corner], angle[:, None] * flat)
        own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-300)
        merged = own.copy()
        point = self._point_index
        order = np.argsort(point, kind="stable")
        starts = np.flatnonzero(np.diff(point[order], prepend=-1))
        for group in np.split(order, starts[1:]):
            if len(group) > 1:
                close = own[group] @ own[group].T > np.cos(SMOOTH_BELOW)
                merged[group] = close @ own[group]
        return merged / np.maximum(np.linalg.norm(merged, axis=1, keepdims=True), 1e-300)

    @cached_property
    def _point_index(self) -> NDArray[np.intp]:
        """[V] index of the distinct point (to 1 nm) that each vertex lies on."""
        return np.unique(np.round(self.vertices * 1e9).astype(np.int64), axis=0, return_inverse=True)[1].ravel()

    def is_closed(self) -> bool:
        """Whether every edge is shared by as many faces one way as the other: no holes, one orientation."""
        corners = self._point_index[self.faces]
        edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        key = edges.astype(np.int64) @ np.array([len(self.vertices), 1])
        reverse = edges[:, ::-1].astype(np.int64) @ np.array([len(self.vertices), 1])
        return bool(np.array_equal(np.sort(key), np.sort(reverse)))

    def volume(self) -> float:
        """Signed enclosed volume in m^3, positive when the faces look outward.

        Parts that overlap (a handle inside its mug's wall) count twice.
        """
        return float(np.einsum("ij,ij->", self.vertices[self.faces[:, 0]], self.face_normals) / 6.0)
