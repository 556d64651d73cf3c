# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.objects import Part, assemble, box, lathe, prism, superquadric, tube
from eschernet_ros.objects.textures import solid

GREY = solid((8, 8), (128, 128, 128))


def mesh_of(*surfaces):
    return assemble("part", [Part(surface, GREY) for surface in surfaces])


def test_a_turned_cylinder_has_its_volume_and_is_closed():
    radius, height, segments = 0.03, 0.1, 96
    mesh = mesh_of(lathe([(0, 0), (radius, 0), (radius, height), (0, height)], segments))
    polygon = 0.5 * segments * np.sin(2 * np.pi / segments) * radius**2
    assert mesh.is_closed()
    assert mesh.volume() == pytest.approx(polygon * height, rel=1e-9)


def test_a_turned_cup_encloses_its_wall_only():
    mesh = mesh_of(lathe([(0, 0), (0.03, 0), (0.03, 0.1), (0.025, 0.1), (0.025, 0.01), (0, 0.01)], 64))
    factor = 0.5 * 64 * np.sin(2 * np.pi / 64)
    assert mesh.is_closed()
    assert mesh.volume() == pytest.approx(factor * (0.03**2 * 0.1 - 0.025**2 * 0.09), rel=1e-9)


def test_a_box_has_its_volume_and_outward_faces():
    mesh = mesh_of(*box((0.1, 0.2, 0.3)).values())
    assert mesh.is_closed()
    assert mesh.volume() == pytest.approx(0.1 * 0.2 * 0.3)
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    assert (np.einsum("ij,ij->i", centres, mesh.face_normals) > 0).all()


def test_a_prism_has_its_volume():
    mesh = mesh_of(*prism([(0, 0), (0.2, 0), (0.2, 0.1), (0.1, 0.2)], 0.5).values())
    assert mesh.is_closed()
    assert mesh.volume() == pytest.approx(0.5 * 0.025)


@pytest.mark.parametrize("outline", [[(0, 0), (0, 1), (1, 1)], [(0, 0), (2, 0), (1, 0.2), (1, 2)]])
def test_a_prism_needs_a_convex_counter_clockwise_outline(outline):
    with pytest.raises(EscherNetError, match="convex"):
        prism(outline, 1.0)


def test_a_superquadric_of_exponent_one_is_an_ellipsoid():
    mesh = mesh_of(superquadric((0.1, 0.2, 0.3), segments=96))
    assert mesh.is_closed()
    np.testing.assert_allclose(((mesh.vertices / [0.05, 0.1, 0.15]) ** 2).sum(axis=1), 1.0, atol=1e-12)
    assert mesh.volume() == pytest.approx(np.pi / 6 * 0.1 * 0.2 * 0.3, rel=5e-3)


def test_a_small_exponent_fills_the_box():
    assert mesh_of(superquadric((0.1, 0.1, 0.1), 0.2, 0.2, 96)).volume() > 0.9 * 0.001


def test_a_tube_has_the_volume_of_its_section_times_its_length():
    angle = np.linspace(0, np.pi, 60)
    path = np.column_stack([np.zeros(60), 0.1 * np.cos(angle), 0.1 * np.sin(angle)])
    mesh = mesh_of(tube(path, 0.01, segments=60))
    assert mesh.is_closed()
    assert mesh.volume() == pytest.approx(np.pi * 0.01**2 * np.pi * 0.1, rel=5e-3)


def test_a_missing_face_leaves_the_mesh_open():
    faces = box((0.1, 0.1, 0.1))
    del faces["top"]
    assert not mesh_of(*faces.values()).is_closed()


def test_normals_are_smooth_around_and_hard_at_the_rim():
    mesh = mesh_of(
        lathe([(0.05, 0), (0.05, 0.1)], 64), lathe([(0.05, 0.1), (0, 0.1)], 64), lathe([(0, 0), (0.05, 0)], 64)
    )
    radial = mesh.vertices * [1, 1, 0]
    radial /= np.maximum(np.linalg.norm(radial, axis=1, keepdims=True), 1e-12)
    upright = np.abs(mesh.normals[:, 2]) > 0.5
    np.testing.assert_allclose(np.abs(mesh.normals[upright, 2]), 1.0, atol=1e-9)
    np.testing.assert_allclose(mesh.normals[~upright], radial[~upright], atol=1e-9)


def test_a_lathe_profile_must_have_two_columns_and_positive_radii():
    with pytest.raises(EscherNetError, match="profile"):
        lathe([(-0.1, 0), (0.1, 1)])
