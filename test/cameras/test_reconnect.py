# SPDX-License-Identifier: Apache-2.0
"""Frames go on after the camera was away; waits double and begin anew; the end is quick."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from eschernet_ros.cameras import (
    BackOff,
    Camera,
    CameraAbsentError,
    CameraDescription,
    CameraError,
    CameraFrame,
    CameraLostError,
    CameraSettingsError,
    frames,
)
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

PINHOLE = PinholeCamera(4, 3, 5.0, 5.0, 1.5, 1.0)
DESCRIPTION = CameraDescription("camera", "1", "", "", (), PINHOLE, SE3.identity(), None)


class ScriptedCamera(Camera):
    """Does what a list says: an int is a frame, None is no frame in time, exceptions are raised; so do connections."""

    def __init__(self, connects: list[CameraError | None], reads: list[int | CameraError | None]) -> None:
        super().__init__()
        self.connects, self.reads = connects, reads
        self.connected = False
        self.depth_asked: list[bool] = []

    def connect(self) -> CameraDescription:
        assert not self.connected
        if (error := self.connects.pop(0) if self.connects else None) is not None:
            raise error
        self.connected = True
        return DESCRIPTION

    def read(self, timeout_s: float, *, with_depth: bool = True) -> CameraFrame | None:
        assert self.connected
        self.depth_asked.append(with_depth)
        if not self.reads:
            time.sleep(timeout_s)
            return None
        item = self.reads.pop(0)
        if isinstance(item, CameraError):
            raise item
        return None if item is None else CameraFrame(item, item, np.zeros((3, 4, 3), np.uint8), None, PINHOLE, {})

    def disconnect(self) -> None:
        self.connected = False

    def state(self) -> str:
        return ""

    def concerns(self) -> list[str]:
        return []


def collect(camera: Camera, count: int, back_off: BackOff) -> tuple[list[int], list[tuple[str, float]], int]:
    """Return frame numbers, troubles and the number of connections until ``count`` frames came."""
    closing, troubles, connected = threading.Event(), [], []
    numbers = []
    on_trouble: Callable[[CameraError, float], None] = lambda error, wait: troubles.append((str(error), wait))  # noqa: E731
    for frame in frames(camera, back_off, closing, on_connect=connected.append, on_trouble=on_trouble):
        numbers.append(frame.number)
        if len(numbers) == count:
            closing.set()
    return numbers, troubles, len(connected)


def test_frames_go_on_after_losses() -> None:
    """Absent at the start, lost in between, absent again: every reason is told, and every frame comes."""
    camera = ScriptedCamera(
        [
            CameraAbsentError("none connected"),
            CameraAbsentError("none connected"),
            None,
            CameraAbsentError("gone"),
            None,
        ],
        [1, None, 2, CameraLostError("unplugged"), 3, 4],
    )
    numbers, troubles, connected = collect(camera, 4, BackOff(0.01, 0.015))
    assert numbers == [1, 2, 3, 4]
    assert troubles == [("none connected", 0.01), ("none connected", 0.015), ("unplugged", 0.01), ("gone", 0.015)]
    assert connected == 2
    assert not camera.connected


def test_settings_that_the_camera_cannot_do_end_it() -> None:
    """Trying again would not help."""

    class Refusing(ScriptedCamera):
        def connect(self) -> CameraDescription:
            raise CameraSettingsError("no such profile")

    with pytest.raises(CameraSettingsError, match="no such profile"):
        collect(Refusing([], []), 1, BackOff(0.01, 0.01))


@pytest.mark.parametrize("absent", [True, False])
def test_closing_is_quick(absent: bool) -> None:
    """While it waits for the next attempt, and while no frame comes."""
    camera = ScriptedCamera([CameraAbsentError("none")] if absent else [], [])
    closing = threading.Event()
    threading.Timer(0.1, closing.set).start()
    start = time.monotonic()
    assert list(frames(camera, BackOff(60.0, 60.0), closing)) == []
    assert time.monotonic() - start < 10.0
    assert not camera.connected


def test_depth_is_asked_for_frame_by_frame() -> None:
    """Listeners come and go."""
    camera = ScriptedCamera([], [1, 2, 3])
    closing, wanted = threading.Event(), iter([True, False, True])
    for frame in frames(camera, BackOff(1.0, 1.0), closing, with_depth=lambda: next(wanted)):
        if frame.number == 3:
            closing.set()
    assert camera.depth_asked == [True, False, True]


def test_impossible_waits_are_refused() -> None:
    """Named with their values."""
    with pytest.raises(EscherNetError, match="they are 2 s and 1 s"):
        BackOff(2.0, 1.0)


def test_a_camera_is_a_context_manager() -> None:
    """Connected inside, disconnected after."""
    camera = ScriptedCamera([], [])
    with camera:
        assert camera.connected
    assert not camera.connected
