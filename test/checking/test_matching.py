# SPDX-License-Identifier: Apache-2.0
"""Matches that the poses have no say in."""

from __future__ import annotations

from dataclasses import replace

import drawn_scene
import numpy as np

from eschernet_ros.checking.matching import MIN_MATCHES, find_features, match_all, pair_distances
from eschernet_ros.geometry import SE3


def test_matches_fit_true_poses_and_not_wrong_ones(box_frames, swing):
    poses = swing().cameras_at([frame.stamp_ns for frame in box_frames])
    pairs, carried = match_all(box_frames[:4], poses[:4])
    assert carried < 20
    assert len(pairs) >= 4
    assert all(len(pair) >= MIN_MATCHES and pair.floor_px < 0.5 for pair in pairs)
    assert np.median([np.median(pair_distances(pair, poses)) for pair in pairs]) < 0.4
    # the same pairs whatever the poses say: matching does not look at them
    other, _ = match_all(box_frames[:4], [pose.inverse() for pose in poses[:4]])
    assert [(p.first, p.second, len(p)) for p in other] == [(p.first, p.second, len(p)) for p in pairs]
    assert np.median([np.median(pair_distances(pair, [p.inverse() for p in poses])) for pair in pairs]) > 5.0


def test_depth_of_features_is_that_of_the_scene(box_frames):
    features = find_features(box_frames[0])
    known = np.isfinite(features.depths)
    assert known.sum() > 50
    camera = drawn_scene.camera_at(0.15)
    rays = np.concatenate([features.rays[known], np.ones((known.sum(), 1))], axis=1)
    world = camera @ (rays * features.depths[known, None])
    on_floor = np.abs(world[:, 2]) < 0.003
    on_top = np.abs(world[:, 2] - 0.10) < 0.003
    on_sides = (world[:, 2] > 0) & (world[:, 2] < 0.1)
    assert (on_floor | on_top | on_sides).all()
    assert on_floor.sum() > 10


def test_what_moves_with_the_camera_is_left_out(box_frames, swing):
    gripper = drawn_scene.texture(99)[:120, :200]
    covered = []
    for frame in box_frames[:3]:
        image = frame.image.copy()
        image[:120, :200] = gripper
        covered.append(replace(frame, image=image))
    poses = swing().cameras_at([frame.stamp_ns for frame in covered])
    pairs, carried = match_all(covered, poses)
    assert carried > 50
    for pair in pairs:
        assert np.median(pair_distances(pair, poses)) < 0.5
    # a camera that rests sees everything stay in its place, and nothing is left out
    _, still = match_all(covered[:1] * 2, [poses[0]] * 2)
    assert still == 0


def test_cut_out_object_has_no_feature_outside(box_frames):
    frame = box_frames[0]
    cut = replace(frame, image=np.where(frame.mask[..., None], frame.image, 255), background_is_blank=True)
    pixels = np.round(find_features(cut).pixels).astype(int)
    assert len(pixels) > 20
    assert frame.mask[pixels[:, 1], pixels[:, 0]].all()


def test_nothing_to_see(plain_frames):
    empty = replace(plain_frames[0], image=np.full_like(plain_frames[0].image, 200))
    assert find_features(empty).pixels.shape == (0, 2)
    assert match_all([empty, empty], [SE3.identity()] * 2) == ([], 0)
