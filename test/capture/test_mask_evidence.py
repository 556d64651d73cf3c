# SPDX-License-Identifier: Apache-2.0
"""The table is measured in the image itself, so a box that is millimetres off still has the object's mask."""

from __future__ import annotations

import numpy as np
import pytest

from eschernet_ros.capture import object_mask
from eschernet_ros.capture.mask_evidence import box_outline, gather_evidence
from eschernet_ros.geometry import SE3, look_at

EYE = (0.3, -0.1, 0.25)
CENTRE = (0.5, 0.0, 0.03)


def _pose(bench, error: SE3 | None = None) -> SE3:
    return bench.frame.base_from_object.inverse() @ look_at(EYE, CENTRE) @ (error or SE3.identity())


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.008), (0.0, 0.0, -0.008), (0.004, -0.004, 0.006)])
def test_a_shifted_camera_gives_the_same_mask(bench, realsense, shift) -> None:
    """The object's box is off by up to 8 mm in height; taking its bottom face for the table would cost as much."""
    shot = bench.shoot(look_at(EYE, CENTRE), realsense)
    true = object_mask(shot.depth, realsense, _pose(bench), bench.frame.size)
    error = bench.frame.base_from_object.inverse() @ SE3.from_rotvec([0, 0, 0], shift) @ bench.frame.base_from_object
    shifted = object_mask(shot.depth, realsense, error @ _pose(bench), bench.frame.size)
    assert (shifted & true).sum() / (shifted | true).sum() > 0.99


def test_a_tilted_camera_gives_the_same_mask(bench, realsense) -> None:
    """Two degrees of hand-eye error."""
    shot = bench.shoot(look_at(EYE, CENTRE), realsense)
    true = object_mask(shot.depth, realsense, _pose(bench), bench.frame.size)
    tilt = SE3.from_rotvec(np.radians([1.6, 1.2, 0.0]), [0.0, 0.0, 0.0])
    tilted = object_mask(shot.depth, realsense, tilt @ _pose(bench), bench.frame.size)
    assert (tilted & true).sum() / (tilted | true).sum() > 0.97


def test_the_margin_follows_the_noise(bench, realsense) -> None:
    shot = bench.shoot(look_at(EYE, CENTRE), realsense)
    rng = np.random.default_rng(1)
    margins = []
    for sigma in (0.0, 0.0008, 0.005):
        depth = shot.depth + rng.normal(0.0, sigma, shot.depth.shape).astype(np.float32)
        margins.append(gather_evidence(depth, realsense, _pose(bench), bench.frame.size).plane_margin)
    assert margins[0] == pytest.approx(0.001)
    assert 0.0012 < margins[1] < 0.003
    assert margins[2] == pytest.approx(0.005)


def test_without_a_table_the_bottom_face_counts(bench, realsense) -> None:
    """The object in the air: what is below its box is not taken for a table."""
    shot = bench.shoot(look_at(EYE, CENTRE), realsense)
    depth = np.where(shot.mask, shot.depth, 0.0).astype(np.float32)
    evidence = gather_evidence(depth, realsense, _pose(bench), bench.frame.size, plane_margin=0.002)
    assert evidence.plane_margin == pytest.approx(0.002)
    assert evidence.whole(evidence.object).sum() > 0.95 * shot.mask.sum()


def test_the_outline_holds_the_object(bench, realsense) -> None:
    shot = bench.shoot(look_at(EYE, CENTRE), realsense)
    assert not (shot.mask & ~box_outline(realsense, _pose(bench), bench.frame.size, 0.001)).any()
    assert shot.mask.sum() > 0.97 * box_outline(realsense, _pose(bench), bench.frame.size, 0.0).sum()


def test_the_outline_of_a_box_around_the_camera_is_the_whole_image(realsense) -> None:
    assert box_outline(realsense, SE3.identity(), (0.1, 0.1, 0.1), 0.0).all()
