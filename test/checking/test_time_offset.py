# SPDX-License-Identifier: Apache-2.0
"""The clocks' offset from a moving arm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.checking.recording import ArmPoses
from eschernet_ros.checking.time_offset import estimate_time_offset
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3


@pytest.mark.parametrize("ahead_s", [0.030, -0.045])
def test_recovers_the_offset_with_its_sign(box_frames, swing, recording_of, ahead_s):
    found = estimate_time_offset(recording_of(box_frames, swing(ahead_s=ahead_s)))
    assert found.offset_s == pytest.approx(ahead_s, abs=0.001)
    low, high = found.interval_s
    assert low < found.offset_s < high
    assert high - low < 0.005
    assert not found.hand_eye_mattered
    assert found.offsets_s[np.argmin(found.misfits)] == pytest.approx(ahead_s, abs=0.011)


def test_hand_eye_error_does_not_spoil_it(box_frames, swing, recording_of):
    error = SE3.from_rotvec(np.radians([1.2, -1.4, 0.8]), [0.004, 0.0, -0.003])
    found = estimate_time_offset(recording_of(box_frames, swing(ahead_s=0.030, error=error)))
    assert found.hand_eye_mattered
    assert found.offset_s == pytest.approx(0.030, abs=0.003)
    assert np.degrees(found.joint.angle_rad) == pytest.approx(2.01, abs=0.3)


def test_refuses_an_arm_that_rests_and_pictures_without_anything(box_frames, plain_frames, swing, recording_of):
    moving = recording_of(box_frames, swing())
    track = moving.arm.track
    rest = PoseTrack.from_poses(track.stamps_ns, [track.sample(100)] * len(track))
    with pytest.raises(EscherNetError, match=r"hardly moves in 'swing': 0\.0 mm/s in the median of 9 frames"):
        estimate_time_offset(replace(moving, arm=ArmPoses(rest, moving.arm.ee_from_camera_optical)))
    with pytest.raises(EscherNetError, match="no pose stream"):
        estimate_time_offset(replace(moving, arm=None))
    blank = [replace(frame, image=np.full_like(frame.image, 200)) for frame in plain_frames]
    with pytest.raises(EscherNetError, match="share too little"):
        estimate_time_offset(recording_of(blank, swing(), depth=False))
