# SPDX-License-Identifier: Apache-2.0
"""What is wrong around the pictures."""

from __future__ import annotations

import numpy as np

from eschernet_ros.checking.audit import DAY_NS, RecordingFacts, audit, measured_ee
from eschernet_ros.checking.findings import Level
from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, forward_kinematics

NOW = 1_700_000_000_000_000_000
Q = np.array([0.1, -0.4, 0.0, -1.9, 0.2, 1.6, 0.7])


def test_two_parents_are_named_with_their_topics():
    edges = frozenset(
        [
            ("camera_color_optical_frame", "camera_color_frame", "/tf_static"),
            ("camera_color_optical_frame", "fr3_hand_tcp", "/tf"),
            ("fr3_link1", "fr3_link0", "/tf"),
        ]
    )
    (finding,) = audit(RecordingFacts(tf_edges=edges), None)
    assert finding.level == Level.BAD
    assert "'camera_color_optical_frame' has 2 parents: 'camera_color_frame' (/tf_static) and 'fr3_hand_tcp'" in (
        finding.text
    )
    assert "camera_link" in finding.text


def test_age_of_the_calibration():
    facts = RecordingFacts(start_ns=NOW, calibration="a.calib", calibrated_ns=NOW - 120 * DAY_NS)
    (finding,) = audit(facts, None)
    assert (finding.level, "120 days old" in finding.text) == (Level.SUSPICIOUS, True)
    assert audit(facts, None, max_calibration_age_days=130.0) == []
    late = RecordingFacts(start_ns=NOW, calibration="a.calib", calibrated_ns=NOW + 2 * DAY_NS)
    assert "2.0 days after" in audit(late, None)[0].text
    simulated = RecordingFacts(start_ns=5_000_000_000, calibration="a.calib", calibrated_ns=NOW)
    assert "no wall clock" in audit(simulated, None)[0].text
    assert audit(RecordingFacts(start_ns=NOW), None) == []


def test_reported_end_effector_that_changes():
    moved = FLANGE_FROM_HAND_EE @ SE3.from_rotvec([0, 0, 0], [0, 0, 0.02])
    steady = RecordingFacts(reported_ee=[(NOW + i, FLANGE_FROM_HAND_EE) for i in range(5)])
    assert audit(steady, None) == []
    changed = RecordingFacts(reported_ee=[(NOW, FLANGE_FROM_HAND_EE), (NOW + 1_500_000_000, moved)])
    (finding,) = audit(changed, None)
    assert "F_T_EE changes by 20.0 mm and 0.00 deg 1.50 s after" in finding.text
    other = RecordingFacts(
        reported_ee=steady.reported_ee, earlier_ee=[("monday", moved), ("tuesday", FLANGE_FROM_HAND_EE)]
    )
    (finding,) = audit(other, None)
    assert "differs from that of monday by 20.0 mm" in finding.text


def resting(ee_of_time) -> tuple[RecordingFacts, PoseTrack]:
    stamps = [NOW + 33_000_000 * i for i in range(30)]
    facts = RecordingFacts(joint_stamps_ns=stamps, joints=[Q] * 30)
    return facts, PoseTrack.from_poses(stamps, [forward_kinematics(Q) @ ee_of_time(i) for i in range(30)])


def test_end_effector_from_joint_states():
    facts, track = resting(lambda i: FLANGE_FROM_HAND_EE)
    samples = measured_ee(facts, track)
    assert len(samples) == 30
    assert samples[7][1].is_close(FLANGE_FROM_HAND_EE, 1e-9)
    assert audit(facts, track) == []
    moved = FLANGE_FROM_HAND_EE @ SE3.from_rotvec([0.0, 0.0, 0.1], [0, 0, 0])
    facts, track = resting(lambda i: FLANGE_FROM_HAND_EE if i < 15 else moved)
    assert "F_T_EE changes by 0.0 mm and 5.73 deg" in audit(facts, track)[0].text


def test_an_arm_of_other_kinematics_claims_no_change():
    facts, track = resting(lambda i: SE3.from_rotvec([0, 0, 0.01 * i], [0.002 * i, 0, 0]))
    assert audit(facts, track) == []
