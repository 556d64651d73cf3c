# SPDX-License-Identifier: Apache-2.0
"""A swinging camera's recording, drawn once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import drawn_scene
import numpy as np
import pytest

from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.checking.recording import ArmPoses, CheckFrame, CheckRecording
from eschernet_ros.geometry import SE3

TIMES = [0.15 + 0.33 * i for i in range(9)]


@pytest.fixture(scope="session")
def box_frames() -> list[CheckFrame]:
    """Nine frames with texture, depth and masks."""
    return drawn_scene.frames_at(TIMES)


@pytest.fixture(scope="session")
def plain_frames() -> list[CheckFrame]:
    """The same without any texture."""
    return drawn_scene.frames_at(TIMES, plain=True)


@pytest.fixture(scope="session")
def swing() -> Callable[..., ArmPoses]:
    """The arm's pose stream, 250 Hz; its clock may be ahead, and the hand-eye transform wrong."""

    def make(ahead_s: float = 0.0, error: SE3 | None = None, hand_eye: SE3 | None = None) -> ArmPoses:
        times = np.arange(0.0, 3.3, 0.004)
        poses = [drawn_scene.camera_at(t) @ drawn_scene.HAND_EYE.inverse() for t in times]
        stamps = [drawn_scene.stamp(t + ahead_s) for t in times]
        given = hand_eye or drawn_scene.HAND_EYE @ (error or SE3.identity())
        return ArmPoses(PoseTrack.from_poses(stamps, poses), given)

    return make


@pytest.fixture(scope="session")
def recording_of() -> Callable[..., CheckRecording]:
    """A recording of frames and an arm; without masks and, if asked, without depth."""

    def make(frames: list[CheckFrame], arm: ArmPoses, depth: bool = True, mask: bool = False) -> CheckRecording:
        kept = [replace(f, mask=f.mask if mask else None, depth=f.depth if depth else None) for f in frames]
        return CheckRecording(
            name="swing",
            source="drawn",
            frames=tuple(kept),
            world_from_camera=tuple(arm.cameras_at([frame.stamp_ns for frame in kept])),
            arm=arm,
        )

    return make
