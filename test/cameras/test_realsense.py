# SPDX-License-Identifier: Apache-2.0
"""A recorded file through librealsense's real pipeline: the pixels, stamps and numbers that were recorded."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from realsense_recording import DEPTH_FROM_COLOUR_M, Recording, aligned_depths, record

from eschernet_ros.cameras import (
    BackOff,
    CameraAbsentError,
    CameraDescription,
    CameraError,
    CameraFrame,
    CameraLostError,
    CameraSettingsError,
    ColourSettings,
    MotionSample,
    RealSenseCamera,
    RealSenseSettings,
    StreamProfile,
    frames,
)
from eschernet_ros.cameras.librealsense import milliseconds_to_ns


def play(
    settings: RealSenseSettings, count: int = 10_000, on_motion: Any = None
) -> tuple[RealSenseCamera, CameraDescription, list[CameraFrame]]:
    """Return camera, description and copies of the frames until the recording ends, or ``count`` of them."""
    camera = RealSenseCamera(settings, on_motion or (lambda sample: None))
    description = camera.connect()
    found: list[CameraFrame] = []
    deadline = time.monotonic() + 60.0
    try:
        while len(found) < count:
            assert time.monotonic() < deadline
            if (frame := camera.read(0.5)) is not None:
                depth = None if frame.depth is None else frame.depth.copy()
                found.append(
                    CameraFrame(
                        frame.number, frame.stamp_ns, frame.colour.copy(), depth, frame.camera, dict(frame.metadata)
                    )
                )
    except CameraLostError as error:
        assert "ended" in str(error)
    finally:
        camera.disconnect()
    return camera, description, found


def test_frames_are_bit_exact(rs: Any, recording: Recording) -> None:
    """Colour as recorded, depth as librealsense aligns the recorded one, stamps, metadata, intrinsics."""
    camera, description, found = play(RealSenseSettings(file=str(recording.path), serial=f"_{recording.serial}"))
    assert len(found) >= 8  # a busy machine may lose some; the counters say how many
    assert camera.counts["frames"] == len(found)
    assert found[0].number + camera.counts["frames"] + camera.counts["frames lost"] - 1 == found[-1].number
    truth = aligned_depths(rs, recording)
    with_depth = 0
    for frame in found:
        index = frame.number - 1
        assert frame.stamp_ns == milliseconds_to_ns(recording.stamps_ms[index])
        np.testing.assert_array_equal(frame.colour, recording.colour[index])
        if frame.depth is not None and frame.number in truth:
            np.testing.assert_array_equal(frame.depth, truth[frame.number])
            with_depth += 1
        metadata = frame.metadata
        assert metadata["frame_number"] == frame.number
        assert metadata["clock_domain"] == "global_time"
        assert metadata["frame_timestamp"] == recording.stamps_ms[index]
        assert metadata["actual_exposure"] == 80
        assert metadata["hw_timestamp"] - metadata["sensor_timestamp"] == 4000  # type: ignore[operator]
        assert metadata["time_of_arrival"] == int(recording.stamps_ms[index]) + 3
    assert with_depth >= 6
    pinhole = description.camera
    assert (pinhole.width, pinhole.height) == (320, 240)
    np.testing.assert_allclose(
        [pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy], [230.4, 230.6304, 160.5, 119.6], rtol=1e-6
    )
    np.testing.assert_allclose(description.depth_from_colour.translation, np.negative(DEPTH_FROM_COLOUR_M), atol=1e-8)
    assert (description.serial, description.usb) == (recording.serial, "3.2")
    assert "color 320x240x10 rgb8" in description.streams


def test_a_frame_keeps_its_pixels_while_it_is_held(recording: Recording) -> None:
    """They are a view of the driver's memory, which must not be used again meanwhile."""
    camera = RealSenseCamera(RealSenseSettings(file=str(recording.path)))
    with camera:
        held = []
        deadline = time.monotonic() + 30.0
        while len(held) < 6 and time.monotonic() < deadline:
            if (frame := camera.read(0.5)) is not None:
                held.append(frame)
    assert len(held) == 6
    for frame in held:
        np.testing.assert_array_equal(frame.colour, recording.colour[frame.number - 1])


def test_inertial_samples(rs: Any, recording: Recording) -> None:
    """At the gyroscope's stamps, with the values recorded."""
    samples: list[MotionSample] = []
    camera, _, _ = play(RealSenseSettings(file=str(recording.path), imu=True), on_motion=samples.append)
    assert len(samples) >= 8
    assert camera.counts["imu samples"] == len(samples)
    for sample in samples:
        index = recording.index_of(sample.stamp_ns)
        assert sample.angular_velocity == pytest.approx((0.01 * index, 0.2, -0.3), abs=1e-6)
        assert sample.linear_acceleration == pytest.approx((0.1, -9.8, 0.01 * index), abs=1e-6)


def test_1280x720_and_without_depth(rs: Any, tmp_path: Path) -> None:
    """The D435i's largest colour picture; lost frames are counted by their numbers."""
    made = record(
        rs, tmp_path / "large.db3", frames=8, fps=6, colour_size=(1280, 720), with_depth=False, skip=(3, 4), serial="1"
    )
    camera, description, found = play(RealSenseSettings(file=str(made.path), depth=None))
    assert description.camera.width == 1280
    assert len(found) >= 3
    for frame in found:
        np.testing.assert_array_equal(frame.colour, made.colour[frame.number - 1])
        assert frame.depth is None
    if found[0].number < 4 and found[-1].number > 5:
        assert camera.counts["frames lost"] >= 2


def test_a_depth_that_is_missing_is_not_replaced_by_the_one_before(rs: Any, tmp_path: Path) -> None:
    """The pipeline hands out the old one again; the scene moved by 1 mm meanwhile."""
    made = record(rs, tmp_path / "holes.db3", frames=14, depth_skip=(5, 9))
    truth = aligned_depths(rs, made)
    camera, _, found = play(RealSenseSettings(file=str(made.path)))
    for frame in found:
        if frame.depth is not None and frame.number in truth:
            np.testing.assert_array_equal(frame.depth, truth[frame.number])
        if frame.number in (6, 10):
            assert frame.depth is None
    missing = sum(frame.depth is None for frame in found)
    assert missing == camera.counts["frames without a new depth"] + camera.counts["depth too far from colour in time"]


def test_stamps_of_a_hardware_clock_are_brought_to_the_host_s(rs: Any, tmp_path: Path) -> None:
    """Their differences stay; they end near now; the state says that they are estimated."""
    made = record(rs, tmp_path / "hardware.db3", frames=15, start_ms=0.0, domain="hardware_clock")
    camera = RealSenseCamera(RealSenseSettings(file=str(made.path)))
    camera.connect()
    found, states = [], []
    end = time.monotonic() + 30.0
    while len(found) < 6 and time.monotonic() < end:
        if (frame := camera.read(0.5)) is not None:
            found.append((frame.number, frame.stamp_ns, time.time_ns()))
            states.append(camera.state())
            (concern,) = camera.concerns()
            assert "stamps are those of the camera's own clock" in concern
    camera.disconnect()
    numbers, stamps, arrivals = np.array(found, np.int64).T
    offsets = stamps - (numbers - 1) * 100_000_000
    assert (np.diff(offsets) <= 1000).all()  # the estimate only improves within its window
    assert ((arrivals - stamps) >= 0).all()
    assert ((arrivals - stamps) < 5_000_000_000).all()
    assert "clock: hardware clock, host time estimated from arrivals" in states[-1]
    assert camera.state() == "not connected"


def test_stamps_of_arrival_are_named(rs: Any, tmp_path: Path) -> None:
    """The domain ``system_time``: a kernel that passes no metadata on."""
    made = record(rs, tmp_path / "system.db3", frames=6, domain="system_time")
    camera = RealSenseCamera(RealSenseSettings(file=str(made.path)))
    with camera:
        assert camera.concerns() == []
        end = time.monotonic() + 30.0
        while (frame := camera.read(0.5)) is None:
            assert time.monotonic() < end
        assert frame.stamp_ns == milliseconds_to_ns(made.stamps_ms[frame.number - 1])
        (concern,) = camera.concerns()
        assert "frames carry no metadata" in concern


def test_restamping(recording: Recording) -> None:
    """A recording of 2023 plays as if it were now."""
    before_ns = time.time_ns()
    _, _, found = play(RealSenseSettings(file=str(recording.path), restamp=True), count=5)
    for frame in found:
        assert before_ns - 1_000_000_000 < frame.stamp_ns < time.time_ns()
        assert frame.metadata["frame_timestamp"] == recording.stamps_ms[frame.number - 1]


# --- what goes wrong ------------------------------------------------------------------------------------------------


def refusal(settings: RealSenseSettings) -> CameraError | CameraSettingsError:
    """Return what connecting raises."""
    camera = RealSenseCamera(settings)
    with pytest.raises((CameraError, CameraSettingsError)) as error:
        camera.connect()
    assert camera.state() == "not connected"
    return error.value


def test_a_recording_that_is_not_there() -> None:
    """Named; it may come."""
    error = refusal(RealSenseSettings(file="/no/such/file.db3"))
    assert isinstance(error, CameraAbsentError)
    assert str(error) == "the recording '/no/such/file.db3' does not exist"


def test_a_file_that_is_no_recording(tmp_path: Path) -> None:
    """Named with what librealsense says."""
    (tmp_path / "notes.db3").write_text("not a recording")
    error = refusal(RealSenseSettings(file=str(tmp_path / "notes.db3")))
    assert isinstance(error, CameraError)
    assert f"the recording '{tmp_path / 'notes.db3'}' cannot be used: Failed to open" in str(error)


def test_a_recording_of_another_camera(recording: Recording) -> None:
    """A wrong serial number lists the one there is."""
    error = refusal(RealSenseSettings(file=str(recording.path), serial="_123"))
    assert isinstance(error, CameraAbsentError)
    assert f"is of Intel RealSense D435I {recording.serial}; the serial number asked for is '123'" in str(error)


def test_streams_that_were_not_recorded(rs: Any, tmp_path: Path) -> None:
    """Named; trying again does not help."""
    made = record(rs, tmp_path / "colour.db3", frames=2, with_depth=False)
    error = refusal(RealSenseSettings(file=str(made.path)))
    assert isinstance(error, CameraSettingsError)
    assert "cannot stream what is asked for: colour, depth must be in it" in str(error)


AUTOMATIC = ColourSettings(exposure="auto", white_balance="auto", warmup_frames=3)


def live(recording: Recording, **changes: Any) -> tuple[RealSenseCamera, Any]:
    """Return a camera whose context lists a recording as a connected device, and that device, which must be kept."""
    settings = {
        "serial": f"_{recording.serial}",
        "colour": StreamProfile(320, 240, 10),
        "depth": StreamProfile(320, 240, 10),
        "colour_control": AUTOMATIC,
        **changes,
    }
    camera = RealSenseCamera(RealSenseSettings(**settings))
    return camera, camera._context.load_device(str(recording.path))


def test_a_connected_device_streams(recording: Recording) -> None:
    """Chosen by serial number, with the profiles asked for, after the warm-up."""
    camera, _device = live(recording)
    camera.connect()
    found = []
    deadline = time.monotonic() + 30.0
    while len(found) < 4 and time.monotonic() < deadline:
        if (frame := camera.read(0.5)) is not None:
            np.testing.assert_array_equal(frame.colour, recording.colour[frame.number - 1])
            found.append(frame.number)
    state = camera.state()
    camera.disconnect()
    assert len(found) == 4
    assert camera.counts["warm-up frames"] == 3
    assert found[0] > 3
    assert "exposure not controllable" in state


def test_a_device_that_goes_silent_is_lost(recording: Recording) -> None:
    """The sentence says whether it is still connected."""
    camera, _device = live(recording, frame_timeout_s=1.0)
    camera.connect()
    with pytest.raises(CameraLostError, match=r"no frame came for \d\.\d s: the camera is still connected"):
        for _ in range(200):
            camera.read(0.1)
    camera.disconnect()


def test_profiles_that_the_camera_does_not_have(recording: Recording) -> None:
    """The sentence lists those it has."""
    camera, _device = live(recording, colour=StreamProfile(1920, 1080, 30))
    with pytest.raises(CameraSettingsError) as error:
        camera.connect()
    assert str(error.value) == (
        f"Intel RealSense D435I {recording.serial} cannot stream what is asked for: "
        "colour 1920x1080x30 (there is: 320x240x10); depth 320x240x10 (there is: 320x240x10)"
    )


def test_a_sensor_that_is_not_there_yet(rs: Any, tmp_path: Path) -> None:
    """A camera that was just plugged in may list its sensors one by one: that is tried again."""
    made = record(rs, tmp_path / "colour.db3", frames=2, with_depth=False)
    camera, _device = live(made)
    with pytest.raises(CameraError, match=r"depth 320x240x10 \(there is: none\); it may not be ready yet"):
        camera.connect()


def test_a_lock_that_the_sensor_cannot_do(recording: Recording) -> None:
    """A recording that stands for a camera has no controls; the pipeline is stopped again."""
    camera, _device = live(recording, colour_control=ColourSettings())
    with pytest.raises(CameraSettingsError, match="no control of its exposure, so 'lock' is not possible"):
        camera.connect()
    assert camera.state() == "not connected"


def test_the_end_of_a_recording_is_a_camera_unplugged(
    recording: Recording, second_recording: Recording, tmp_path: Path
) -> None:
    """It is not played again by itself; another one in its place is a camera plugged in."""
    place = tmp_path / "camera.db3"
    second = second_recording
    shutil.copy(recording.path, place)
    camera = RealSenseCamera(RealSenseSettings(file=str(place)))
    closing, troubles, serials = threading.Event(), [], []

    def on_trouble(error: CameraError, wait_s: float) -> None:
        troubles.append(str(error))
        if len(troubles) == 3:
            shutil.copy(second.path, tmp_path / "copy")
            (tmp_path / "copy").replace(place)

    stamps = []
    deadline = time.monotonic() + 90.0
    for frame in frames(
        camera, BackOff(0.05, 0.2), closing, on_connect=lambda d: serials.append(d.serial), on_trouble=on_trouble
    ):
        stamps.append(frame.stamp_ns)
        if (serials[-1] == "222" and len(stamps) > 12) or time.monotonic() > deadline:
            closing.set()
    assert serials == [recording.serial, "222"]
    assert troubles[0] == f"the recording '{place}' ended"
    assert set(troubles[1:]) == {
        f"the recording '{place}' was played to its end; put another one in its place, or set file_repeat"
    }
    assert stamps[0] in [milliseconds_to_ns(stamp) for stamp in recording.stamps_ms]
    assert stamps[-1] in [milliseconds_to_ns(stamp) for stamp in second.stamps_ms]


def test_repeating(rs: Any, tmp_path: Path) -> None:
    """The recording starts over; stamps that go back are counted."""
    made = record(rs, tmp_path / "short.db3", frames=5)
    camera, _, found = play(RealSenseSettings(file=str(made.path), file_repeat=True), count=9)
    assert len(found) == 9
    assert camera.counts["stamps that went back"] >= 1


def test_a_silent_camera_is_lost(rs: Any, recording: Recording) -> None:
    """Here the player is paused; the sentence says for how long nothing came."""
    camera = RealSenseCamera(RealSenseSettings(file=str(recording.path), frame_timeout_s=0.6))
    camera.connect()
    camera._player.pause()
    with pytest.raises(CameraLostError, match=r"no frame came for \d\.\d s"):
        for _ in range(100):
            camera.read(0.1)
    camera.disconnect()


def test_reading_without_connecting() -> None:
    """Says what to do."""
    pytest.importorskip("pyrealsense2")
    with pytest.raises(CameraLostError, match="call connect"):
        RealSenseCamera(RealSenseSettings()).read(0.1)
