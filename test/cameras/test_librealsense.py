# SPDX-License-Identifier: Apache-2.0
"""librealsense's types become this package's, with real objects of the SDK."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from realsense_recording import IMU_FROM_DEPTH_M, intrinsics, make_device

from eschernet_ros.cameras.librealsense import RealSenseColourSensor, extrinsics, milliseconds_to_ns, pinhole
from eschernet_ros.geometry import SE3


@settings(deadline=None)
@given(st.integers(0, 2_000_000_000_000), st.integers(0, 999))
def test_stamps_keep_their_microseconds(milliseconds: int, microseconds: int) -> None:
    """Milliseconds come as a double, which holds a quarter of a microsecond of today's dates."""
    stamp_ns = milliseconds_to_ns(milliseconds + microseconds / 1e3)
    assert abs(stamp_ns - (milliseconds * 1_000_000 + microseconds * 1000)) < 250


def sensor_with_options(rs: Any) -> Any:
    """Return a sensor of the SDK with an RGB sensor's exposure, in its units of 100 us."""
    sensor = make_device(rs, "9").add_sensor("RGB Camera")
    for option, low, high, step, default in (
        (rs.option.exposure, 1.0, 10_000.0, 1.0, 156.0),
        (rs.option.enable_auto_exposure, 0.0, 1.0, 1.0, 1.0),
        (rs.option.white_balance, 2800.0, 6500.0, 10.0, 4600.0),
    ):
        limits = rs.option_range()
        limits.min, limits.max, limits.step, limits.default = low, high, step, default
        sensor.add_option(option, limits, True)
    return sensor


def test_options_of_a_colour_sensor(rs: Any) -> None:
    """Exposures are microseconds here, and 100 us there."""
    made = sensor_with_options(rs)
    sensor = RealSenseColourSensor(rs, made)
    assert sensor.supports("exposure")
    assert not sensor.supports("enable_auto_white_balance")
    assert sensor.limits("exposure") == (100.0, 1e6, 100.0)
    assert sensor.limits("white_balance") == (2800.0, 6500.0, 10.0)
    sensor.set("exposure", 8000.0)
    assert made.get_option(rs.option.exposure) == 80.0
    assert sensor.get("exposure") == 8000.0
    sensor.set("enable_auto_exposure", 0)
    assert sensor.get("enable_auto_exposure") == 0.0


def test_extrinsics(rs: Any) -> None:
    """Rotations are stored by columns; they tell where a point of one stream is in the other."""
    sensor = make_device(rs, "9").add_sensor("Motion Module")
    streams = []
    for uid, kind in ((1, rs.stream.gyro), (2, rs.stream.accel), (3, rs.stream.pose)):
        stream = rs.motion_stream()
        stream.type, stream.index, stream.uid, stream.fps, stream.fmt = kind, 0, uid, 200, rs.format.motion_xyz32f
        streams.append(sensor.add_motion_stream(stream))
    made = rs.extrinsics()
    made.rotation = [0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0]  # columns: x goes to y
    made.translation = list(IMU_FROM_DEPTH_M)
    streams[0].register_extrinsics_to(streams[1], made)
    warnings: list[str] = []
    found = extrinsics(streams[0], streams[1], "inertial unit", warnings)
    np.testing.assert_allclose(found @ np.array([1.0, 0.0, 0.0]), np.add(IMU_FROM_DEPTH_M, [0.0, 1.0, 0.0]), atol=1e-7)
    assert warnings == []
    assert extrinsics(streams[0], streams[2], "inertial unit", warnings).is_close(SE3.identity())
    assert "the place of the inertial unit on the camera is unknown" in warnings[0]


def test_a_distortion_that_ros_does_not_have_is_said(rs: Any) -> None:
    """D400 colour cameras name the inverse model; without coefficients it makes no difference."""
    made = intrinsics(rs, 640, 480, 600.0, rs.distortion.inverse_brown_conrady)
    warnings: list[str] = []
    assert pinhole(rs, made, warnings).distortion == ()
    assert warnings == []
    made.coeffs = [0.1, -0.2, 0.001, 0.002, 0.05]
    assert pinhole(rs, made, warnings).distortion == pytest.approx((0.1, -0.2, 0.001, 0.002, 0.05))
    assert "the colour camera's distortion model is 'inverse_brown_conrady'" in warnings[0]
    made.model = rs.distortion.brown_conrady
    warnings.clear()
    pinhole(rs, made, warnings)
    assert warnings == []
