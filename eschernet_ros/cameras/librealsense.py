# SPDX-License-Identifier: Apache-2.0
"""librealsense's types as this package's: options, intrinsics, extrinsics, time stamps."""

from __future__ import annotations

from typing import Any

import numpy as np

from eschernet_ros.cameras.profile import StreamProfile
from eschernet_ros.errors import first_line
from eschernet_ros.geometry import SE3, PinholeCamera


class RealSenseColourSensor:
    """A librealsense sensor as :class:`ColourSensor`."""

    def __init__(self, rs: Any, sensor: Any) -> None:
        self._options = rs.option
        self._sensor = sensor
        # UVC counts exposures of an RGB sensor in 100 us; a stereo module, whose left imager may be the colour
        # sensor (D405), in microseconds (librealsense, rs_option.h and D400 data sheet)
        self._unit_us = 1.0 if sensor.is_depth_sensor() else 100.0

    def _unit(self, option: str) -> float:
        return self._unit_us if option == "exposure" else 1.0

    def supports(self, option: str) -> bool:
        return bool(self._sensor.supports(getattr(self._options, option)))

    def get(self, option: str) -> float:
        return float(self._sensor.get_option(getattr(self._options, option))) * self._unit(option)

    def set(self, option: str, value: float) -> None:
        self._sensor.set_option(getattr(self._options, option), value / self._unit(option))

    def limits(self, option: str) -> tuple[float, float, float]:
        limits, unit = self._sensor.get_option_range(getattr(self._options, option)), self._unit(option)
        return limits.min * unit, limits.max * unit, limits.step * unit


def milliseconds_to_ns(milliseconds: float) -> int:
    """Return librealsense's time stamp as nanoseconds, as realsense-ros rounds it."""
    whole = int(milliseconds)
    return whole * 1_000_000 + round((milliseconds - whole) * 1e6)


def pinhole(rs: Any, intrinsics: Any, warnings: list[str]) -> PinholeCamera:
    """Return the camera of a stream; realsense-ros calls every D400's model ``plumb_bob``."""
    coefficients = tuple(float(c) for c in intrinsics.coeffs)
    model = intrinsics.model
    if any(coefficients) and model not in (rs.distortion.none, rs.distortion.brown_conrady):
        warnings.append(
            f"the colour camera's distortion model is '{model.name}' with coefficients {coefficients}; they are "
            "published as plumb_bob, as realsense-ros does, which is not quite the same: calibrate the camera where "
            "it matters"
        )
    return PinholeCamera(
        intrinsics.width,
        intrinsics.height,
        intrinsics.fx,
        intrinsics.fy,
        intrinsics.ppx,
        intrinsics.ppy,
        coefficients,
    )


def extrinsics(source: Any, target: Any, name: str, warnings: list[str]) -> SE3:
    """Return target_from_source of two streams; librealsense stores rotations column by column."""
    try:
        found = source.get_extrinsics_to(target)
    except RuntimeError as error:
        warnings.append(
            f"the place of the {name} on the camera is unknown ({first_line(error)}); it is taken as camera_link"
        )
        return SE3.identity()
    rotation = np.array(found.rotation, np.float64).reshape(3, 3).T
    return SE3.from_rotation_translation(rotation, np.array(found.translation, np.float64))


def offers(device: Any, stream: Any, form: Any) -> list[StreamProfile]:
    """Return the profiles that a device has for a stream in a format."""
    found = set()
    for sensor in device.query_sensors():
        for profile in sensor.get_stream_profiles():
            if profile.stream_type() == stream and profile.format() == form:
                video = profile.as_video_stream_profile()
                found.add((video.width(), video.height(), profile.fps()))
    return [StreamProfile(*numbers) for numbers in sorted(found)]


def any_profile(device: Any, stream: Any) -> Any:
    """Return some profile of a stream, whether it streams now or not, or None."""
    for sensor in device.query_sensors():
        for profile in sensor.get_stream_profiles():
            if profile.stream_type() == stream:
                return profile
    return None


def phrase(profile: Any) -> str:
    name, rate = profile.stream_name().lower(), f"{profile.fps()}"
    if profile.is_video_stream_profile():
        video = profile.as_video_stream_profile()
        return f"{name} {video.width()}x{video.height()}x{rate} {profile.format().name}"
    return f"{name} {rate} Hz"
