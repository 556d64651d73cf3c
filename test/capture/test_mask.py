# SPDX-License-Identifier: Apache-2.0
"""The mask from depth is the object: no table, no holes, no specks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eschernet_ros.capture import object_mask
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera, look_at

EYES = [(0.3, -0.1, 0.25), (0.62, 0.17, 0.2), (0.5, -0.2, 0.08)]


def _mask(bench: Any, depth: np.ndarray, eye: tuple[float, ...], camera: PinholeCamera, **margins: float) -> np.ndarray:
    base_from_camera = look_at(eye, (0.5, 0.0, 0.03))
    object_from_camera = bench.frame.base_from_object.inverse() @ base_from_camera
    return object_mask(depth, camera, object_from_camera, bench.frame.size, **margins)


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("eye", EYES)
def test_exact_depth_gives_the_exact_mask_but_for_the_foot(bench, realsense, eye) -> None:
    shot = bench.shoot(look_at(eye, (0.5, 0.0, 0.03)), realsense)
    bare = _mask(bench, shot.depth, eye, realsense, plane_margin=1e-4)
    assert _iou(bare, shot.mask) > 0.995
    default = _mask(bench, shot.depth, eye, realsense)
    assert not (default & ~shot.mask).any()  # no table
    assert 0.90 < _iou(default, shot.mask) < 1.0  # 5 of 60 mm of the foot are given to the table


@pytest.mark.parametrize("eye", EYES)
def test_noisy_depth_stays_close(bench, realsense, eye) -> None:
    shot = bench.shoot(look_at(eye, (0.5, 0.0, 0.03)), realsense)
    noise = np.random.default_rng(0).normal(0.0, 0.0015, shot.depth.shape).astype(np.float32)
    assert _iou(_mask(bench, shot.depth + noise, eye, realsense), shot.mask) > 0.85


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_unmeasured_spots_inside_the_object_are_closed(bench, realsense, nothing) -> None:
    shot = bench.shoot(look_at(EYES[0], (0.5, 0.0, 0.03)), realsense)
    rows, columns = np.nonzero(shot.mask)
    row, column = int(rows.mean()), int(columns.mean())
    depth = shot.depth.copy()
    depth[row - 15 : row + 15, column - 20 : column + 20] = nothing
    np.testing.assert_array_equal(_mask(bench, depth, EYES[0], realsense), _mask(bench, shot.depth, EYES[0], realsense))


def test_a_thin_crack_does_not_keep_a_hole_open(bench, realsense) -> None:
    """An unmeasured line from the hole to the outside, one pixel wide, as along a depth edge."""
    shot = bench.shoot(look_at(EYES[0], (0.5, 0.0, 0.03)), realsense)
    rows, columns = np.nonzero(shot.mask)
    row, column = int(rows.mean()), int(columns.mean())
    depth = shot.depth.copy()
    depth[row - 10 : row + 10, column - 10 : column + 10] = 0.0
    depth[row, column:] = 0.0
    mask = _mask(bench, depth, EYES[0], realsense)
    assert mask[row - 10 : row + 10, column - 10 : column + 10].all()
    assert not (mask & ~shot.mask).any()


def test_measured_background_seen_through_the_object_stays_background(bench, realsense) -> None:
    """The handle of a cup: what is measured behind it is not filled in."""
    shot = bench.shoot(look_at(EYES[0], (0.5, 0.0, 0.03)), realsense)
    rows, columns = np.nonzero(shot.mask)
    window = np.s_[int(rows.mean()) - 10 : int(rows.mean()) + 10, int(columns.mean()) - 10 : int(columns.mean()) + 10]
    depth = shot.depth.copy()
    depth[window] = 1.5
    assert not _mask(bench, depth, EYES[0], realsense)[window].any()


def test_specks_are_removed(bench, realsense) -> None:
    shot = bench.shoot(look_at(EYES[0], (0.5, 0.0, 0.03)), realsense)
    clean = _mask(bench, shot.depth, EYES[0], realsense, margin=0.05)
    # flying pixels beside the object, within the enlarged box
    rows, columns = np.nonzero(clean)
    row, column = int(rows.mean()), int(columns.max()) + 12
    depth = shot.depth.copy()
    depth[row : row + 2, column : column + 2] = float(np.median(shot.depth[clean]))
    unfiltered = object_mask(
        depth[row : row + 2, column : column + 2],
        PinholeCamera(2, 2, realsense.fx, realsense.fy, realsense.cx - column, realsense.cy - row),
        bench.frame.base_from_object.inverse() @ look_at(EYES[0], (0.5, 0.0, 0.03)),
        bench.frame.size,
        margin=0.05,
    )
    assert unfiltered.any()  # the speck does lie in the box
    np.testing.assert_array_equal(_mask(bench, depth, EYES[0], realsense, margin=0.05), clean)


def test_a_table_without_object_gives_an_empty_mask(bench, realsense) -> None:
    pose = look_at(EYES[0], (0.5, 0.0, 0.03))
    rays = realsense.rays(realsense.pixel_grid()) @ pose.matrix[:3, :3].T
    table = (-pose.translation[2] / rays[..., 2]).astype(np.float32)
    assert not _mask(bench, np.where(table > 0, table, 0).astype(np.float32), EYES[0], realsense).any()
    assert not _mask(bench, np.zeros((480, 640), np.float32), EYES[0], realsense).any()


def test_distortion_is_taken_into_account(bench) -> None:
    camera = PinholeCamera(640, 480, 607.2, 606.8, 321.4, 247.9, (0.12, -0.25, 0.0006, -0.0004, 0.08))
    shot = bench.shoot(look_at(EYES[0], (0.5, 0.0, 0.03)), camera)
    assert _iou(_mask(bench, shot.depth, EYES[0], camera, plane_margin=1e-4), shot.mask) > 0.995


@pytest.mark.parametrize(
    ("depth", "size", "margins", "sentence"),
    [
        (np.zeros((240, 320), np.float32), (0.1, 0.1, 0.1), {}, r"shape \[240, 320\], its camera is 640x480.*aligned"),
        (np.zeros((480, 640), np.uint16), (0.1, 0.1, 0.1), {}, "uint16, float metres are needed.*divide by 1000"),
        (np.full((480, 640), 450.0), (0.1, 0.1, 0.1), {}, "median depth is 450 m.*millimetres"),
        (np.ones((480, 640)), (0.1, 0.0, 0.1), {}, "three positive side lengths"),
        (np.ones((480, 640)), (0.1, 0.1, 0.1), {"margin": -0.01}, "must not be negative, they are -0.01"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(realsense, depth, size, margins, sentence) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        object_mask(depth, realsense, SE3.identity(), size, **margins)
