# SPDX-License-Identifier: Apache-2.0
"""The error bounds hold on motions whose truth is known, and mean what they say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from eschernet_ros.capture import NS_PER_S, PoseBuffer, PoseError, PoseSample, pose_error
from eschernet_ros.capture.pose_error import frame_motion
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera, look_at

MS = 1_000_000
CAMERA = PinholeCamera(640, 480, 607.0, 607.0, 320.0, 240.0)
OBJECT = ObjectFrame(SE3.from_rotvec([0.0, 0.0, 0.3], [0.5, 0.0, 0.05]), (0.12, 0.06, 0.10))
HAND_EYE = SE3.from_rotvec([0.0, 0.01, math.pi / 2], [0.05, -0.03, 0.04])
START = look_at(np.array([0.25, 0.1, 0.25]), OBJECT.base_from_object.translation) @ HAND_EYE.inverse()


def swinging(amplitude_m: float, amplitude_rad: float, period_s: float) -> Callable[[int], SE3]:
    """Return a motion back and forth, in position and orientation."""

    def at(stamp_ns: int) -> SE3:
        phase = 2.0 * math.pi * stamp_ns / NS_PER_S / period_s
        shift = amplitude_m * np.array([math.sin(phase), 0.4 * math.cos(phase), 0.0])
        turn = amplitude_rad * np.array([0.0, math.sin(phase), 0.6 * math.sin(phase + 1.0)])
        return START @ SE3.from_rotvec(turn, shift)

    return at


def recorded(at: Callable[[int], SE3], step_ns: int, around_ns: int) -> PoseBuffer:
    """Return samples of a motion, four on either side of a time."""
    poses = PoseBuffer()
    first = (around_ns // step_ns - 4) * step_ns
    for stamp_ns in range(first, first + 9 * step_ns, step_ns):
        poses.add(stamp_ns, at(stamp_ns))
    return poses


def bound(poses: PoseBuffer, stamp_ns: int, exposure_s: float = 0.0, uncertainty_s: float = 0.0) -> PoseError:
    """Return the bound for a view at a time."""
    sample = poses.lookup(stamp_ns, 1.0)
    return pose_error(poses, sample, HAND_EYE, CAMERA, OBJECT, exposure_s, uncertainty_s)


def shift_px(first: SE3, second: SE3) -> float:
    """Return the largest movement in the image of centre and corners of the object's box between two camera poses."""
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    points = OBJECT.base_from_object @ (np.vstack([np.zeros(3), corners]) * OBJECT.size)
    pixels = [CAMERA.project(pose.inverse() @ points) for pose in (first, second)]
    return float(np.linalg.norm(pixels[0] - pixels[1], axis=1).max())


@settings(deadline=None, max_examples=60)
@given(
    rate_hz=st.sampled_from([30, 100, 250]),
    speed=st.floats(0.02, 0.5),
    period_s=st.floats(0.8, 5.0),
    fraction=st.floats(0.0, 1.0),
)
def test_interpolation_stays_within_the_bound(rate_hz: int, speed: float, period_s: float, fraction: float) -> None:
    """Whatever the rate and the time, the interpolated camera is no farther from the truth than the bound says."""
    amplitude = speed * period_s / (2.0 * math.pi)
    at = swinging(amplitude, 2.0 * amplitude, period_s)
    stamp_ns = int(0.3 * NS_PER_S + fraction * 0.4 * NS_PER_S)
    poses = recorded(at, NS_PER_S // rate_hz, stamp_ns)
    error = bound(poses, stamp_ns)
    found, truth = poses.lookup(stamp_ns, 1.0).pose @ HAND_EYE, at(stamp_ns) @ HAND_EYE
    metres, radians = found.distance_to(truth)
    assert metres <= error.position_m + 1e-9
    assert radians <= error.rotation_rad + 1e-7
    assert shift_px(found, truth) <= error.pixels * 1.01 + 1e-6
    assert error.position_m < 0.004  # and it is of use: 30 Hz at 0.5 m/s


def test_uniform_motion_is_interpolated_exactly() -> None:
    poses = recorded(lambda ns: SE3.from_rotvec([0, 0, 0], [0.3 * ns / NS_PER_S, 0, 0]) @ START, 33 * MS, 500 * MS)
    error = bound(poses, 500 * MS)
    assert error.position_m == pytest.approx(0.0, abs=1e-12)
    assert error.camera_speed == pytest.approx(0.3)


def test_uncertain_stamps_cost_what_the_speed_makes_of_them() -> None:
    """Two milliseconds at the camera's speed; in pixels, what the object moves through in two milliseconds."""
    at = swinging(0.1, 0.3, 2.0)
    stamp_ns = 300 * MS
    poses = recorded(at, MS, stamp_ns)
    error, exact = bound(poses, stamp_ns, uncertainty_s=0.002), bound(poses, stamp_ns)
    cameras = [at(stamp_ns + offset) @ HAND_EYE for offset in (-2 * MS, 0, 2 * MS)]
    metres, radians = cameras[1].distance_to(cameras[2])
    assert error.position_m - exact.position_m == pytest.approx(metres, rel=0.02)
    assert error.rotation_rad - exact.rotation_rad == pytest.approx(radians, rel=0.02)
    assert error.pixels - exact.pixels == pytest.approx(shift_px(cameras[0], cameras[2]) / 2.0, rel=0.02)
    assert error.camera_speed == pytest.approx(metres / 0.002, rel=0.02)


def test_motion_blur_is_the_way_in_the_image_while_exposed() -> None:
    at = swinging(0.1, 0.3, 2.0)
    poses = recorded(at, MS, 300 * MS)
    error = bound(poses, 300 * MS, exposure_s=0.010)
    way = shift_px(at(295 * MS) @ HAND_EYE, at(305 * MS) @ HAND_EYE)
    assert error.motion_blur_px == pytest.approx(way, rel=0.03)
    assert way > 3.0


def test_a_camera_at_rest_has_no_error() -> None:
    error = bound(recorded(lambda _: START, 4 * MS, 502 * MS), 502 * MS, exposure_s=0.03, uncertainty_s=0.01)
    np.testing.assert_allclose(error, 0.0, atol=1e-9)


def test_where_little_is_known_the_bound_grows() -> None:
    """With two samples the arm may have started or stopped in between; with more, its acceleration is known."""
    at = swinging(0.1, 0.0, 2.0)
    two, four = (
        frame_motion(stamps, [at(int(s)) for s in stamps], PoseSample(START, 110 * MS, 20 * MS, 10 * MS, 0.0, 0.0))
        for stamps in (np.array([100, 120]) * MS, np.array([80, 100, 120, 140]) * MS)
    )
    assert two is not None and four is not None
    metres = at(100 * MS).distance_to(at(120 * MS))[0]
    assert two.position_error == pytest.approx(2.0 * metres / 4.0)  # a jump of velocity by twice the mean
    assert four.position_error < two.position_error / 5.0


def test_jittering_stamps_do_not_pass_for_speed() -> None:
    """At 1 kHz two stamps may nearly meet; speed is measured over milliseconds instead, also at the buffer's end."""
    poses = PoseBuffer()
    jitter = np.random.default_rng(1).normal(0.0, 0.2 * MS, 40)
    for i in range(40):
        stamp_ns = i * MS + int(jitter[i])
        poses.add(stamp_ns, SE3.from_rotvec([0, 0, 0], [0.3 * i * 1e-3, 0.0, 0.0]) @ START)
    newest = poses.statistics().newest_ns or 0
    for stamp_ns in (*range(10 * MS, 30 * MS, 333_333), newest - MS // 4):
        error = bound(poses, stamp_ns)
        assert error.camera_speed == pytest.approx(0.3, rel=0.2)
        assert error.position_m < 5e-5


def test_nothing_is_known_from_one_sample_or_outside() -> None:
    assert frame_motion(np.array([5]), [START], PoseSample(START, 5, 0, 0, 0.0, 0.0)) is None
    assert frame_motion(np.array([5, 9]), [START, START], PoseSample(START, 10, 0, 0, 0.0, 0.0)) is None
    poses = PoseBuffer()
    poses.add(100 * MS, START)
    assert all(math.isnan(value) for value in bound(poses, 100 * MS))


def test_an_object_behind_the_camera_has_no_pixels() -> None:
    away = START @ HAND_EYE @ SE3.from_rotvec([0.0, math.pi, 0.0], [0.0, 0.0, 0.0]) @ HAND_EYE.inverse()
    turned = recorded(lambda ns: SE3.from_rotvec([0, 0, 0.1 * ns / NS_PER_S], [0, 0, 0]) @ away, 10 * MS, 105 * MS)
    error = bound(turned, 105 * MS, uncertainty_s=0.001)
    assert math.isnan(error.pixels) and math.isnan(error.motion_blur_px)
    assert error.position_m > 0.0


def test_rotation_about_a_distant_axis_moves_the_camera() -> None:
    """The camera's speed includes the lever arm between hand and camera."""
    lever = SE3.from_rotvec([0, 0, 0], [0.0, 0.2, 0.0])
    poses = PoseBuffer()
    for i in range(20):
        poses.add(i * 10 * MS, SE3.from_rotation_translation(Rotation.from_euler("z", 0.5 * i * 0.01), [0, 0, 0]))
    error = pose_error(poses, poses.lookup(95 * MS, 1.0), lever, CAMERA, OBJECT, 0.0, 0.0)
    assert error.camera_speed == pytest.approx(0.1)
