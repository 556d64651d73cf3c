# SPDX-License-Identifier: Apache-2.0
"""Planes, boxes and depth views, each on its own."""

from __future__ import annotations

import numpy as np
import pytest
from box_scene import CAMERA, TABLE, Box, cameras_around, depth_of
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.localisation import depth_view, find_planes
from eschernet_ros.localisation.agreement import view_shifts
from eschernet_ros.localisation.box import upright_box
from eschernet_ros.localisation.plane import Plane, fit_plane

FLOOR = Plane(np.array([0.0, 0.0, 1.0]), 0.0, 0)


def _surface(size: tuple[float, float, float], count: int = 6000) -> np.ndarray:
    """Points [N, 3] on the sides and the top of a box standing at the origin."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (count, 3))
    face = rng.integers(0, 5, count)
    points[np.arange(count), np.array([0, 0, 1, 1, 2])[face]] = np.array([-0.5, 0.5, -0.5, 0.5, 0.5])[face]
    return points * size + (0.0, 0.0, size[2] / 2.0)


@settings(max_examples=25, deadline=None)
@given(
    long=st.floats(0.06, 0.2),
    ratio=st.floats(0.4, 0.9),
    tall=st.floats(0.03, 0.2),
    yaw=st.floats(-180.0, 180.0),
    x=st.floats(-0.5, 0.5),
    y=st.floats(-0.5, 0.5),
)
def test_a_box_is_found_at_any_turn(long: float, ratio: float, tall: float, yaw: float, x: float, y: float) -> None:
    pose = SE3.from_rotvec([0.0, 0.0, np.radians(yaw)], [x, y, 0.0])
    frame = upright_box(pose @ _surface((long, long * ratio, tall)), FLOOR)
    np.testing.assert_allclose(sorted(frame.size[:2]), sorted((long, long * ratio)), atol=0.002)
    assert frame.size[2] == pytest.approx(tall, abs=0.001)
    np.testing.assert_allclose(frame.base_from_object.translation, [x, y, tall / 2.0], atol=0.001)
    assert abs(np.degrees(frame.base_from_object.rotvec[2])) <= 45.01


def test_a_round_thing_with_a_handle_is_turned_to_its_handle() -> None:
    """The rectangle of least area around a mug lies diagonally: 10 % too short for the scale."""
    angle = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    height = np.linspace(0.0, 0.1, 30)
    cup = np.array([(0.048 * np.cos(a), 0.048 * np.sin(a), z) for a in angle for z in height])
    handle = np.array([(x, y, 0.05) for x in np.arange(0.045, 0.083, 0.001) for y in np.arange(-0.006, 0.006, 0.001)])
    for yaw in (0.0, 20.0, 70.0):
        pose = SE3.from_rotvec([0.0, 0.0, np.radians(yaw)], [0.4, 0.1, 0.0])
        frame = upright_box(pose @ np.concatenate([cup, handle]), FLOOR)
        assert max(frame.size) == pytest.approx(0.131, abs=0.003)
        assert min(frame.size[:2]) == pytest.approx(0.096, abs=0.003)


def test_strays_do_not_enlarge_the_box() -> None:
    points = _surface((0.1, 0.06, 0.08))
    strays = np.array([[0.2, 0.0, 0.05], [0.0, -0.15, 0.02], [0.0, 0.0, 0.3]])
    frame = upright_box(np.concatenate([points, strays]), FLOOR)
    np.testing.assert_allclose(sorted(frame.size), [0.06, 0.08, 0.1], atol=0.002)


def test_planes_are_found_by_size_also_a_small_one() -> None:
    scene = [TABLE, Box((0.45, 0.0, 0.0), (0.12, 0.12, 0.08))]
    views = [depth_view(depth_of(scene, pose, 0.0005), CAMERA, pose) for pose in cameras_around((0.45, 0.0, 0.05))]
    points = np.concatenate([view.points for view in views])
    planes = find_planes(points)
    heights = [plane.at(0.45, 0.0) for plane in planes[:2]]
    np.testing.assert_allclose(heights, [0.0, 0.08], atol=0.001)
    assert planes[0].inliers > planes[1].inliers
    assert [p.offset for p in find_planes(points)] == [p.offset for p in planes]


def test_a_fitted_plane_faces_up_and_ignores_what_is_off_it() -> None:
    rng = np.random.default_rng(2)
    flat = np.column_stack([rng.uniform(-0.2, 0.2, (500, 2)), rng.normal(0.3, 0.0005, 500)])
    off = np.column_stack([rng.uniform(-0.2, 0.2, (50, 2)), rng.uniform(0.31, 0.4, 50)])
    plane = fit_plane(np.concatenate([flat, off]))
    assert plane.normal[2] > 0.99999
    assert plane.at(0.0, 0.0) == pytest.approx(0.3, abs=0.0003)
    assert plane.tilt < 0.002


def test_points_on_depth_edges_and_beyond_the_range_are_left_out() -> None:
    pose = cameras_around((0.45, 0.0, 0.05), 1)[0]
    depth = depth_of([TABLE, Box((0.45, 0.0, 0.0), (0.05, 0.05, 0.1))], pose)
    depth[100, 100] = np.nan
    view = depth_view(depth, CAMERA, pose)
    assert 0 < len(view.points) < depth.size / 4
    assert np.isfinite(view.points).all()
    on_table = np.abs(view.points[:, 2]) < 1e-4
    local = np.abs(view.points[~on_table] - (0.45, 0.0, 0.05)) - (0.025, 0.025, 0.05)
    on_box = (np.abs(local) < 1e-4).any(axis=1) & (local < 1e-4).all(axis=1)
    assert (on_box | (view.points[~on_table][:, 2] < 0.0)).all()
    near = depth_view(depth, CAMERA, pose, max_range=0.3)
    distance = (pose.inverse() @ near.points)[:, 2]
    assert distance.max() <= 0.3
    assert view.noise.max() > view.noise.min() > 0.0


def test_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EscherNetError, match=r"uint16 \[240, 320\].*float metres"):
        depth_view(np.zeros((240, 320), np.uint16), CAMERA, SE3.identity())
    with pytest.raises(EscherNetError, match=r"float32 \[2, 2\], its camera 320x240"):
        depth_view(np.zeros((2, 2), np.float32), CAMERA, SE3.identity())
    with pytest.raises(EscherNetError, match=r"range must be positive, it is 0\.0 m"):
        depth_view(np.zeros((240, 320), np.float32), CAMERA, SE3.identity(), 0.0)


def test_a_shifted_view_is_told_from_the_others() -> None:
    """Sideways it shows; along the line of sight it is the object's shape."""
    points = _surface((0.1, 0.07, 0.08))
    cameras = cameras_around((0.0, 0.0, 0.04), 4)
    up = np.array([0.0, 0.0, 1.0])
    right = cameras[1].matrix[:3, 0]
    shifts = view_shifts([points, points + 0.006 * right, points, points], cameras, up)
    assert shifts[1] == pytest.approx(0.006, abs=0.001)
    away = np.cross(right, up)
    assert view_shifts([points, points + 0.006 * away, points, points], cameras, up)[1] < 0.001
    assert max(view_shifts([points] * 4, cameras, up)) < 1e-9
    assert np.isnan(view_shifts([points], cameras[:1], up)[0])
    assert np.isnan(view_shifts([points, points[:5]], cameras[:2], up)).all()
