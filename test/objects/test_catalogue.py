# SPDX-License-Identifier: Apache-2.0
import dataclasses
import pickle

import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.objects import CATALOGUE, FAMILIES, bench_object

NAMES = tuple(CATALOGUE)


@pytest.mark.parametrize("name", NAMES)
def test_bench_objects_are_closed_household_sized_and_centred(name):
    mesh = bench_object(name)
    assert mesh.is_closed()
    assert mesh.volume() > 0
    assert 0.10 <= mesh.longest_side <= 0.22
    assert min(mesh.size) > 0.04
    np.testing.assert_allclose(mesh.vertices.min(axis=0), -mesh.vertices.max(axis=0), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-9)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_family_gives_the_same_object_for_a_seed_and_another_for_another(name):
    one, again, other = (FAMILIES[name](seed) for seed in (11, 11, 12))
    np.testing.assert_array_equal(one.vertices, again.vertices)
    np.testing.assert_array_equal(one.texture, again.texture)
    assert other.is_closed()
    assert abs(other.volume() / one.volume() - 1) > 1e-3
    assert other.texture.shape != one.texture.shape or (other.texture != one.texture).mean() > 0.1


def test_there_are_at_least_six_objects_of_different_proportions():
    assert len(NAMES) >= 6
    shapes = np.array([np.array(bench_object(n).size) / bench_object(n).longest_side for n in NAMES])
    gaps = np.abs(shapes[:, None] - shapes[None]).max(axis=-1) + np.eye(len(NAMES))
    assert gaps.min() > 0.04


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(EscherNetError, match=r"'spoon'.*mug.*duck"):
        bench_object("spoon")


def test_a_mesh_can_be_sent_to_another_process():
    mesh = bench_object("duck")
    copy = pickle.loads(pickle.dumps(mesh))
    np.testing.assert_array_equal(copy.faces, mesh.faces)
    assert copy.size == mesh.size


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"faces": np.full((4, 3), 10**6, np.int32)}, "face indices"),
        ({"vertices": np.ones((4, 2))}, "vertices must be"),
        ({"uv": np.zeros((3, 2))}, "uv must be"),
        ({"texture": np.zeros((4, 4), np.uint8)}, "texture must be"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, sentence):
    with pytest.raises(EscherNetError, match=sentence):
        dataclasses.replace(bench_object("mug"), **change)


def test_an_object_off_its_centre_is_refused():
    mesh = bench_object("mug")
    with pytest.raises(EscherNetError, match="not at the origin"):
        dataclasses.replace(mesh, vertices=mesh.vertices + np.array([0, 0, 0.01]))
