# SPDX-License-Identifier: Apache-2.0
"""What a writer writes, its reader reads: poses, pixels, masks, intrinsics, scale and parts."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from made_posed_images import posed_images

from eschernet_ros.datasets import open_dataset
from eschernet_ros.datasets.dataset_writer import WriteOptions
from eschernet_ros.datasets.model_view import on_model_camera
from eschernet_ros.datasets.nerf_synthetic import FIRST_TEST_VIEW
from eschernet_ros.datasets.write_dataset import write_dataset
from eschernet_ros.geometry import SE3, PinholeCamera, model_camera

FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def poses(draw, count: int) -> list[SE3]:
    """Any cameras, a little away from the object."""
    numbers = st.floats(-3.0, 3.0, allow_subnormal=False)
    return [
        SE3.from_rotvec(draw(st.tuples(numbers, numbers, numbers)), (draw(numbers), draw(numbers), -1.5))
        for _ in range(count)
    ]


@st.composite
def cameras(draw, coefficients: int) -> PinholeCamera:
    """A pinhole of the images' size with up to so many distortion coefficients."""
    focal, shift = st.floats(10.0, 90.0), st.floats(-3.0, 3.0)
    distortion = draw(st.lists(st.floats(-0.2, 0.2), min_size=coefficients, max_size=coefficients))
    return PinholeCamera(
        14,
        10,
        draw(focal),
        draw(focal),
        6.5 + draw(shift),
        4.5 + draw(shift),
        tuple(distortion) if draw(st.booleans()) else (),
    )


def there_and_back(views, layout: str, options: WriteOptions | None = None, read_as: str | None = None):
    with tempfile.TemporaryDirectory() as folder:
        write_dataset([views], Path(folder) / views.name, layout, options)
        return open_dataset(Path(folder) / views.name, read_as).read(image_size=None)


def check(views, read, atol: float = 1e-9) -> None:
    np.testing.assert_allclose(read.camera_gl_from_world, views.camera_gl_from_world, atol=atol)
    np.testing.assert_array_equal(read.images, views.images)
    if views.masks is None:
        assert read.masks is None
    else:
        np.testing.assert_array_equal(read.masks, views.masks)
    assert (read.scale is None) == (views.scale is None)
    assert views.scale is None or read.scale == pytest.approx(views.scale, rel=1e-12)
    for back, camera in zip(read.cameras, views.cameras, strict=True):
        assert (back.width, back.height) == (camera.width, camera.height)
        for name in ("fx", "fy", "cx", "cy"):
            assert getattr(back, name) == pytest.approx(getattr(camera, name), abs=1e-9)
        padded = [(*c.distortion, *[0.0] * 8)[:8] for c in (back, camera)]
        assert padded[0] == padded[1]


@pytest.mark.parametrize(("layout", "coefficients"), [("nerfstudio", 5), ("colmap", 8), ("colmap-text", 5)])
@given(data=st.data(), masked=st.booleans(), scale=st.none() | st.floats(0.5, 20.0))
@FEW
def test_layouts_with_intrinsics_lose_nothing(layout: str, coefficients: int, data, masked: bool, scale: float | None):
    count = data.draw(st.integers(1, 3))
    own = [data.draw(cameras(coefficients)) for _ in range(count)]
    ids = data.draw(st.lists(st.integers(0, 99), min_size=count, max_size=count, unique=True).map(sorted))
    views = posed_images(data.draw(poses(count)), own, masked=masked, scale=scale, view_ids=tuple(ids))
    read = there_and_back(views, layout)
    assert read.layout == layout.removesuffix("-text")
    assert read.view_ids == views.view_ids
    check(views, read)


@given(data=st.data(), masked=st.booleans(), scale=st.none() | st.floats(0.5, 20.0), every=st.sampled_from([0, 2, 3]))
@FEW
def test_nerf_synthetic_loses_nothing_of_centred_pinholes(data, masked: bool, scale: float | None, every: int):
    camera = PinholeCamera(14, 10, focal := data.draw(st.floats(10.0, 90.0)), focal, 6.5, 4.5)
    views = posed_images(data.draw(poses(4)), camera, masked=masked, scale=scale)
    read = there_and_back(views, "nerf-synthetic", WriteOptions(test_every=every))
    test = list(views.view_ids[::every]) if every else []
    train = [view_id for view_id in views.view_ids if view_id not in test]
    order = views.positions([*train, *test])
    assert read.view_ids == (*range(len(train)), *(FIRST_TEST_VIEW + number for number in range(len(test))))
    assert {name: len(ids) for name, ids in read.subsets.items()} == {"train": len(train), "test": len(test)}
    expected = posed_images(
        [views.poses[row] for row in order],
        camera,
        scale=scale,
        images=views.images[order],
        masks=None if views.masks is None else views.masks[order],
    )
    check(expected, read)


@given(data=st.data(), scale=st.floats(0.5, 20.0))
@settings(parent=FEW, max_examples=3, phases=[Phase.generate])
def test_own_layout_loses_nothing_of_views_of_the_models_camera(data, scale: float):
    views = posed_images(data.draw(poses(2)), model_camera(16), scale=scale)
    check(views, there_and_back(views, "franka16"))


def test_parts_go_there_and_back():
    views = posed_images(4, model_camera(16), subsets={"train": (0, 3), "test": (1, 2)})
    read = there_and_back(views, "nerfstudio")
    assert read.subsets == {"train": (0, 3), "val": (1, 2), "test": (1, 2)}


def test_a_chain_of_conversions_ends_where_it_began():
    """Nerfstudio, COLMAP, own, NeRF Synthetic, COLMAP as text: what all of them can hold is the same at the end."""
    views = posed_images(3, model_camera(16), scale=4.0)
    read = views
    for layout in ("nerfstudio", "colmap", "franka16", "nerf-synthetic", "colmap-text"):
        read = there_and_back(read, layout)
    check(views, read)


def test_views_on_the_models_camera_show_the_same_points():
    """The camera stays in its place and is turned: a drawn dot moves to where the turned camera sees its point."""
    camera = PinholeCamera(96, 80, 90.0, 92.0, 46.0, 41.0, (0.08, -0.02, 0.001, -0.002))
    point = np.array([0.1, -0.15, 0.2])
    pose = SE3.from_rotvec([-0.2, 0.1, 0.3], [0.1, -0.05, -1.7])  # rolled, and aimed beside the object
    optical = np.diag([1.0, -1.0, -1.0])
    u, v = camera.project((pose @ point) @ optical)
    columns, rows = np.meshgrid(np.arange(96), np.arange(80))
    dot = np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * 1.5**2))
    image = np.repeat(np.rint(255 - 200 * dot)[..., None], 3, axis=2).astype(np.uint8)
    views = posed_images([pose], camera, masked=False, images=image[None])
    turned = on_model_camera(views, 64)
    assert turned.cameras == (model_camera(64),) and turned.masks is None
    np.testing.assert_allclose(turned.poses[0].inverse().translation, pose.inverse().translation, atol=1e-12)
    darkness = 255.0 - turned.images[0, ..., 0]
    seen = np.array([(darkness * axis).sum() for axis in np.meshgrid(np.arange(64), np.arange(64))]) / darkness.sum()
    np.testing.assert_allclose(seen, model_camera(64).project((turned.poses[0] @ point) @ optical), atol=0.1)
