# SPDX-License-Identifier: Apache-2.0
"""A view carries the pose of its own exposure, the model's camera, and every reason to doubt it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from eschernet_ros.capture import (
    NS_PER_S,
    PoseBuffer,
    PosedView,
    PoseTooNew,
    ViewAssembler,
    mid_exposure_ns,
    object_mask,
)
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import (
    SE3,
    PinholeCamera,
    aim_deviation,
    look_at,
    look_at_origin,
    model_camera,
    resample,
    spherical_from_pose,
)

MS = 1_000_000
HAND_EYE = SE3.from_rotvec([0.0, 0.01, math.pi / 2], [0.05, -0.03, 0.04])
STAMP = 20 * NS_PER_S


def _standing(base_from_camera: SE3) -> PoseBuffer:
    """An arm that holds the camera still around `STAMP`."""
    poses = PoseBuffer()
    for offset in (-10 * MS, 10 * MS):
        poses.add(STAMP + offset, base_from_camera @ HAND_EYE.inverse())
    return poses


def _camera_at(bench: Any, azimuth: float = 0.3, polar: float = 1.0, standoff: float = 2.0) -> SE3:
    return bench.frame.denormalise(look_at_origin(azimuth, polar, standoff))


def _view(bench: Any, camera: PinholeCamera, pose: SE3, **options: Any) -> PosedView:
    shot = bench.shoot(pose, camera)
    exact = options.pop("exact_mask", True)
    assembler = ViewAssembler(ee_from_camera_optical=HAND_EYE, object_frame=bench.frame, **options)
    mask = shot.mask if exact else None
    return assembler.assemble(shot.colour, shot.depth, mask, camera, STAMP, _standing(pose), index=7)


def test_a_good_view_has_no_warnings_and_says_where_it_was_taken(bench, realsense) -> None:
    pose = _camera_at(bench)
    view = _view(bench, realsense, pose)
    assert view.warnings == ()
    assert view.index == 7
    assert view.base_from_camera_optical.is_close(pose, atol=1e-12)
    assert view.camera_gl_from_object.is_close(look_at_origin(0.3, 1.0, 2.0), atol=1e-9)
    assert view.standoff == pytest.approx(2.0)
    assert view.camera == model_camera() and view.source_camera == realsense
    assert (view.stamp_ns, view.image_stamp_ns) == (STAMP, STAMP)


def test_the_image_is_what_the_models_camera_would_have_seen(bench, realsense) -> None:
    pose = _camera_at(bench)
    view = _view(bench, realsense, pose, image_size=128)
    direct = bench.shoot(pose, model_camera(128))
    assert view.image.shape == (128, 128, 3) and view.mask.shape == (128, 128)
    disagree = view.mask != direct.mask
    assert disagree.sum() < 0.02 * direct.mask.sum()
    assert (view.image[..., 0] >= 199).all()  # red object on white: no blue table anywhere
    both = view.mask & direct.mask
    assert np.abs(view.image[both].astype(int) - direct.colour[both]).mean() < 6.0


def test_the_pose_is_that_of_mid_exposure_on_a_moving_arm(bench, realsense) -> None:
    """The arm moves at 0.2 m/s: half of a 20 ms exposure is 2 mm, which matching by arrival would miss."""
    start, velocity = _camera_at(bench), np.array([0.0, 0.2, 0.0])

    def at(stamp_ns: int) -> SE3:
        return SE3.from_rotvec([0, 0, 0], velocity * (stamp_ns - STAMP) / NS_PER_S) @ start

    poses = PoseBuffer()
    for i in range(-40, 40):
        stamp = STAMP + i * 5 * MS + 1_234_567
        poses.add(stamp, at(stamp) @ HAND_EYE.inverse())
    shot = bench.shoot(at(STAMP - 10 * MS + 3 * MS), realsense)
    assembler = ViewAssembler(
        ee_from_camera_optical=HAND_EYE, object_frame=bench.frame, exposure_s=0.010, time_offset_s=0.003
    )
    view = assembler.assemble(shot.colour, None, shot.mask, realsense, STAMP, poses, 0, exposure_s=0.020)
    assert view.stamp_ns == STAMP - 10 * MS + 3 * MS
    assert view.image_stamp_ns == STAMP
    assert view.base_from_camera_optical.is_close(at(view.stamp_ns), atol=1e-9)
    assert view.pose_sample.linear_speed == pytest.approx(0.2)
    default = assembler.assemble(shot.colour, None, shot.mask, realsense, STAMP, poses, 0)
    assert default.stamp_ns == STAMP - 5 * MS + 3 * MS == assembler.mid_exposure_ns(STAMP)


def test_mid_exposure_is_half_the_exposure_before_the_stamp() -> None:
    assert mid_exposure_ns(STAMP, 0.0333) == STAMP - 16_650_000
    assert mid_exposure_ns(STAMP, 0.0, time_offset_s=-0.002) == STAMP - 2 * MS


def test_without_a_mask_depth_makes_it(bench, realsense) -> None:
    pose = _camera_at(bench)
    view = _view(bench, realsense, pose, exact_mask=False, plane_margin=0.002)
    shot = bench.shoot(pose, realsense)
    object_from_camera = bench.frame.base_from_object.inverse() @ pose
    mask = object_mask(shot.depth, realsense, object_from_camera, bench.frame.size, plane_margin=0.002)
    expected = resample(shot.colour, realsense, model_camera(), mask)
    np.testing.assert_array_equal(view.image, expected.image)
    np.testing.assert_array_equal(view.mask, expected.mask)
    assert view.warnings == ()


def test_an_exact_mask_goes_before_depth(bench, realsense) -> None:
    pose = _camera_at(bench)
    shot = bench.shoot(pose, realsense)
    assembler = ViewAssembler(ee_from_camera_optical=HAND_EYE, object_frame=bench.frame)
    lying = np.full_like(shot.depth, 5.0)
    view = assembler.assemble(shot.colour, lying, shot.mask, realsense, STAMP, _standing(pose), 0)
    np.testing.assert_array_equal(view.mask, resample(shot.colour, realsense, model_camera(), shot.mask).mask)


def test_with_neither_mask_nor_depth_everything_is_foreground_and_said_so(bench, realsense) -> None:
    pose = _camera_at(bench)
    shot = bench.shoot(pose, realsense)
    assembler = ViewAssembler(ee_from_camera_optical=HAND_EYE, object_frame=bench.frame)
    view = assembler.assemble(shot.colour, None, None, realsense, STAMP, _standing(pose), 0)
    assert view.warnings == ("there is neither a mask nor depth: the background is taken for the object",)
    assert view.mask[25:230].all()


@pytest.mark.parametrize(
    ("standoff", "sentence"),
    [
        (1.2, r"standoff is 1.20 longest sides, outside the trained 1.5 to 2.2.*0.18 to 0.26 m"),
        (3.0, r"standoff is 3.00 longest sides"),
    ],
)
def test_a_standoff_outside_training_is_named(bench, realsense, standoff, sentence) -> None:
    warnings = " ".join(_view(bench, realsense, _camera_at(bench, standoff=standoff)).warnings)
    with pytest.raises(ValueError, match=sentence):
        raise ValueError(warnings)


def test_an_empty_mask_is_named(bench, realsense) -> None:
    pose = _camera_at(bench)
    shot = bench.shoot(pose, realsense)
    assembler = ViewAssembler(ee_from_camera_optical=HAND_EYE, object_frame=bench.frame)
    nothing = np.zeros_like(shot.mask)
    view = assembler.assemble(shot.colour, None, nothing, realsense, STAMP, _standing(pose), 0)
    assert len(view.warnings) == 1
    assert "the mask is empty" in view.warnings[0]
    assert (view.image == 255).all()


def test_an_object_at_the_border_is_named_with_the_side(bench, realsense) -> None:
    centred = _camera_at(bench)
    aside = centred @ SE3.from_rotvec([0.0, math.radians(24.0), 0.0], [0.0, 0.0, 0.0])  # looks to the right
    warnings = _view(bench, realsense, aside).warnings
    assert any("mask touches the left border of the camera's image" in warning for warning in warnings)
    assert any("mask touches the left border of the model's image" in warning for warning in warnings)
    assert any("of the object's volume lies outside the camera's image" in warning for warning in warnings)
    assert any("looks 24 deg past the object's centre" in warning for warning in warnings)


def test_roll_is_named(bench, realsense) -> None:
    rolled = _camera_at(bench) @ SE3.from_rotvec([0.0, 0.0, math.radians(90.0)], [0.0, 0.0, 0.0])
    warnings = _view(bench, realsense, rolled).warnings
    assert len(warnings) == 1
    assert "the camera is rolled by 90 deg" in warnings[0]


def test_aiming_removes_roll_and_offset_without_moving_the_camera(bench, realsense) -> None:
    turn = SE3.from_rotvec([0.0, 0.0, math.radians(80.0)], [0.0, 0.0, 0.0])
    aside = _camera_at(bench) @ SE3.from_rotvec([0.05, 0.10, 0.0], [0.0, 0.0, 0.0]) @ turn
    view = _view(bench, realsense, aside, aim_at_object=True)
    assert view.warnings == ()
    np.testing.assert_allclose(view.base_from_camera_optical.translation, aside.translation, atol=1e-12)
    deviation = aim_deviation(view.camera_gl_from_object)
    assert deviation == pytest.approx((0.0, 0.0), abs=1e-7)
    assert spherical_from_pose(view.camera_gl_from_object) == pytest.approx((0.3, 1.0, 2.0))
    direct = bench.shoot(view.base_from_camera_optical, model_camera())
    assert (view.mask != direct.mask).sum() < 0.02 * direct.mask.sum()
    both = view.mask & direct.mask
    assert np.abs(view.image[both].astype(int) - direct.colour[both]).mean() < 6.0


def test_a_wide_gap_in_the_poses_is_named_and_a_wider_one_refused(bench, realsense) -> None:
    pose = _camera_at(bench)
    view = _view(bench, realsense, pose, warn_gap_s=0.01)
    assert len(view.warnings) == 1
    assert "20.0 ms apart (over 10.0 ms) while the arm moved at 0.000 m/s" in view.warnings[0]
    with pytest.raises(EscherNetError, match=r"20.0 ms apart, more than the 15.0 ms allowed"):
        _view(bench, realsense, pose, max_gap_s=0.015)


def test_a_frame_before_its_pose_is_refused_so_that_the_caller_can_wait(bench, realsense) -> None:
    pose = _camera_at(bench)
    shot = bench.shoot(pose, realsense)
    assembler = ViewAssembler(ee_from_camera_optical=HAND_EYE, object_frame=bench.frame)
    with pytest.raises(PoseTooNew, match=r"10.0 ms after the newest pose"):
        assembler.assemble(shot.colour, None, shot.mask, realsense, STAMP + 20 * MS, _standing(pose), index=0)


def test_a_base_looking_down_on_the_object_is_a_view_too(bench, realsense) -> None:
    above = look_at((0.5, 0.0, 0.03 + 2.0 * 0.12), (0.5, 0.0, 0.03), up=(0.0, 1.0, 0.0))
    view = _view(bench, realsense, above, aim_at_object=True)
    assert view.warnings == ()
    assert spherical_from_pose(view.camera_gl_from_object).polar == pytest.approx(0.0, abs=1e-6)


def test_mistakes_are_named(bench, realsense) -> None:
    assembler = ViewAssembler(ee_from_camera_optical=HAND_EYE, object_frame=bench.frame)
    colour = np.zeros((480, 640, 3), np.uint8)
    with pytest.raises(EscherNetError, match="index must not be negative, it is -1"):
        assembler.assemble(colour, None, None, realsense, STAMP, _standing(_camera_at(bench)), -1)
    with pytest.raises(EscherNetError, match=r"exposure must lie in 0..1 s, it is 8333.*microseconds"):
        assembler.assemble(colour, None, None, realsense, STAMP, PoseBuffer(), 0, exposure_s=8333.0)
    with pytest.raises(EscherNetError, match="exposure must lie in"):
        replace(assembler, exposure_s=-0.1)
    with pytest.raises(EscherNetError, match="warn_gap_s must be positive, it is 0"):
        replace(assembler, warn_gap_s=0.0)
    with pytest.raises(EscherNetError, match="time_offset_s must be finite, it is nan"):
        replace(assembler, time_offset_s=math.nan)


def test_the_error_estimate_is_named_when_it_is_large(bench, realsense) -> None:
    """On a moving arm the bound grows with the stamps' uncertainty, and says how fast, how far and what to do."""
    start = _camera_at(bench)
    poses = PoseBuffer()
    for i in range(-10, 10):
        moved = SE3.from_rotvec([0, 0, 0], [0.0, 0.3 * i * 0.01, 0.0]) @ start
        poses.add(STAMP + i * 10 * MS + 3 * MS, moved @ HAND_EYE.inverse())
    shot = bench.shoot(start, realsense)
    assembler = ViewAssembler(ee_from_camera_optical=HAND_EYE, object_frame=bench.frame, exposure_s=0.004)
    good = assembler.assemble(shot.colour, None, shot.mask, realsense, STAMP, poses, 0)
    assert good.warnings == ()
    assert good.pose_error.camera_speed == pytest.approx(0.3)
    assert good.pose_error.position_m == pytest.approx(0.3 * 0.001)
    assert good.pose_error.motion_blur_px == pytest.approx(4.0 * good.pose_error.pixels, rel=1e-3)
    assert (good.exposure_s, good.exposure_source) == (0.004, "parameter")
    careful = replace(assembler, time_uncertainty_s=0.01)
    bad = careful.assemble(shot.colour, None, shot.mask, realsense, STAMP, poses, 0, exposure_s=0.004)
    assert bad.exposure_source == "metadata"
    (warning,) = bad.warnings
    assert f"may be off by {bad.pose_error.pixels:.1f} px at the object (over 2 px; 3.00 mm, 0.00 deg)" in warning
    assert "the camera moved at 0.300 m/s, poses are 10.0 ms apart and stamps are good to 10 ms" in warning


def test_scores_are_measured_on_the_source_image(bench, realsense) -> None:
    """Inside the mask where one is given; depth is expected all over the mask, or all over the box without one."""
    pose = _camera_at(bench)
    shot = bench.shoot(pose, realsense)
    holes = shot.depth.copy()
    holes[shot.mask & (np.arange(realsense.width) % 4 == 0)[None]] = 0.0
    assembler = ViewAssembler(ee_from_camera_optical=HAND_EYE, object_frame=bench.frame)
    with_mask = assembler.assemble(shot.colour, holes, shot.mask, realsense, STAMP, _standing(pose), 0).scores
    assert with_mask.depth_coverage == pytest.approx(0.75, abs=0.01)
    assert with_mask.saturated > 0.0  # the box's red faces are (255, 0, 0)
    by_depth = assembler.assemble(shot.colour, holes, None, realsense, STAMP, _standing(pose), 0).scores
    assert by_depth.depth_coverage == pytest.approx(0.75, abs=0.02)  # a box fills its own outline
    nothing = assembler.assemble(shot.colour, 0.0 * holes, None, realsense, STAMP, _standing(pose), 0).scores
    assert nothing.depth_coverage == 0.0


@pytest.mark.parametrize(("name", "value"), [("time_uncertainty_s", -0.1), ("warn_pixel_error", 0.0)])
def test_impossible_error_settings_are_named(bench, name: str, value: float) -> None:
    with pytest.raises(EscherNetError, match=f"{name} must"):
        ViewAssembler(ee_from_camera_optical=HAND_EYE, object_frame=bench.frame, **{name: value})
