# SPDX-License-Identifier: Apache-2.0
"""Verdicts and causes on a drawn scene with known faults."""

from __future__ import annotations

import json
from dataclasses import replace

import drawn_scene
import numpy as np
import pytest

from eschernet_ros.checking.causes import Cause
from eschernet_ros.checking.conventions import BODY_FROM_OPTICAL, alternatives
from eschernet_ros.checking.judge import Judgement, judge
from eschernet_ros.checking.picture import check_picture
from eschernet_ros.checking.recording import CheckFrame, CheckRecording
from eschernet_ros.checking.report import as_dict, as_text
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import GL_FROM_OPTICAL, SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE

HAND_EYE_ERROR = SE3.from_rotvec(np.radians([1.2, -1.4, 0.8]), [0.004, 0.0, -0.003])


def only_cause(judgement: Judgement) -> Cause:
    assert len(judgement.causes) == 1
    return judgement.causes[0]


def test_true_poses_pass(box_frames, swing, recording_of):
    judgement = judge(recording_of(box_frames, swing(), mask=True))
    assert judgement.verdict == "pass"
    assert "9 of 9 frames" in judgement.sentence
    assert judgement.epipolar_px < 0.5
    assert judgement.depth_mm < 1.0
    assert judgement.silhouette > 0.98
    assert (judgement.flagged, judgement.causes) == ((), ())
    written = json.loads(json.dumps(as_dict(judgement), allow_nan=False))
    assert (written["verdict"], len(written["frames"]), written["flagged_frames"]) == ("pass", 9, [])
    assert check_picture(judgement).startswith(b"\x89PNG")


def test_hand_eye_error_is_found_and_named(box_frames, swing, recording_of):
    judgement = judge(recording_of(box_frames, swing(error=HAND_EYE_ERROR)))
    assert judgement.verdict in ("suspicious", "bad")
    cause = only_cause(judgement)
    assert cause.kind == "hand-eye"
    left = HAND_EYE_ERROR @ cause.fit.given_camera_from_true
    assert np.degrees(np.linalg.norm(left.rotvec)) < 0.25
    assert np.linalg.norm(left.translation) < 0.002
    assert "deg" in cause.text
    assert "rotation_xyzw" in cause.text
    assert cause.text in as_text(judgement)
    assert check_picture(judgement).startswith(b"\x89PNG")


def test_time_offset_is_found_and_named(box_frames, swing, recording_of):
    judgement = judge(recording_of(box_frames, swing(ahead_s=0.030)))
    assert judgement.verdict in ("suspicious", "bad")
    cause = only_cause(judgement)
    assert cause.kind == "time offset"
    assert cause.fit.time_offset_s == pytest.approx(0.030, abs=0.001)
    assert "the clocks of camera and arm are +30." in cause.text or "+29." in cause.text


def test_hand_eye_error_without_depth(box_frames, swing, recording_of):
    judgement = judge(recording_of(box_frames, swing(error=HAND_EYE_ERROR), depth=False))
    assert np.isnan(judgement.depth_mm)
    assert only_cause(judgement).kind == "hand-eye"
    left = HAND_EYE_ERROR @ only_cause(judgement).fit.given_camera_from_true
    assert np.degrees(np.linalg.norm(left.rotvec)) < 0.5


def test_without_texture_depth_tells(plain_frames, swing, recording_of):
    good = judge(recording_of(plain_frames, swing()))
    assert good.verdict == "pass"
    bad = judge(recording_of(plain_frames, swing(error=SE3.from_rotvec([0.06, -0.06, 0.03], [0.01, 0.0, 0.0]))))
    assert bad.verdict in ("suspicious", "bad")
    assert bad.depth_mm > 4.0 > 4.0 * good.depth_mm


def test_one_wrong_frame_is_named(box_frames, swing, recording_of):
    recording = recording_of(box_frames, swing())
    poses = list(recording.world_from_camera)
    poses[5] = poses[5] @ SE3.from_rotvec([0.0, 0.03, 0.0], [0.01, 0.0, 0.0])
    judgement = judge(replace(recording, arm=None).with_poses(poses))
    assert judgement.verdict == "suspicious"
    assert judgement.flagged[0].name == "view5"
    assert "view5" in " ".join(finding.text for finding in judgement.findings)
    assert only_cause(judgement).kind == "none"
    assert "single frames" in only_cause(judgement).text


def test_textureless_without_depth_or_masks_cannot_be_judged(plain_frames, swing, recording_of):
    blank = [replace(frame, image=np.full_like(frame.image, 200)) for frame in plain_frames]
    judgement = judge(recording_of(blank, swing(), depth=False))
    assert judgement.verdict == "cannot judge"
    assert "texture" in judgement.sentence
    assert check_picture(judgement).startswith(b"\x89PNG")


def test_masks_alone_judge_and_name_the_reading(plain_frames, swing):
    frames = [replace(f, image=np.full_like(f.image, 255), depth=None, background_is_blank=True) for f in plain_frames]
    poses = swing().cameras_at([frame.stamp_ns for frame in frames])
    right = CheckRecording("hull", "drawn", tuple(frames), tuple(poses), length_unit_m=None)
    assert judge(right).verdict == "pass"
    wrong = judge(right.with_poses([pose @ GL_FROM_OPTICAL for pose in poses]))
    assert wrong.verdict == "bad"
    assert only_cause(wrong).kind == "reading"
    assert "OpenGL" in only_cause(wrong).text
    assert check_picture(wrong).startswith(b"\x89PNG")


def scaled(pose: SE3, factor: float) -> SE3:
    return SE3.from_rotation_translation(pose.matrix[:3, :3], factor * pose.translation)


def reordered(pose: SE3) -> SE3:
    x, y, z, w = pose.quaternion_xyzw
    return SE3.from_quaternion_xyzw([w, x, y, z], pose.translation)


@pytest.mark.parametrize(
    ("misread", "words"),
    [
        (lambda h: h.inverse(), "transform is inverted"),
        (lambda h: h @ GL_FROM_OPTICAL, "OpenGL axes"),
        (lambda h: h @ BODY_FROM_OPTICAL.inverse(), "camera_link"),
        (lambda h: scaled(h, 1000.0), "translation is in millimetres"),
        (lambda h: FLANGE_FROM_HAND_EE @ h, "starts at the flange"),
        (lambda h: FLANGE_FROM_HAND_EE.inverse() @ h, "starts at the hand's end effector"),
        (lambda h: SE3.from_rotvec(np.radians(h.rotvec), h.translation), "converted from degrees once too often"),
        (lambda h: SE3.from_rotvec(np.degrees(h.rotvec), h.translation), "is in degrees and was read as radians"),
        (reordered, "order w, x, y, z"),
    ],
)
def test_misread_hand_eye_transforms_are_undone(box_frames, swing, recording_of, misread, words):
    recording = recording_of(box_frames, swing(hand_eye=misread(drawn_scene.HAND_EYE)))
    true = swing().cameras_at(recording.stamps_ns)
    undone = [a for a in alternatives(recording) if a.world_from_camera[3].is_close(true[3], 1e-6)]
    assert [words in alternative.cause for alternative in undone] == [True]


@pytest.mark.parametrize(
    ("misread", "words"),
    [
        (lambda p: p.inverse(), "world-to-camera where camera-to-world"),
        (lambda p: p @ GL_FROM_OPTICAL, "axes are OpenGL's"),
        (lambda p: (p @ GL_FROM_OPTICAL).inverse(), "inverted and the cameras' axes"),
        (lambda p: scaled(p, 1000.0), "in millimetres"),
        (lambda p: SE3.from_rotation_translation(p.rotation.inv(), p.translation), "transposed"),
        (lambda p: SE3.from_rotvec(np.radians(p.rotvec), p.translation), "converted from degrees once too often"),
    ],
)
def test_misread_poses_are_undone(box_frames, swing, recording_of, misread, words):
    recording = replace(recording_of(box_frames, swing()), arm=None)
    true = recording.world_from_camera
    wrong = recording.with_poses([misread(pose) for pose in true])
    undone = [a for a in alternatives(wrong) if all(map(SE3.is_close, a.world_from_camera, true, [1e-6] * 9))]
    assert [words in alternative.cause for alternative in undone][:1] == [True]


def test_inverted_hand_eye_is_named(box_frames, swing, recording_of):
    judgement = judge(recording_of(box_frames, swing(hand_eye=drawn_scene.HAND_EYE.inverse())))
    assert judgement.verdict == "bad"
    assert "the hand-eye transform is inverted" in only_cause(judgement).text


def test_frames_and_poses_that_do_not_fit_are_refused(box_frames):
    with pytest.raises(EscherNetError, match="1 frames and 0 poses"):
        CheckRecording("x", "x", (box_frames[0],), ())
    with pytest.raises(EscherNetError, match=r"the depth is 160x120, its camera 320x240"):
        CheckFrame("a", box_frames[0].image, drawn_scene.CAMERA, depth=np.zeros((120, 160), np.float32))
