# SPDX-License-Identifier: Apache-2.0
"""Depth is kept where the arm rests at a new place, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from box_scene import CAMERA

from eschernet_ros.capture import PoseBuffer, StillnessDetector
from eschernet_ros.geometry import SE3
from eschernet_ros.localisation import CollectorSettings, DepthFrame, ViewCollector

MS = 1_000_000


class Rig:
    """A collector, its pose buffer, and a clock that runs as poses are added."""

    def __init__(self, **settings: float) -> None:
        self.poses = PoseBuffer()
        self.decoded = 0
        self.now = 1000 * MS
        hand_eye = SE3.from_rotvec([0.0, 0.0, 0.0], [0.0, 0.0, 0.1])
        chosen = CollectorSettings(pose_timeout_s=0.05, **settings)
        self.collector = ViewCollector(hand_eye, self.poses, StillnessDetector(0.2, 0.0005, 0.002), chosen)

    def pose(self, x: float, milliseconds: int = 400, speed: float = 0.0) -> None:
        """Let time pass with the arm at ``x``, or beginning there with a speed in m/s."""
        for step in range(0, milliseconds, 10):
            self.poses.add(self.now, SE3.from_rotvec([0.0, 0.0, 0.0], [x + speed * step / 1e3, 0.0, 0.5]))
            self.now += 10 * MS

    def frame(self, stamp_ns: int | None = None) -> None:
        """Offer a frame of just now, and wait until it has been looked at."""

        def decode() -> tuple[np.ndarray, object]:
            self.decoded += 1
            return np.full((240, 320), 0.4, np.float32), CAMERA

        before = sum(self.collector.counts.values())
        self.collector.offer(DepthFrame(self.now - 10 * MS if stamp_ns is None else stamp_ns, decode))  # type: ignore[arg-type]
        self.wait(lambda: sum(self.collector.counts.values()) >= before + 2)

    @staticmethod
    def wait(condition: Callable[[], bool]) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + 20.0
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.002)


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Return a rig whose thread ends with the test."""
    made = Rig()
    yield made
    made.collector.close()


def test_without_a_place_on_the_arm_nothing_is_kept(rig: Rig) -> None:
    """Nor while it changes: a pose of one end effector and the transform of another make no camera."""
    collector = ViewCollector(None, rig.poses, StillnessDetector(0.2, 0.0005, 0.002), CollectorSettings())
    try:
        rig.pose(0.0)
        assert collector.camera_now() is None
        collector.offer(DepthFrame(rig.now - 10 * MS, lambda: (np.full((240, 320), 0.4, np.float32), CAMERA)))
        rig.wait(lambda: collector.refused == "the camera's place on the arm is not known yet")
        collector.use(SE3.from_rotvec([0.0, 0.0, 0.0], [0.0, 0.0, 0.2]))
        camera = collector.camera_now()
        assert camera is not None
        np.testing.assert_allclose(camera.translation, [0.0, 0.0, 0.7])
        # a frame whose pose is still to come, while the transform changes
        collector.offer(DepthFrame(rig.now, lambda: (np.full((240, 320), 0.4, np.float32), CAMERA)))
        time.sleep(0.05)
        collector.use(SE3.identity())
        rig.pose(0.0, 20)
        rig.wait(lambda: collector.counts["frames while the camera's place changed"] == 1)
        assert collector.refused == "the camera's place on the arm changed" and collector.views == ()
    finally:
        collector.close()


def test_one_view_per_place_at_rest(rig: Rig) -> None:
    rig.pose(0.0)
    rig.frame()
    rig.frame()
    assert len(rig.collector.views) == 1
    assert rig.collector.counts["frames at a place already seen"] == 1
    assert rig.decoded == 1
    np.testing.assert_allclose(rig.collector.views[0].base_from_camera_optical.translation, [0.0, 0.0, 0.6])
    rig.pose(0.2)
    rig.frame()
    assert len(rig.collector.views) == 2
    assert rig.collector.refused == ""
    camera = rig.collector.camera_now()
    assert camera is not None
    np.testing.assert_allclose(camera.translation, [0.2, 0.0, 0.6])
    assert rig.collector.clear() == 2
    assert rig.collector.views == ()


def test_frames_in_motion_and_without_a_pose_are_counted_with_the_reason(rig: Rig) -> None:
    assert rig.collector.camera_now() is None
    rig.pose(0.0, speed=0.3)
    rig.frame()
    assert rig.collector.counts["frames while moving"] == 1
    assert "the arm moves" in rig.collector.refused
    rig.frame(rig.now + 5000 * MS)
    assert rig.collector.counts["rejected: PoseTooNew"] == 1
    assert "after the newest pose" in rig.collector.refused
    assert rig.collector.views == ()
    assert rig.decoded == 0


def test_the_oldest_view_goes_when_there_are_too_many() -> None:
    rig = Rig(most_views=2)
    for x in (0.0, 0.2, 0.4):
        rig.pose(x)
        rig.frame()
    kept = [view.base_from_camera_optical.translation[0] for view in rig.collector.views]
    np.testing.assert_allclose(kept, [0.2, 0.4])
    assert rig.collector.counts["views dropped for newer ones"] == 1
    rig.collector.close()
