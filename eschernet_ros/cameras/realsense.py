# SPDX-License-Identifier: Apache-2.0
"""A RealSense D400 through librealsense's own pipeline, or a recording of one played through the same pipeline."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from eschernet_ros.cameras.camera import (
    Camera,
    CameraAbsentError,
    CameraDescription,
    CameraError,
    CameraFrame,
    CameraLostError,
    CameraSettingsError,
    MotionSample,
    RecordingEndedError,
)
from eschernet_ros.cameras.colour_control import ColourControl
from eschernet_ros.cameras.depth_filters import DepthFilters
from eschernet_ros.cameras.device_clock import DeviceClock
from eschernet_ros.cameras.devices import describe, find_device, info, plain_serial
from eschernet_ros.cameras.frame_gaps import FrameGaps
from eschernet_ros.cameras.frame_queue import FrameQueue
from eschernet_ros.cameras.imu_join import ImuJoin
from eschernet_ros.cameras.librealsense import (
    RealSenseColourSensor,
    any_profile,
    extrinsics,
    milliseconds_to_ns,
    offers,
    phrase,
    pinhole,
)
from eschernet_ros.cameras.profile import usb_warning
from eschernet_ros.cameras.realsense_settings import RealSenseSettings
from eschernet_ros.errors import first_line
from eschernet_ros.optional import require

_log = logging.getLogger(__name__)

_QUEUE_CAPACITY = 4  # framesets; the driver has 16 buffers a stream
_DEPTH_LAG_PERIODS = 0.75  # colour and depth of a D435i are not triggered together: half a period apart, and jitter
_STOPPED_POLLS = 2  # reads without a frame after the player stopped, before the recording counts as ended
_CLOCK_CONCERNS = {
    "hardware_clock": "stamps are those of the camera's own clock: the host's time is estimated from arrivals, and is "
    "late by the shortest delay; librealsense's option global_time_enabled gives exact ones",
    "system_time": "frames carry no metadata: their stamps are the times at which they arrived, late by exposure and "
    "transfer; install librealsense's kernel modules, or a librealsense built with RSUSB",
}


class RealSenseCamera(Camera):
    """Colour, aligned depth and inertial samples of one camera.

    Stamps are those of the colour frame. In the domains ``global_time`` and ``system_time`` they are the host's time
    already; those of the hardware clock are brought to it by :class:`DeviceClock`.

    Args:
        settings: what to stream.
        on_motion: called with inertial samples in a thread of the driver; it must be quick.
    """

    def __init__(
        self, settings: RealSenseSettings, on_motion: Callable[[MotionSample], None] = lambda sample: None
    ) -> None:
        super().__init__()
        self._settings = settings
        self._on_motion = on_motion
        self._rs = require("pyrealsense2", "pip install pyrealsense2 (and apt-get install libusb-1.0-0)", "a RealSense")
        self._context = self._rs.context()
        self._pipeline: Any = None
        self._player: Any = None
        self._ended_file: tuple[int, ...] | None = None
        self._started_file: tuple[int, ...] | None = None
        self._domain = ""

    # --- connecting ---------------------------------------------------------------------------------------------

    def connect(self) -> CameraDescription:
        """Start streaming; see :meth:`Camera.connect`."""
        self.disconnect()
        self._begin()
        try:
            return self._start()
        except RuntimeError as error:  # whatever librealsense says; the device may be going away or coming
            self.disconnect()
            hint = "" if self._settings.file else "; is another program using it? (see: fuser /dev/video*)"
            raise CameraError(f"{self._where} cannot be used: {first_line(error)}{hint}") from error
        except Exception:
            self.disconnect()
            raise

    def _start(self) -> CameraDescription:
        config, pipeline = self._rs.config(), self._rs.pipeline(self._context)
        if self._settings.file:
            self._choose_file(config)
        else:
            self._choose_device(config)
        if not config.can_resolve(pipeline):
            raise self._unresolved()
        if not self._settings.paced:  # after can_resolve(): each resolution opens the file anew
            config.resolve(pipeline).get_device().as_playback().set_real_time(False)
        # a callback gets what the player has just then; who waits for frames, and lets the player wait, gets them all
        profile = pipeline.start(config, self._on_frame) if self._settings.paced else pipeline.start(config)
        self._pipeline = pipeline
        return self._describe(profile)

    def _choose_device(self, config: Any) -> None:
        """Tell ``config`` which camera and which profiles."""
        rs, settings = self._rs, self._settings
        device = find_device(rs, self._context, settings.serial)
        self._where = describe(rs, device)
        config.enable_device(info(rs, device, "serial_number"))
        colour = settings.colour
        config.enable_stream(rs.stream.color, colour.width, colour.height, rs.format.rgb8, colour.fps)
        if settings.depth is not None:
            depth = settings.depth
            config.enable_stream(rs.stream.depth, depth.width, depth.height, rs.format.z16, depth.fps)
        self._enable_imu(config)

    def _choose_file(self, config: Any) -> None:
        """Tell ``config`` which recording."""
        rs, settings = self._rs, self._settings
        path = Path(settings.file)
        if not path.is_file():
            raise CameraAbsentError(f"{self._where} does not exist")
        status = path.stat()
        self._started_file = (status.st_ino, status.st_size, status.st_mtime_ns)
        if self._started_file == self._ended_file:
            raise CameraAbsentError(
                f"{self._where} was played to its end; put another one in its place, or set file_repeat"
            )
        rs.context().load_device(str(path))  # a config that cannot open its file only says that it cannot resolve
        config.enable_device_from_file(str(path), settings.file_repeat)
        config.enable_stream(rs.stream.color)
        if settings.depth is not None:
            config.enable_stream(rs.stream.depth)
        self._enable_imu(config)

    def _enable_imu(self, config: Any) -> None:
        if self._settings.imu:
            config.enable_stream(self._rs.stream.gyro)
            config.enable_stream(self._rs.stream.accel)

    def _begin(self) -> None:
        """Forget the connection before."""
        self._where = f"the recording '{self._settings.file}'" if self._settings.file else "the camera"
        self._domain = ""
        self._queue: FrameQueue[tuple[Any, int]] = FrameQueue(_QUEUE_CAPACITY)
        self._gaps = FrameGaps()
        self._clock = DeviceClock()
        self._imu = ImuJoin()
        self._failure: Exception | None = None
        self._number: int | None = None
        self._depth_number: int | None = None
        self._stamp_ns = 0
        self._depth_lag_ms = 0.0
        self._stopped_polls = 0
        self._last_frame_s = time.monotonic()

    def _unresolved(self) -> CameraError | CameraSettingsError:
        """Return why the streams asked for cannot be had, with those that can."""
        rs, settings = self._rs, self._settings
        if settings.file:
            wanted = ["colour"] + ["depth"] * (settings.depth is not None)
            wanted += ["gyroscope", "accelerometer"] * settings.imu
            return CameraSettingsError(
                f"{self._where} cannot stream what is asked for: {', '.join(wanted)} must be in it "
                "(depth_profile and imu can leave some out)"
            )
        device = find_device(rs, self._context, settings.serial)
        colour = offers(device, rs.stream.color, rs.format.rgb8)
        asked = [("colour", settings.colour, colour)]
        if settings.depth is not None:
            asked.append(("depth", settings.depth, offers(device, rs.stream.depth, rs.format.z16)))
        clauses = [
            f"{name} {profile} (there is: {', '.join(map(str, there)) or 'none'})" for name, profile, there in asked
        ]
        no_imu = settings.imu and any_profile(device, rs.stream.gyro) is None
        if no_imu:
            clauses.append("imu (this camera has none)")
        usb = info(rs, device, "usb_type_descriptor")
        if usb.startswith("2"):
            clauses.append(f"it is on USB {usb}, which offers less than USB 3")
        # a sensor without any profile, or with the right one, is a device that is not ready yet
        wrong = no_imu or any(there and profile not in there for _, profile, there in asked)
        sentence = f"{self._where} cannot stream what is asked for: {'; '.join(clauses)}"
        return CameraSettingsError(sentence) if wrong else CameraError(f"{sentence}; it may not be ready yet")

    def _describe(self, profile: Any) -> CameraDescription:
        rs, settings = self._rs, self._settings
        device = profile.get_device()
        serial = info(rs, device, "serial_number")
        if settings.file:
            self._player = device.as_playback()
            wanted = plain_serial(settings.serial)
            if wanted and wanted != serial:
                raise CameraAbsentError(
                    f"{self._where} is of {describe(rs, device)}; the serial number asked for is '{wanted}'"
                )
        colour = profile.get_stream(rs.stream.color).as_video_stream_profile()
        self._has_depth = settings.depth is not None
        self._longest_lag_ms = _DEPTH_LAG_PERIODS * 1e3 / colour.fps()
        self._filters = DepthFilters(rs, settings.depth_filters)
        self._colour_format = colour.format()
        if self._colour_format not in (rs.format.rgb8, rs.format.bgr8):
            raise CameraSettingsError(
                f"the colour stream has format '{self._colour_format.name}'; this package reads rgb8 and bgr8: "
                "record it so"
            )
        warnings: list[str] = []
        self._camera = pinhole(rs, colour.get_intrinsics(), warnings)
        sensor = None if settings.file else RealSenseColourSensor(rs, device.first_color_sensor())
        self._control = ColourControl(sensor, settings.colour_control, 1e6 / colour.fps())
        self._control_warnings = 0

        depth = any_profile(device, rs.stream.depth) or colour
        usb = info(rs, device, "usb_type_descriptor")
        streamed = [settings.colour] + ([settings.depth] if settings.depth else [])
        slow = None if settings.file else usb_warning(usb, streamed)
        return CameraDescription(
            name=info(rs, device, "name"),
            serial=serial,
            firmware=info(rs, device, "firmware_version"),
            usb=usb,
            streams=tuple(phrase(stream) for stream in profile.get_streams()),
            camera=self._camera,
            depth_from_colour=extrinsics(colour, depth, "colour", warnings),
            depth_from_imu=extrinsics(profile.get_stream(rs.stream.gyro), depth, "inertial unit", warnings)
            if settings.imu
            else None,
            warnings=(*([slow] if slow else []), *warnings),
        )

    # --- reading ------------------------------------------------------------------------------------------------

    def read(self, timeout_s: float, *, with_depth: bool = True) -> CameraFrame | None:
        """Return the next frame; see :meth:`Camera.read`."""
        if self._pipeline is None:
            raise CameraLostError("the camera is not connected: call connect() first")
        item = self._next(timeout_s)
        self.counts["frames dropped: queue full"] += self._queue.dropped
        self._queue.dropped = 0
        if self._failure is not None:
            raise CameraLostError(f"a frame could not be handled: {first_line(self._failure)}") from self._failure
        if item is None:
            self._check_alive()
            return None
        self._last_frame_s = time.monotonic()
        self._stopped_polls = 0
        try:
            return self._convert(*item, with_depth)
        except RuntimeError as error:
            raise CameraLostError(f"librealsense could not read a frame: {first_line(error)}") from error

    def _next(self, timeout_s: float) -> tuple[Any, int] | None:
        if self._settings.paced:
            return self._queue.get(timeout_s)
        try:
            arrived, frameset = self._pipeline.try_wait_for_frames(max(1, round(timeout_s * 1e3)))
        except RuntimeError as error:
            raise CameraLostError(f"librealsense could not play on: {first_line(error)}") from error
        return (frameset, time.time_ns()) if arrived else None

    def _on_frame(self, frame: Any) -> None:
        """Take a frame in the driver's thread; an exception must not get out of here, it would end the process."""
        try:
            arrival_ns = time.time_ns()
            if frame.is_frameset():
                self._queue.put((frame.as_frameset(), arrival_ns))
            elif frame.is_motion_frame():
                self._take_motion(frame.as_motion_frame(), arrival_ns)
        except Exception as error:
            self._failure = error

    def _take_motion(self, frame: Any, arrival_ns: int) -> None:
        stamp_ns, data = self._host_ns(frame, arrival_ns), frame.get_motion_data()
        vector = (float(data.x), float(data.y), float(data.z))
        is_gyro = frame.profile.stream_type() == self._rs.stream.gyro
        for sample in (self._imu.add_gyro if is_gyro else self._imu.add_acceleration)(stamp_ns, vector):
            self.counts["imu samples"] += 1
            self._on_motion(sample)
        self.counts["imu samples dropped"] = self._imu.dropped

    def _convert(self, frameset: Any, arrival_ns: int, with_depth: bool) -> CameraFrame | None:
        colour = frameset.get_color_frame()
        if not colour:
            self.counts["framesets without colour"] += 1
            return None
        number = int(colour.frame_number)
        if number == self._number:  # the pipeline hands out the last colour again when only depth is new
            self.counts["framesets without a new colour"] += 1
            return None
        self._number = number
        self.counts["frames lost"] += self._gaps.add(number)
        pixels = np.asanyarray(colour.get_data())
        if self._colour_format == self._rs.format.bgr8:
            pixels = np.ascontiguousarray(pixels[..., ::-1])
        stamp_ns = self._host_ns(colour, arrival_ns)  # before the warm-up: the clock's estimate settles meanwhile
        usable = self._control.observe(pixels)
        for warning in self._control.warnings[self._control_warnings :]:
            _log.warning("%s", warning)
        self._control_warnings = len(self._control.warnings)
        if not usable:
            self.counts["warm-up frames"] += 1
            return None
        if stamp_ns <= self._stamp_ns:
            self.counts["stamps that went back"] += 1
        self._stamp_ns = stamp_ns
        self.counts["frames"] += 1
        return CameraFrame(
            number=number,
            stamp_ns=stamp_ns,
            colour=pixels,
            depth=self._aligned_depth(frameset, colour) if with_depth and self._has_depth else None,
            camera=self._camera,
            metadata=self._metadata(colour),
        )

    def _aligned_depth(self, frameset: Any, colour: Any) -> np.ndarray | None:
        """Return the depth of a colour frame; None when it is missing, that of the frame before, or of another time."""
        depth = frameset.get_depth_frame()
        if not depth or int(depth.frame_number) == self._depth_number:
            self.counts["frames without a new depth"] += 1
            return None
        self._depth_number = int(depth.frame_number)
        self._depth_lag_ms = float(depth.timestamp - colour.timestamp)
        if abs(self._depth_lag_ms) > self._longest_lag_ms:
            self.counts["depth too far from colour in time"] += 1
            return None
        return self._filters.process(frameset)

    def _host_ns(self, frame: Any, arrival_ns: int) -> int:
        stamp_ns = milliseconds_to_ns(frame.timestamp)
        self._domain = frame.frame_timestamp_domain.name
        if self._estimated:
            return self._clock.host_ns(stamp_ns, arrival_ns)
        return stamp_ns

    @property
    def _estimated(self) -> bool:
        return self._settings.restamp or self._domain == "hardware_clock"

    def _metadata(self, frame: Any) -> dict[str, int | float | str]:
        """Return the entries of realsense-ros's ``color/metadata`` (``BaseRealSenseNode::publishMetadata``, 4.58)."""
        entries: dict[str, int | float | str] = {
            "frame_number": int(frame.frame_number),
            "clock_domain": self._domain,
            "frame_timestamp": float(frame.timestamp),
        }
        for name, value in self._rs.frame_metadata_value.__members__.items():
            if frame.supports_frame_metadata(value):
                entries["hw_timestamp" if name == "frame_timestamp" else name] = int(frame.get_frame_metadata(value))
        return entries

    def _check_alive(self) -> None:
        """Raise :class:`CameraLostError` when no frame will come any more."""
        settings = self._settings
        if self._player is not None and not settings.file_repeat:
            stopped = self._player.current_status() == self._rs.playback_status.stopped
            self._stopped_polls = self._stopped_polls + 1 if stopped else 0
            if self._stopped_polls >= _STOPPED_POLLS:
                self._ended_file = self._started_file
                raise RecordingEndedError(f"{self._where} ended")
        silent_s = time.monotonic() - self._last_frame_s
        if silent_s > settings.frame_timeout_s:
            raise CameraLostError(f"no frame came for {silent_s:.1f} s: {self._whereabouts()}")

    def _whereabouts(self) -> str:
        if self._settings.file:
            return "the recording has a gap, or the player stopped"
        try:
            find_device(self._rs, self._context, self._settings.serial)
        except CameraError as error:
            return str(error)
        return "the camera is still connected; its streams stopped (cable, USB hub, or another program)"

    # --- ending -------------------------------------------------------------------------------------------------

    def disconnect(self) -> None:
        """Stop streaming; see :meth:`Camera.disconnect`."""
        if self._pipeline is None:
            return
        pipeline, self._pipeline, self._player = self._pipeline, None, None
        try:
            pipeline.stop()
        except RuntimeError as error:  # the device went away meanwhile
            _log.info("stopping the pipeline: %s", first_line(error))
        self._queue.clear()

    def state(self) -> str:
        """Return clock, exposure and white balance; see :meth:`Camera.state`."""
        if self._pipeline is None:
            return "not connected"
        if not self._domain:
            return "no frame yet"
        clock = f"clock: {self._domain}"
        if self._estimated:
            why = "stamps moved to now" if self._settings.restamp else "hardware clock"
            clock = (
                f"clock: {why}, host time estimated from arrivals (the newest {self._clock.excess_delay_ms:.1f} ms "
                f"later than the quickest, {self._clock.restarts} restarts)"
            )
        parts = [clock, self._control.state() if self._control.ready else "warming up"]
        if self._has_depth:
            parts.append(f"depth {self._depth_lag_ms:+.1f} ms from colour")
        return "; ".join(parts)

    def concerns(self) -> list[str]:
        """Return what the clock and the lock of exposure leave to be desired; see :meth:`Camera.concerns`."""
        if self._pipeline is None:
            return []
        said = list(self._control.warnings)
        if self._domain in _CLOCK_CONCERNS and not self._settings.restamp:
            said.append(_CLOCK_CONCERNS[self._domain])
        return said
