# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.objects import Part, assemble, box
from eschernet_ros.objects import textures as tx

RED, BLUE = (250, 10, 10), (10, 10, 250)


def test_checks_alternate_and_fill_the_image():
    image = tx.checks((40, 20), (RED, BLUE), 4, 2)
    assert image.shape == (20, 40, 3)
    assert tuple(image[5, 5]) == RED
    assert tuple(image[5, 15]) == tuple(image[15, 5]) == BLUE
    assert (image == RED).all(axis=-1).mean() == 0.5


def test_stripes_repeat_and_slant():
    image = tx.stripes((100, 50), (RED, BLUE), 5)
    np.testing.assert_array_equal(image, np.roll(image, 20, axis=1))
    np.testing.assert_array_equal(image[0], image[-1])
    slanted = tx.stripes((100, 50), (RED, BLUE), 5, slant=2.0)
    assert (slanted[0] != slanted[10]).any()


def test_noise_depends_on_the_seed_only_and_closes_around_the_object():
    first, again, other = (tx.noise((128, 64), (RED, BLUE), seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5
    value = first.astype(float)
    seam = np.abs(value[:, 0] - value[:, -1]).mean()
    inside = np.abs(np.diff(value, axis=1)).mean()
    assert seam < 2 * inside


def test_dots_do_not_touch_the_ground_between_them():
    image = tx.dots((200, 200), RED, (BLUE,), 12, 0)
    blue = (image == BLUE).all(axis=-1).mean()
    assert 0.02 < blue < 0.5
    np.testing.assert_array_equal(image, tx.dots((200, 200), RED, (BLUE,), 12, 0))


def test_a_glyph_is_symmetric_and_differs_by_seed():
    images = []
    for seed in (1, 2):
        image = tx.solid((100, 100), RED)
        tx.draw_glyph(image, (50, 50), 80, BLUE, seed)
        images.append(image)
        ink = (image == BLUE).all(axis=-1)
        assert 0.05 < ink.mean() < 0.64
        mirrored = np.flip(ink[:, 10:90], axis=1)
        assert (mirrored == ink[:, 10:90]).mean() > 0.95
    assert (images[0] != images[1]).any()


def test_text_is_as_wide_as_asked_for():
    image = tx.solid((300, 100), RED)
    tx.draw_text(image, tx.word(5), (150, 50), 200, BLUE)
    columns = np.flatnonzero((image != RED).any(axis=(0, 2)))
    assert columns[-1] - columns[0] == pytest.approx(200, abs=16)
    assert tx.word(5) == tx.word(5) != tx.word(6)


def test_parts_keep_their_own_colours_in_the_common_texture():
    faces = box((0.1, 0.1, 0.1))
    colours = {side: (30 * i + 40, 200 - 30 * i, 90) for i, side in enumerate(faces)}
    mesh = assemble(
        "cube", [Part(faces[side], tx.solid((20 + 5 * i, 30), colours[side])) for i, side in enumerate(faces)]
    )
    high, wide = mesh.texture.shape[:2]
    for i, side in enumerate(faces):
        uv = mesh.uv[4 * i : 4 * i + 4]
        for point in (*uv, uv.mean(axis=0)):
            pixel = mesh.texture[int((1 - point[1]) * high), int(point[0] * wide)]
            assert tuple(pixel) == colours[side], side


def test_an_object_without_parts_is_refused():
    with pytest.raises(EscherNetError, match="no parts"):
        assemble("nothing", [])
