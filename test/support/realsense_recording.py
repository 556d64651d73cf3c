# SPDX-License-Identifier: Apache-2.0
"""Recordings of a made-up RealSense camera, written by librealsense's own recorder, with the truth beside them."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DEPTH_FROM_COLOUR_M = (0.015, 0.0002, -0.0003)
IMU_FROM_DEPTH_M = (-0.0055, 0.005, 0.0117)
DEPTH_MM = 700
"""The scene is a wall of steps; this one is the nearest."""


@dataclass
class Recording:
    """What is in a recording.

    Attributes:
        path: the file.
        serial, name: of the camera.
        fps: frames per second.
        stamps_ms: of the frames, in the domain given; colour and depth have the same.
        colour: [H, W, 3] uint8 each.
        depth: [h, w] uint16 millimetres each.
    """

    path: Path
    serial: str
    name: str
    fps: int
    stamps_ms: list[float] = field(default_factory=list)
    colour: list[np.ndarray] = field(default_factory=list)
    depth: list[np.ndarray] = field(default_factory=list)

    def index_of(self, stamp_ns: int) -> int:
        """Return which frame has a stamp; ValueError for none."""
        return [round(stamp * 1e3) for stamp in self.stamps_ms].index(round(stamp_ns / 1e3))


def intrinsics(rs: Any, width: int, height: int, focal: float, model: Any = None) -> Any:
    """Return the intrinsics of a stream; the principal point is a little off the centre."""
    made = rs.intrinsics()
    made.width, made.height = width, height
    made.fx, made.fy, made.ppx, made.ppy = focal, focal * 1.001, width / 2 + 0.5, height / 2 - 0.4
    made.model = model or rs.distortion.brown_conrady
    made.coeffs = [0.0] * 5
    return made


def make_device(rs: Any, serial: str, name: str = "Intel RealSense D435I", usb: str = "3.2") -> Any:
    """Return a software device with a serial number, as the SDK lists devices."""
    device = rs.software_device()
    for entry, text in (
        (rs.camera_info.name, name),
        (rs.camera_info.serial_number, serial),
        (rs.camera_info.firmware_version, "5.16.0.1"),
        (rs.camera_info.usb_type_descriptor, usb),
    ):
        device.register_info(entry, text)
    return device


def pictures(index: int, colour_size: tuple[int, int], depth_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return colour and depth of one frame: blocks that change every frame, a wall of steps with a hole."""
    generator = np.random.default_rng(index)
    width, height = colour_size
    blocks = generator.integers(0, 256, (height // 20, width // 20, 3), np.uint8)
    colour = np.ascontiguousarray(blocks.repeat(20, axis=0).repeat(20, axis=1))
    width, height = depth_size
    columns = np.arange(width) // (width // 4)
    depth = np.tile((DEPTH_MM + 100 * columns + index).astype(np.uint16), (height, 1))
    depth[3 * height // 8 : height // 2, 5 * width // 16 : 7 * width // 16] = 0
    return colour, depth


def record(
    rs: Any,
    path: Path,
    *,
    frames: int = 20,
    fps: int = 10,
    serial: str = "944122072123",
    colour_size: tuple[int, int] = (320, 240),
    depth_size: tuple[int, int] = (320, 240),
    start_ms: float = 1_700_000_000_000.0,
    domain: str = "global_time",
    imu: bool = False,
    with_depth: bool = True,
    same_place: bool = False,
    skip: tuple[int, ...] = (),
    depth_skip: tuple[int, ...] = (),
    exposure_us: int = 8000,
) -> Recording:
    """Write a recording, which takes as long as it will play, and return what is in it.

    Args:
        rs: the module ``pyrealsense2``.
        domain: of the stamps: ``global_time``, ``system_time`` or ``hardware_clock``.
        imu: record gyroscope and accelerometer, one sample a frame each.
        with_depth: record depth.
        same_place: colour and depth camera are one, so that alignment changes nothing.
        skip, depth_skip: indices of frames the camera lost (of the depth only); they are not in the recording.
    """
    device = make_device(rs, serial)
    made = Recording(path, serial, "Intel RealSense D435I", fps)
    stereo, rgb = device.add_sensor("Stereo Module"), device.add_sensor("RGB Camera")
    focal = {"depth": depth_size[0] * 0.6, "colour": colour_size[0] * (0.6 if same_place else 0.72)}

    def video(kind: Any, uid: int, size: tuple[int, int], form: Any, bytes_per_pixel: int, focal_px: float) -> Any:
        stream = rs.video_stream()
        stream.type, stream.index, stream.uid, stream.fps = kind, 0, uid, fps
        stream.width, stream.height, stream.bpp, stream.fmt = *size, bytes_per_pixel, form
        stream.intrinsics = intrinsics(rs, *size, focal_px)
        return stream

    depth_profile = stereo.add_video_stream(video(rs.stream.depth, 1, depth_size, rs.format.z16, 2, focal["depth"]))
    stereo.add_read_only_option(rs.option.depth_units, 0.001)
    colour_profile = rgb.add_video_stream(video(rs.stream.color, 2, colour_size, rs.format.rgb8, 3, focal["colour"]))
    depth_profile.register_extrinsics_to(colour_profile, _shift(rs, (0.0,) * 3 if same_place else DEPTH_FROM_COLOUR_M))
    sensors = [(stereo, [depth_profile])] * with_depth + [(rgb, [colour_profile])]
    motion = None
    if imu:
        motion = device.add_sensor("Motion Module")
        gyro = motion.add_motion_stream(_motion(rs, rs.stream.gyro, 3, 200))
        accelerometer = motion.add_motion_stream(_motion(rs, rs.stream.accel, 4, 100))
        for profile in (gyro, accelerometer):
            depth_profile.register_extrinsics_to(profile, _shift(rs, IMU_FROM_DEPTH_M))
        sensors.append((motion, [gyro, accelerometer]))

    recorder = rs.recorder(str(path), device)
    recorded = recorder.query_sensors()
    opened = [recorded[[s.get_info(rs.camera_info.name) for s in recorded].index(_name(rs, s))] for s, _ in sensors]
    for sensor, (_, profiles) in zip(opened, sensors, strict=True):
        sensor.open(profiles)
        sensor.start(lambda frame: None)
    clock = getattr(rs.timestamp_domain, domain)
    for index in range(frames):
        stamp = start_ms + index * 1000.0 / fps
        colour, depth = pictures(index, colour_size, depth_size)
        made.stamps_ms.append(stamp)
        made.colour.append(colour)
        made.depth.append(depth)
        if index in skip:
            continue
        for sensor, profile, pixels in ((stereo, depth_profile, depth), (rgb, colour_profile, colour)):
            if sensor is stereo and (not with_depth or index in depth_skip):
                continue
            frame = rs.software_video_frame()
            frame.pixels, frame.stride, frame.bpp = pixels, pixels.strides[0], pixels.strides[1]
            frame.timestamp, frame.domain, frame.frame_number = stamp, clock, index + 1
            frame.profile = profile.as_video_stream_profile()
            if sensor is stereo:
                frame.depth_units = 0.001
            for entry, value in (
                (rs.frame_metadata_value.frame_counter, index + 1),
                (rs.frame_metadata_value.actual_exposure, exposure_us // 100),
                (rs.frame_metadata_value.frame_timestamp, index * 1_000_000 // fps),
                (rs.frame_metadata_value.sensor_timestamp, index * 1_000_000 // fps - exposure_us // 2),
                (rs.frame_metadata_value.time_of_arrival, int(stamp) + 3),
            ):
                sensor.set_metadata(entry, value)
            sensor.on_video_frame(frame)
        if motion is not None:
            for profile, values in ((accelerometer, (0.1, -9.8, 0.01 * index)), (gyro, (0.01 * index, 0.2, -0.3))):
                sample = rs.software_motion_frame()
                vector = rs.vector()
                vector.x, vector.y, vector.z = values
                sample.data, sample.timestamp, sample.domain = vector, stamp, clock
                sample.frame_number, sample.profile = index + 1, profile.as_motion_stream_profile()
                motion.on_motion_frame(sample)
        time.sleep(1.0 / fps)  # the player goes by the times at which the recorder took the frames
    time.sleep(0.2)  # the recorder writes in a thread of its own
    for sensor in opened:
        sensor.stop()
        sensor.close()
    del recorder, recorded, opened, sensor
    gc.collect()
    return made


def aligned_depths(rs: Any, recording: Recording) -> dict[int, np.ndarray]:
    """Return librealsense's own alignment of the recorded frames by their numbers, at whatever pace.

    The first frameset may lack a stream.
    """
    pipeline, config, align = rs.pipeline(), rs.config(), rs.align(rs.stream.color)
    config.enable_device_from_file(str(recording.path), False)
    config.resolve(pipeline).get_device().as_playback().set_real_time(False)
    pipeline.start(config)
    found = {}
    while True:
        arrived, frameset = pipeline.try_wait_for_frames(1000)
        if not arrived:
            break
        colour, depth = frameset.get_color_frame(), frameset.get_depth_frame()
        if colour and depth and colour.frame_number == depth.frame_number:
            pixels = align.process(frameset).get_depth_frame().get_data()
            found[int(colour.frame_number)] = np.asanyarray(pixels).copy()
    pipeline.stop()
    return found


def _name(rs: Any, sensor: Any) -> str:
    return str(sensor.get_info(rs.camera_info.name))


def _motion(rs: Any, kind: Any, uid: int, fps: int) -> Any:
    stream = rs.motion_stream()
    stream.type, stream.index, stream.uid, stream.fps, stream.fmt = kind, 0, uid, fps, rs.format.motion_xyz32f
    return stream


def _shift(rs: Any, translation: tuple[float, ...]) -> Any:
    made = rs.extrinsics()
    made.rotation = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    made.translation = list(translation)
    return made
