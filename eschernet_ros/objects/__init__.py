# SPDX-License-Identifier: Apache-2.0
"""Textured objects that this project generates itself: shapes, textures, families, the bench's catalogue."""

from eschernet_ros.objects.assemble import Part, assemble
from eschernet_ros.objects.catalogue import CATALOGUE, bench_object
from eschernet_ros.objects.families import FAMILIES, Family
from eschernet_ros.objects.mesh import ObjectMesh
from eschernet_ros.objects.shapes import Surface, box, lathe, prism, quad, superquadric, tube

__all__ = [
    "CATALOGUE",
    "FAMILIES",
    "Family",
    "ObjectMesh",
    "Part",
    "Surface",
    "assemble",
    "bench_object",
    "box",
    "lathe",
    "prism",
    "quad",
    "superquadric",
    "tube",
]
