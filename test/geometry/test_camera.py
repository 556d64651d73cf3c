# SPDX-License-Identifier: Apache-2.0
"""Pinhole cameras project and back-project, with and without distortion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PinholeCamera, model_camera

properties = settings(deadline=None, max_examples=50)
REALSENSE = PinholeCamera(640, 480, 607.2, 606.8, 321.4, 247.9, (0.12, -0.25, 0.0006, -0.0004, 0.08))
RATIONAL = PinholeCamera(640, 480, 500.0, 501.0, 319.0, 240.0, (0.5, 0.1, 1e-4, 2e-4, 0.02, 0.8, 0.2, 0.03))
PLAIN = PinholeCamera(640, 480, 607.2, 606.8, 321.4, 247.9)
cameras = st.sampled_from([REALSENSE, RATIONAL, PLAIN, model_camera()])


@properties
@given(cameras, st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.1, 5.0))
def test_projection_undoes_rays(camera: PinholeCamera, x: float, y: float, depth: float) -> None:
    pixel = np.array([x * (camera.width - 1), y * (camera.height - 1)])
    ray = camera.rays(pixel)
    assert ray[2] == 1.0
    np.testing.assert_allclose(camera.project(ray * depth), pixel, atol=1e-6)


@properties
@given(st.lists(st.tuples(*[st.floats(-0.4, 0.4)] * 2, st.floats(0.5, 3.0)), min_size=1, max_size=8))
def test_without_distortion_projection_is_the_camera_matrix(points: list[tuple[float, ...]]) -> None:
    homogeneous = np.array(points) @ PLAIN.matrix.T
    np.testing.assert_allclose(PLAIN.project(points), homogeneous[:, :2] / homogeneous[:, 2:], atol=1e-9)


def test_plumb_bob_distortion_by_its_formula() -> None:
    x, y, (k1, k2, p1, p2, k3) = 0.3, -0.2, REALSENSE.distortion
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    expected = (
        REALSENSE.fx * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + REALSENSE.cx,
        REALSENSE.fy * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y) + REALSENSE.cy,
    )
    np.testing.assert_allclose(REALSENSE.project([x * 2, y * 2, 2.0]), expected, atol=1e-9)


@pytest.mark.parametrize("camera", [PLAIN, REALSENSE])
def test_points_behind_the_camera_have_no_pixel(camera: PinholeCamera) -> None:
    pixels = camera.project([[[0.0, 0.0, 1.0], [0.1, 0.0, 0.0]], [[0.1, 0.1, -1.0], [0.0, 0.0, 2.0]]])
    assert pixels.shape == (2, 2, 2)
    assert np.isnan(pixels[[0, 1], [1, 0]]).all()
    np.testing.assert_allclose(pixels[[0, 1], [0, 1]], [[321.4, 247.9]] * 2)
    assert not camera.contains(pixels)[0, 1]


@pytest.mark.parametrize("size", [64, 256, 512])
def test_the_models_camera_has_its_field_of_view_at_every_size(size: int) -> None:
    camera = model_camera(size)
    border = camera.rays([[-0.5, camera.cy], [size - 0.5, camera.cy]])[:, 0]
    assert math.degrees(2 * math.atan(border[1])) == pytest.approx(49.13, abs=0.01)
    assert border[0] == pytest.approx(-border[1])
    assert (camera.fx, camera.cx) == pytest.approx((280 * size / 256, (size - 1) / 2))


@properties
@given(cameras, st.integers(1, 4), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_scaling_divides_pixels(camera: PinholeCamera, factor: int, x: float, y: float) -> None:
    coarse, fine = camera.project([x, y, 1.0]), camera.scaled(factor).project([x, y, 1.0])
    np.testing.assert_allclose(fine + 0.5, (coarse + 0.5) * factor, atol=1e-9)


def test_contains_reaches_to_the_outer_edge_of_the_border_pixels() -> None:
    camera = model_camera(8)
    inside = camera.contains([[-0.5, 0.0], [7.5, 7.5], [-0.51, 0.0], [0.0, 7.51], [math.nan, 0.0]])
    assert inside.tolist() == [True, True, False, False, False]


def test_the_pixel_grid_is_indexed_by_row_and_column() -> None:
    grid = PinholeCamera(5, 3, 1.0, 1.0, 2.0, 1.0).pixel_grid()
    assert grid.shape == (3, 5, 2)
    assert grid[2, 4].tolist() == [4.0, 2.0]


def test_from_matrix_takes_camera_info_as_it_comes() -> None:
    camera = PinholeCamera.from_matrix(np.arange(9) * 0 + REALSENSE.matrix.ravel(), 640, 480, REALSENSE.distortion)
    assert camera == REALSENSE
    assert PinholeCamera.from_matrix(PLAIN.matrix, 640, 480, (0.0,) * 5) == PLAIN


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: PinholeCamera(0, 480, 600, 600, 320, 240), "width must be a positive number of pixels"),
        (
            lambda: PinholeCamera(640, 480, 0, 600, 320, 240),
            "fx must be positive, it is 0.0 .*uncalibrated driver",
        ),
        (lambda: PinholeCamera(640, 480, 600, 600, math.nan, 240), "cx must be finite, it is nan"),
        (
            lambda: PinholeCamera(640, 480, 600, 600, 320, 240, (0.1,) * 3),
            "0, 4, 5, 8, 12, 14 finite numbers",
        ),
        (lambda: PinholeCamera.from_matrix(np.eye(4), 640, 480), "9 entries, this one has 16"),
        (lambda: PinholeCamera.from_matrix(PLAIN.matrix.T, 640, 480), "it is transposed"),
        (lambda: PinholeCamera.from_matrix(np.zeros(9), 640, 480), "the camera is not calibrated"),
        (lambda: PLAIN.project(np.zeros((2, 2))), r"points must have shape \[..., 3\], they have \[2, 2\]"),
        (lambda: PLAIN.rays(np.zeros(3)), r"pixels must have shape \[..., 2\]"),
    ],
)
def test_cameras_that_are_none_are_refused(make, sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        make()
