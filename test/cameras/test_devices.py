# SPDX-License-Identifier: Apache-2.0
"""Which of the connected cameras is meant. Recordings that are loaded into a context are devices like any other."""

from __future__ import annotations

import time
from typing import Any

import pytest
from realsense_recording import Recording

from eschernet_ros.cameras import CameraAbsentError, RealSenseCamera, RealSenseSettings
from eschernet_ros.cameras.devices import find_device, info, plain_serial


def find(rs: Any, serial: str, *connected: Recording) -> str:
    """Return the serial number of what is found when these cameras are connected."""
    context = rs.context()
    if len(context.query_devices()):
        pytest.skip("a RealSense camera is connected to this machine")
    devices = [context.load_device(str(recording.path)) for recording in connected]  # listed while somebody holds them
    assert len(context.query_devices()) == len(devices)
    return info(rs, find_device(rs, context, serial), "serial_number")


def test_the_only_one_needs_no_serial_number(rs: Any, recording: Recording) -> None:
    """It is found."""
    assert find(rs, "", recording) == recording.serial


@pytest.mark.parametrize("written", ["222", "_222", " _222 "])
def test_by_serial_number(rs: Any, recording: Recording, second_recording: Recording, written: str) -> None:
    """Also as realsense-ros writes it."""
    assert plain_serial(written) == "222"
    assert find(rs, written, recording, second_recording) == "222"


def test_a_wrong_serial_number_lists_those_found(rs: Any, recording: Recording, second_recording: Recording) -> None:
    """With their names."""
    with pytest.raises(CameraAbsentError, match=r"^no camera has the serial number '123'; connected: ") as error:
        find(rs, "_123", recording, second_recording)
    for serial in (recording.serial, "222"):
        assert f"Intel RealSense D435I {serial}" in str(error.value)


def test_several_cameras_are_not_guessed_between(rs: Any, recording: Recording, second_recording: Recording) -> None:
    """The sentence says how to choose."""
    with pytest.raises(CameraAbsentError, match=r"2 cameras are connected: .*; choose one with serial_no"):
        find(rs, "", recording, second_recording)


def test_no_camera_is_said_at_once(rs: Any) -> None:
    """Not after the 15 s that a pipeline waits."""
    with pytest.raises(CameraAbsentError, match="no RealSense camera is connected: check"):
        find(rs, "")
    start = time.monotonic()
    with pytest.raises(CameraAbsentError, match=r"no RealSense camera is connected \(wanted: 123\): check the cable"):
        RealSenseCamera(RealSenseSettings(serial="_123")).connect()
    assert time.monotonic() - start < 5.0
