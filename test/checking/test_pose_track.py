# SPDX-License-Identifier: Apache-2.0
"""Pose streams in arrays."""

from __future__ import annotations

import numpy as np
import pytest

from eschernet_ros.checking.frame_choice import speeds_at, spread_over_motion
from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3


def line(times, speed=0.2):
    return [SE3.from_rotvec([0, 0, 0.5 * t], [speed * t, 0, 0]) for t in times]


def test_interpolates_inside_and_holds_the_ends_outside():
    track = PoseTrack.from_poses([0, 10_000_000, 30_000_000], line([0.0, 0.01, 0.03]))
    assert track.at(20_000_000).is_close(line([0.02])[0], 1e-9)
    assert track.at(-5).is_close(line([0.0])[0])
    assert track.at(99_000_000).is_close(line([0.03])[0])
    assert (track.covers(-5), track.covers(0), track.covers(30_000_000), track.covers(30_000_001)) == (0, 1, 1, 0)
    assert (track.gap_ns(20_000_000), track.gap_ns(10_000_000), track.gap_ns(99_000_000)) == (20_000_000, 0, 0)


def test_late_and_double_samples_are_put_in_order():
    poses = line([0.02, 0.0, 0.01, 0.5])
    track = PoseTrack.from_poses([20_000_000, 0, 10_000_000, 10_000_000], poses)
    assert track.stamps_ns.tolist() == [0, 10_000_000, 20_000_000]
    assert track.at(10_000_000).is_close(poses[2])


def test_speed_counts_turning():
    times = np.arange(0, 1, 0.01)
    track = PoseTrack.from_poses((times * 1e9).astype(np.int64), line(times))
    assert track.speed_at(500_000_000) == pytest.approx((0.2, 0.5), rel=1e-6)
    assert speeds_at(track, [500_000_000])[0] == pytest.approx(0.2 + 0.4 * 0.5, rel=1e-6)
    assert PoseTrack.from_poses([0], line([0.0])).speed_at(0) == (0.0, 0.0)


def test_no_sample_and_wrong_shapes_are_refused():
    with pytest.raises(EscherNetError, match="at least one sample"):
        PoseTrack([], [], [])
    with pytest.raises(EscherNetError, match=r"not \[2\], \[1, 3\]"):
        PoseTrack([0, 1], [[0, 0, 0]], [[0, 0, 0, 1]])


def test_frames_are_spread_over_the_way_not_over_time():
    # rests for 8 s, then moves for 1 s
    times = np.concatenate([np.arange(0, 8, 0.1), 8 + np.arange(0, 1, 0.1)])
    poses = line(np.maximum(times - 8, 0))
    stamps = (times * 1e9).astype(np.int64)
    chosen = spread_over_motion(stamps.tolist(), PoseTrack.from_poses(stamps, poses), 6)
    assert len(chosen) == 6
    assert sum(times[i] < 8 for i in chosen) <= 1
    still = PoseTrack.from_poses(stamps, line(np.zeros(len(times))))
    assert len(spread_over_motion(stamps.tolist(), still, 6)) == 6
    assert spread_over_motion(stamps[:4].tolist(), still, 6) == [0, 1, 2, 3]
