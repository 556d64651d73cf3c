# SPDX-License-Identifier: Apache-2.0
"""Masks against their visual hull."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eschernet_ros.checking.silhouettes import silhouette_agreement
from eschernet_ros.geometry import GL_FROM_OPTICAL, SE3


def poses_of(frames, swing):
    return swing().cameras_at([frame.stamp_ns for frame in frames])


def test_right_poses_fill_the_masks_and_wrong_ones_do_not(plain_frames, swing):
    poses = poses_of(plain_frames, swing)
    assert silhouette_agreement(plain_frames, poses).mean > 0.98
    assert silhouette_agreement(plain_frames, [p.inverse() for p in poses]).mean < 0.2
    assert silhouette_agreement(plain_frames, [p @ GL_FROM_OPTICAL for p in poses]).mean == 0.0


def test_one_wrong_pose_is_blamed(plain_frames, swing):
    poses = poses_of(plain_frames, swing)
    poses[4] = poses[4] @ SE3.from_rotvec([0, 0.08, 0], [0.02, 0, 0])
    agreement = silhouette_agreement(plain_frames, poses)
    assert agreement.mean < 0.95
    assert int(np.argmax(agreement.blame)) == 4
    assert agreement.blame[4] > 0.05


def test_fewer_than_three_masks_tell_nothing(plain_frames, swing):
    poses = poses_of(plain_frames, swing)
    frames = [*plain_frames[:2], *(replace(frame, mask=None) for frame in plain_frames[2:])]
    agreement = silhouette_agreement(frames, poses)
    assert np.isnan(agreement.mean)
    assert np.isnan(agreement.iou).all()
