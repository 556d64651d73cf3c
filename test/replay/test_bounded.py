# SPDX-License-Identifier: Apache-2.0
"""What a replay holds does not grow with the recording."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import resting_arm as arm
from bag_builder import Entry, stamped, write

from eschernet_ros.bags import BagError
from eschernet_ros.replay import EveryNth, Replayer, StillViews, replay
from eschernet_ros.replay.replayer import MOST_WAITING
from eschernet_ros.streams import CAPTURE_PARAMETERS, values_of

P = values_of(CAPTURE_PARAMETERS, arm.PARAMETERS | {"depth_topic": ""})
WIDTH, HEIGHT = 640, 480


def moving(frames: int) -> list[Entry]:
    """Return frames of 0.9 MB at 30 frames/s from an arm that never rests, and its poses at 100 Hz."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    entries: list[Entry] = []
    for index in range(frames):
        stamp = arm.START_NS + index * 33_333_333
        entries.append((stamp, arm.COLOUR, "sensor_msgs/msg/Image", arm.image_fields(pixels, stamp)))
        entries.append((stamp, arm.INFO, "sensor_msgs/msg/CameraInfo", arm.info_fields(stamp)))
    for index in range(frames * 10 // 3 + 4):
        stamp = arm.START_NS + index * 10_000_000
        pose = arm.pose_fields(arm.camera_at(1.0))
        pose["position"]["x"] += 0.001 * index
        fields = stamped(stamp, "base", pose=pose)
        entries.append((stamp, arm.POSE, "geometry_msgs/msg/PoseStamped", fields))
    return entries


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Count as held what only the garbage collector would free."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_memory_stays_flat(tmp_path: Path, no_collector: None) -> None:
    """Reading 55 MB takes no more than reading a few frames does: chunks of the file, and frames that wait."""
    peaks = []
    for frames in (15, 20, 60):  # the first imports what is needed
        path = write(tmp_path / f"bag{frames}", moving(frames))
        tracemalloc.start()
        with pytest.raises(BagError, match=rf"none of {frames} frames became a view .*arm moving"):
            replay(path, P, tmp_path / "views")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1] < 24e6


def test_frames_that_nobody_can_pose_do_not_pile_up() -> None:
    """The poses have stopped: only so many frames wait, and none longer than its patience."""
    replayer = Replayer(P, EveryNth(1, gated=False), lambda replayed: None)
    replayer.streams.poses.add(arm.START_NS, arm.ee_at(0.0))

    def frame(index: int, step_ns: int) -> None:
        stamp = arm.START_NS + 10**9 + (index + 1) * step_ns
        replayer.deliver(stamp, lambda: replayer.streams.take_frame(stamp, _never, stamp))

    for index in range(3 * MOST_WAITING):
        frame(index, 1_000_000)
    assert replayer.waiting == MOST_WAITING
    assert replayer.counts["rejected: PoseTooNew"] == 2 * MOST_WAITING
    assert replayer.counts["frames judged before their poses came: too many waited"] == 2 * MOST_WAITING
    for index in range(1, 5):
        frame(index, 1_000_000_000)
    assert replayer.waiting <= 2
    replayer.finish()
    assert replayer.waiting == 0
    assert "after the newest pose" in replayer.reasons["PoseTooNew"]


def test_what_waits_is_forgotten_when_time_jumps_back() -> None:
    replayer = Replayer(P, StillViews(), lambda replayed: None)
    for stamp in (arm.START_NS + 10**10, arm.START_NS):
        replayer.deliver(stamp, lambda stamp=stamp: replayer.streams.take_frame(stamp, _never, stamp))  # type: ignore[misc]
    assert replayer.counts["frames forgotten: time jumped back"] == 1
    assert replayer.streams.counts["time jumps"] == 1 and replayer.waiting == 1


def _never() -> Any:
    raise AssertionError("this frame needs no pixels")
