# SPDX-License-Identifier: Apache-2.0
"""What can be wrong around the pictures: two-parent frames, an old calibration, a changed end effector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.findings import Finding, Level
from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import forward_kinematics

EE_CHANGE_M, EE_CHANGE_RAD = 0.001, math.radians(0.3)
"""A larger change of F_T_EE moves the camera's pose by more than a calibration may be off."""
STILL_RAD_S = 0.02
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, eq=False)
class RecordingFacts:
    """What a bag or a live graph says beside pictures and poses.

    Attributes:
        tf_edges: (child frame, parent frame, topic) of every transform seen.
        joint_stamps_ns, joints: [7] rad, of the arm's joint states.
        reported_ee: (stamp, ``flange_from_ee``) that the controller reports (FrankaRobotState.f_t_ee).
        start_ns: when the recording began, by the clock of its stamps; None where unknown.
        calibration: name of the calibration's file; None where it was given as numbers.
        calibrated_ns: when that file was last written; None where unknown.
        earlier_ee: (name, ``flange_from_ee``) of earlier recordings to compare with.
    """

    tf_edges: frozenset[tuple[str, str, str]] = frozenset()
    joint_stamps_ns: Sequence[int] = ()
    joints: Sequence[NDArray[np.float64]] = ()
    reported_ee: Sequence[tuple[int, SE3]] = ()
    start_ns: int | None = None
    calibration: str | None = None
    calibrated_ns: int | None = None
    earlier_ee: Sequence[tuple[str, SE3]] = ()


def audit(facts: RecordingFacts, track: PoseTrack | None, max_calibration_age_days: float = 90.0) -> list[Finding]:
    """All findings about a recording's surroundings.

    Args:
        facts: what is known.
        track: the arm's poses ``base_from_ee``.
        max_calibration_age_days: an older calibration is called stale.
    """
    findings = two_parents(facts.tf_edges)
    findings += end_effector_changes(facts, track)
    findings += calibration_age(facts, max_calibration_age_days)
    return findings


def two_parents(tf_edges: frozenset[tuple[str, str, str]]) -> list[Finding]:
    """Frames that are given more than one parent: TF keeps the newest and jumps between them."""
    parents: dict[str, dict[str, set[str]]] = {}
    for child, parent, topic in tf_edges:
        parents.setdefault(child, {}).setdefault(parent, set()).add(topic)
    findings = []
    for child, by_parent in sorted(parents.items()):
        if len(by_parent) > 1:
            named = " and ".join(f"'{p}' ({', '.join(sorted(topics))})" for p, topics in sorted(by_parent.items()))
            optical = child.endswith("optical_frame")
            remedy = (
                "attach the hand-eye transform to the camera's root frame (camera_link), which has no other parent"
                if optical
                else "end one of the two publishers"
            )
            findings.append(
                Finding(Level.BAD, "two parents", f"frame '{child}' has {len(by_parent)} parents: {named}; {remedy}.")
            )
    return findings


def measured_ee(facts: RecordingFacts, track: PoseTrack | None) -> list[tuple[int, SE3]]:
    """``flange_from_ee`` over time: as reported, else from joint states and the arm's poses where it is at rest.

    Uses the kinematics of Panda and FR3; for another arm the result is not constant, and no change is claimed from it.
    """
    if facts.reported_ee:
        return list(facts.reported_ee)
    if track is None or len(facts.joints) < 3:
        return []
    stamps = np.array(facts.joint_stamps_ns)
    angles = np.array(facts.joints)
    speed = np.abs(np.gradient(angles, stamps / 1e9, axis=0)).max(axis=1)
    samples = []
    for stamp, q, rate in zip(stamps, angles, speed, strict=True):
        if rate < STILL_RAD_S and track.covers(int(stamp)) and track.gap_ns(int(stamp)) < 100_000_000:
            samples.append((int(stamp), forward_kinematics(q).inverse() @ track.at(int(stamp))))
    return samples


def end_effector_changes(facts: RecordingFacts, track: PoseTrack | None) -> list[Finding]:
    """Changes of F_T_EE within the recording, and against earlier ones."""
    samples = measured_ee(facts, track)
    if not samples:
        return []
    first_stamp, first = samples[0]
    findings = []
    reported = bool(facts.reported_ee)
    changed = next(((stamp, ee) for stamp, ee in samples if _differs(first, ee)), None)
    if changed is not None and (reported or _is_one_step(samples)):
        stamp, ee = changed
        findings.append(
            Finding(
                Level.BAD,
                "end effector",
                f"F_T_EE changes by {_distance(first, ee)} {(stamp - first_stamp) / 1e9:.2f} s after the first sample: "
                "the hand-eye calibration holds for one end effector only; set it before recording and leave it.",
            )
        )
    if changed is None:
        for name, earlier in facts.earlier_ee:
            if _differs(earlier, first):
                findings.append(
                    Finding(
                        Level.BAD,
                        "end effector",
                        f"F_T_EE differs from that of {name} by {_distance(earlier, first)}: a calibration made for "
                        "one does not hold for the other; anchor it to the flange.",
                    )
                )
    return findings


def calibration_age(facts: RecordingFacts, max_age_days: float) -> list[Finding]:
    """Whether the calibration's file is much older than the recording, or younger."""
    if facts.calibrated_ns is None or facts.start_ns is None:
        return []
    days = (facts.start_ns - facts.calibrated_ns) / DAY_NS
    if facts.start_ns < 10**18:  # before September 2001: simulated time, or a clock that was never set
        return [
            Finding(
                Level.PASS, "calibration", "the recording's stamps are no wall clock: the calibration's age is unknown."
            )
        ]
    if days > max_age_days:
        return [
            Finding(
                Level.SUSPICIOUS,
                "calibration",
                f"the calibration {facts.calibration} was {days:.0f} days old when the recording began (limit "
                f"{max_age_days:.0f}): calibrate again, or check that the mount was not touched since.",
            )
        ]
    if days < 0.0:
        return [
            Finding(
                Level.PASS,
                "calibration",
                f"the calibration {facts.calibration} was written {-days:.1f} days after the recording began.",
            )
        ]
    return []


def _differs(a: SE3, b: SE3) -> bool:
    metres, radians = a.distance_to(b)
    return metres > EE_CHANGE_M or radians > EE_CHANGE_RAD


def _distance(a: SE3, b: SE3) -> str:
    metres, radians = a.distance_to(b)
    return f"{metres * 1e3:.1f} mm and {math.degrees(radians):.2f} deg"


def _is_one_step(samples: Sequence[tuple[int, SE3]]) -> bool:
    """Whether the samples before a change agree and those after it agree: a step, not an arm of other kinematics."""
    values = [ee for _, ee in samples]
    step = next(i for i, ee in enumerate(values) if _differs(values[0], ee))
    return step >= 3 and len(values) - step >= 3 and not any(_differs(values[step], ee) for ee in values[step:])
