# SPDX-License-Identifier: Apache-2.0
"""Recordings of the moving bench without a graph."""

from __future__ import annotations

import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.simulation.recording import START_NS, RecordingPlan, record_bench


def test_frames_poses_and_stamps_belong_together(mug_bench):
    plan = RecordingPlan(seconds=0.8, fps=5.0, exposure_s=0.01, noise=False, pose_jitter_s=0.0)
    recording = record_bench(mug_bench, plan)
    picture = recording.frames[1]
    index = int(np.argmin(np.abs(np.array(recording.pose_stamps_ns) - (picture.stamp_ns - 5_000_000))))
    # the stamp is the end of the exposure, the pose that of its middle
    assert abs(recording.pose_stamps_ns[index] - (picture.stamp_ns - 5_000_000)) < 1000
    from_stream = recording.poses[index] @ recording.ee_from_camera_optical
    assert from_stream.distance_to(picture.base_from_camera_optical)[0] < 1e-6
    joints = recording.joints[int(np.searchsorted(recording.joint_stamps_ns, START_NS + 400_000_000))]
    assert mug_bench.base_from_ee(joints).distance_to(recording.poses[100])[0] < 1e-9
    assert len(recording.frames) == 3
    assert [frame.stamp_ns for frame in recording.frames] == [START_NS + 200_000_000 * i + 5_000_000 for i in (1, 2, 3)]
    assert len(recording.poses) == 200
    assert len(recording.joints) == 24
    assert picture.colour.shape == (480, 640, 3)
    assert 150 < np.median(picture.depth_mm[picture.depth_mm > 0]) < 1000
    assert (recording.speeds() > 0.02).all()


def test_plan_and_motion_are_checked(mug_bench):
    with pytest.raises(EscherNetError, match="positive times and rates"):
        RecordingPlan(fps=0.0)
    with pytest.raises(EscherNetError):
        record_bench(mug_bench, RecordingPlan(azimuth_swing_deg=175.0))
