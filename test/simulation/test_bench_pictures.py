# SPDX-License-Identifier: Apache-2.0
import threading

import cv2
import numpy as np
import pytest
from scipy.spatial import cKDTree

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PinholeCamera
from eschernet_ros.simulation import BenchConfig, GraphicsError, RenderProcess, SimulatedBench, graphics


def points_in_base(bench, q, depth, where):
    """Back-project the pixels in ``where``."""
    rows, columns = np.nonzero(where)
    rays = bench.camera.rays(np.stack([columns, rows], -1).astype(float))
    return bench.base_from_camera_optical(q) @ (rays * depth[rows, columns, None].astype(float))


def surface_samples(bench, count=400_000):
    """Points spread evenly on the object's surface, in the object frame."""
    mesh, rng = bench.mesh, np.random.default_rng(0)
    area = np.linalg.norm(mesh.face_normals, axis=1)
    face = mesh.faces[rng.choice(len(area), count, p=area / area.sum())]
    a, b = np.sort(rng.random((2, count)), axis=0)
    weights = np.stack([a, b - a, 1 - b], -1)
    return np.einsum("ni,nij->nj", weights, mesh.vertices[face])


def silhouette(bench, q, finer=1):
    """The mask that the projected triangles cover, on a grid ``finer`` times as fine as the image."""
    points = bench.base_from_camera_optical(q).inverse() @ (bench.base_from_object @ bench.mesh.vertices)
    pixels = (bench.camera.project(points) + 0.5) * finer - 0.5
    image = np.zeros((bench.camera.height * finer, bench.camera.width * finer), np.uint8)
    for face in bench.mesh.faces:
        cv2.fillConvexPoly(image, np.round(pixels[face] * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    return image.astype(bool)


@pytest.mark.parametrize("which", ["mug", "house"])
def test_depth_lies_on_the_surface_of_the_object(which, request):
    bench, views = request.getfixturevalue(f"{which}_bench"), request.getfixturevalue(f"{which}_views")
    samples = surface_samples(bench)
    tree = cKDTree(samples)
    for view in (views[0], views[len(views) // 2]):
        frame = bench.render(view.q)
        assert frame.mask.sum() > 5000
        points = points_in_base(bench, view.q, frame.depth, frame.mask)
        distance, _ = tree.query(bench.base_from_object.inverse() @ points)
        assert np.quantile(distance, 0.99) < 0.001
        assert distance.max() < 0.002  # the samples themselves are about half a millimetre apart


@pytest.mark.parametrize("which", ["mug", "house"])
def test_the_mask_is_the_silhouette_of_the_projected_mesh(which, request):
    bench, views = request.getfixturevalue(f"{which}_bench"), request.getfixturevalue(f"{which}_views")
    for view in (views[1], views[-1]):
        mask, drawn = bench.render_mask(view.q), silhouette(bench, view.q)
        overlap = (mask & drawn).sum() / (mask | drawn).sum()
        assert overlap > 0.985
        band = cv2.dilate(drawn.astype(np.uint8), np.ones((3, 3))) > 0
        core = cv2.erode(drawn.astype(np.uint8), np.ones((3, 3))) > 0
        assert not (mask & ~band).any()
        assert (core & ~mask).sum() <= 3  # the foot shares its plane with the turntable


def test_neither_arm_nor_hand_hides_the_object(mug_bench, mug_views):
    for view in mug_views[::5]:
        visible = mug_bench.render_mask(view.q).sum() / silhouette(mug_bench, view.q).sum()
        assert visible > 0.97  # the drawn silhouette is half a pixel wider all around


def test_the_principal_point_and_the_focal_length_are_rendered():
    camera = PinholeCamera(width=400, height=300, fx=350.0, fy=380.0, cx=230.0, cy=120.0)
    with SimulatedBench("mug", BenchConfig(camera=camera)) as bench:
        mask, drawn = bench.render_mask(bench.home), silhouette(bench, bench.home, finer=8)
    centre = np.array([axis.mean() for axis in np.nonzero(mask)])
    expected = (np.array([axis.mean() for axis in np.nonzero(drawn)]) + 0.5) / 8 - 0.5
    np.testing.assert_allclose(centre, expected, atol=0.08)
    assert mask.sum() == pytest.approx(drawn.sum() / 64, rel=0.01)


def test_two_viewpoints_agree_about_depth(mug_bench, mug_views):
    first = mug_views[0]
    near = min(
        mug_views[1:],
        key=lambda v: first.base_from_camera_optical.distance_to(v.base_from_camera_optical)[0],
    )
    depth = mug_bench.render_depth(first.q)
    frame = mug_bench.render(near.q)
    points = points_in_base(mug_bench, first.q, depth, mug_bench.render_mask(first.q))
    seen = mug_bench.base_from_camera_optical(near.q).inverse() @ points
    pixels = np.round(mug_bench.camera.project(seen)).astype(int)
    inside = mug_bench.camera.contains(pixels)
    columns, rows = pixels[inside].T
    difference = seen[inside, 2] - frame.depth[rows, columns]
    assert (difference > -0.002).mean() > 0.98  # what the first sees may be hidden in the second, never nearer
    visible = np.abs(difference) < 0.01
    assert visible.mean() > 0.5
    assert np.median(np.abs(difference[visible])) < 5e-4


def test_the_table_lies_at_height_zero(house_bench, house_views):
    frame = house_bench.render(house_views[0].q)
    points = points_in_base(house_bench, house_views[0].q, frame.depth, (frame.depth > 0) & ~frame.mask)
    away = np.linalg.norm(points[:, :2] - house_bench.config.object_xy, axis=1) > 0.12
    off_the_arm = np.linalg.norm(points[:, :2], axis=1) > 0.15
    table = points[away & off_the_arm & (np.abs(points[:, 2]) < 0.03)]
    assert len(table) > 10_000
    assert np.quantile(np.abs(table[:, 2]), 0.98) < 1e-4  # the rest is the edge of the table


def test_opposite_sides_look_different(house_bench, house_views):
    by_azimuth = {(v.azimuth_deg, v.elevation_deg): v for v in house_views}
    front, back = by_azimuth[(0.0, 20.0)], by_azimuth[(-180.0, 20.0)]
    colours = []
    for view in (front, back):
        frame = house_bench.render(view.q)
        colours.append(frame.colour[frame.mask].mean(axis=0))
    assert np.abs(colours[0] - colours[1]).max() > 30


def test_single_streams_equal_the_full_frame(mug_bench):
    frame = mug_bench.render(mug_bench.home)
    np.testing.assert_array_equal(mug_bench.render_colour(mug_bench.home), frame.colour)
    np.testing.assert_array_equal(mug_bench.render_depth(mug_bench.home), frame.depth)
    np.testing.assert_array_equal(mug_bench.render_mask(mug_bench.home), frame.mask)
    assert frame.colour.shape == (480, 640, 3)
    assert (frame.depth.dtype, frame.mask.dtype) == (np.float32, np.bool_)


def test_the_overview_shows_the_arm_move():
    with SimulatedBench("duck", BenchConfig(overview_size=(160, 120))) as bench:
        home = bench.render_overview(bench.home)
        turned = bench.render_overview(bench.home + np.eye(7)[0] * 0.5)
    assert home.shape == (120, 160, 3)
    changed = (np.abs(home.astype(int) - turned).max(axis=-1) > 20).mean()
    assert 0.01 < changed < 0.5


def test_another_thread_may_not_render(mug_bench):
    mug_bench.render_mask(mug_bench.home)
    caught = []

    def work():
        try:
            mug_bench.render_colour(mug_bench.home)
        except GraphicsError as error:
            caught.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert "belongs to the thread" in caught[0]


def test_a_render_process_draws_the_same(mug_bench):
    with RenderProcess("mug") as remote:
        q = mug_bench.home
        here, there = mug_bench.render(q), remote.render(q)
        for name in ("colour", "depth", "mask"):
            np.testing.assert_array_equal(getattr(there, name), getattr(here, name))
        np.testing.assert_array_equal(remote.render_mask(q), here.mask)
        np.testing.assert_array_equal(remote.render_depth(q), here.depth)
        np.testing.assert_array_equal(remote.render_colour(q), here.colour)
        with pytest.raises(EscherNetError, match="7 joints"):
            remote.render([0.0])
        assert remote.render_overview(q).shape == (720, 960, 3)
    with pytest.raises(GraphicsError, match="closed"):
        remote.render(q)


def test_a_render_process_passes_on_why_it_cannot_start():
    with pytest.raises(EscherNetError, match="no bench object 'spoon'"):
        RenderProcess("spoon")


def test_a_machine_without_opengl_is_told_the_packages(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(graphics, "_egl_works", lambda: False)
    monkeypatch.setattr(graphics, "_osmesa_works", lambda: True)
    assert graphics.choose_backend() == "osmesa"
    monkeypatch.setattr(graphics, "_osmesa_works", lambda: False)
    with pytest.raises(GraphicsError, match=r"libegl1 libgl1 libgl1-mesa-dri .*libosmesa6"):
        graphics.choose_backend()
    monkeypatch.setenv("MUJOCO_GL", "egl")
    assert graphics.choose_backend() == "egl"


def test_lens_distortion_is_refused():
    bent = PinholeCamera(640, 480, 600.0, 600.0, 320.0, 240.0, (0.1, 0.0, 0.0, 0.0, 0.0))
    with pytest.raises(EscherNetError, match="without distortion"):
        BenchConfig(camera=bent)
