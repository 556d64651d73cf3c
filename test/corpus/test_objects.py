# SPDX-License-Identifier: Apache-2.0
"""The corpus objects: the same for the same seed, of all kinds, with visibly different sides."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from eschernet_ros.corpus.draft import revolve
from eschernet_ros.corpus.procedural import KINDS, procedural_object
from eschernet_ros.errors import EscherNetError
from eschernet_ros.objects.assemble import Part, assemble
from eschernet_ros.objects.shapes import extrusion


@pytest.fixture(scope="module")
def objects():
    return [procedural_object(seed) for seed in range(150)]


@pytest.mark.parametrize("seed", [0, 17, 123456])
def test_a_seed_is_one_object(seed):
    first, second = procedural_object(seed), procedural_object(seed)
    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.faces, second.faces)
    np.testing.assert_array_equal(first.texture, second.texture)
    other = procedural_object(seed + 1)
    assert other.vertices.shape != first.vertices.shape or not np.array_equal(other.vertices, first.vertices)


def test_every_kind_is_drawn(objects):
    counts = Counter(mesh.name.split("_")[0] for mesh in objects)
    assert set(counts) == set(KINDS)
    assert max(counts.values()) < 0.4 * len(objects)


def test_meshes_are_sound(objects):
    for mesh in objects:
        assert mesh.longest_side == pytest.approx(1.0), mesh.name
        assert min(mesh.size) > 0.08, f"{mesh.name} is thin: {mesh.size}"
        assert len(mesh.faces) < 8000, mesh.name
        assert np.isfinite(mesh.normals).all(), mesh.name
        assert mesh.volume() > 0.0, f"{mesh.name} is inside out"
        assert max(mesh.texture.shape) <= 2048, mesh.name


def test_colours_and_proportions_vary(objects):
    means = np.array([mesh.texture[mesh.texture.any(axis=2)].mean(axis=0) for mesh in objects])
    assert (means.std(axis=0) > 25).all()
    heights = np.array([mesh.size[2] for mesh in objects])
    assert (heights < 0.5).sum() > 10
    assert (heights > 0.99).sum() > 30


def test_a_negative_seed_is_explained():
    with pytest.raises(EscherNetError, match="-1"):
        procedural_object(-1)


def test_the_bench_families_have_no_part_in_it():
    """Those make the held-out objects; another interpreter shows what the corpus needs by itself."""
    code = (
        "import sys, types; sys.modules['eschernet_ros.objects.families'] = None;"
        "package = types.ModuleType('eschernet_ros.objects');"
        "import eschernet_ros; package.__path__ = [eschernet_ros.__path__[0] + '/objects'];"
        "sys.modules['eschernet_ros.objects'] = package;"
        "from eschernet_ros.corpus.procedural import procedural_object;"
        "print(*{procedural_object(seed).name.split('_')[0] for seed in range(60)})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 5


def test_an_extrusion_is_closed_and_its_pictures_are_not_mirrored():
    outline = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.0), (0.0, 0.0), (0.0, 0.5), (-0.5, 0.5)])
    parts = extrusion(outline, 0.4, (-0.25, -0.25))
    image = np.zeros((8, 8, 3), np.uint8)
    mesh = assemble("L", [Part(surface, image) for surface in parts.values()])
    assert mesh.is_closed()
    assert mesh.volume() == pytest.approx(0.75 * 0.4)
    for name, surface in parts.items():
        corner, uv = surface.vertices[surface.faces], surface.uv[surface.faces]
        one, two = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
        area = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
        assert (area > 0).all(), f"{name} is mirrored"
        assert np.ptp(corner.reshape(-1, 3), axis=0).max() > 0


def test_an_extrusion_that_its_kernel_does_not_see_is_refused():
    with pytest.raises(EscherNetError, match="kernel"):
        extrusion([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.0), (0.0, 0.0), (0.0, 0.5), (-0.5, 0.5)], 0.4, (0.4, 0.4))
    with pytest.raises(EscherNetError, match="polygon"):
        extrusion([(0.0, 0.0), (1.0, 0.0)], 0.4)


def test_a_turned_profile_is_cut_at_its_corners():
    pieces = revolve([(0, 0), (0.5, 0), (0.5, 1), (0, 1)], 24)
    assert len(pieces) == 3
    seams = sorted({round(float(v), 6) for piece in pieces for v in piece.uv[:, 1]})
    assert seams == [0.0, 0.25, 0.75, 1.0]
