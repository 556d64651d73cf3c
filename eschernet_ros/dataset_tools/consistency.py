# SPDX-License-Identifier: Apache-2.0
"""Do the poses of a data set fit its pictures, and if not, under which other reading would they?

Judged by the visual hull of the masks where there are whole masks, which needs no texture; else by the epipolar
distance of matched features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from eschernet_ros.checking.evidence import Evidence
from eschernet_ros.checking.findings import Finding, Level
from eschernet_ros.checking.judge import FOCAL_OF_LIMITS, Limits
from eschernet_ros.checking.matching import match_all, pair_distances
from eschernet_ros.checking.recording import CheckFrame, CheckRecording
from eschernet_ros.checking.silhouettes import silhouette_agreement
from eschernet_ros.dataset_tools.frame_shift import FrameShift, find_shift
from eschernet_ros.dataset_tools.readings import Reading
from eschernet_ros.geometry import SE3

MOST_JUDGED = 24
MOST_FOR_READINGS = 10
LEAST_MASKS = 3
LEAST_PAIRS = 3
GOOD_OVERLAP = 0.8
"""Another reading must let the hull fill at least this much of the masks, and halve what it does not fill now."""
HALVED = 0.5
BLAMED = 0.05


@dataclass(frozen=True)
class Consistency:
    """The outcome.

    Attributes:
        findings: sentences.
        measure: ``silhouettes``, ``epipolar`` or ``none``.
        value: mean share of the masks that their hull fills, or median epipolar distance in px at a focal length of
            600 px; NaN without measure.
        reading: the likely mistake, where one was found.
        world_from_camera: the poses under which everything fits best: as given, or by the reading.
    """

    findings: tuple[Finding, ...]
    measure: str
    value: float
    world_from_camera: tuple[SE3, ...] = field(repr=False)
    reading: Reading | None = None


def judge_consistency(
    recording: CheckRecording,
    readings: Sequence[Reading],
    whole: Sequence[bool],
    progress: Callable[[str], None] = lambda _: None,
) -> Consistency:
    """Compare pictures and poses, and look for another reading where they disagree.

    Args:
        recording: all views of one object, in the order of their numbers.
        readings: other readings, simplest first.
        whole: which frames have a mask that shows the whole object.
        progress: told what is being done.
    """
    masked = [row for row, is_whole in enumerate(whole) if is_whole]
    if len(masked) >= LEAST_MASKS:
        told = _differ([recording.world_from_camera[row] for row in masked])
        if told or any(_differ([reading.world_from_camera[row] for row in masked]) for reading in readings):
            progress("comparing masks with their visual hull")
            found = _by_silhouettes(recording, readings, masked)
            if told or found.reading is not None:  # masks from one side agree whatever they show
                return found
    progress("matching features")
    return _by_features(recording, readings)


def best_reading(
    frames: Sequence[CheckFrame], readings: Sequence[Reading], masked: Sequence[int], needed: float = GOOD_OVERLAP
) -> tuple[Reading | None, float]:
    """The reading under which the hull of some masks fills most of them, and how much; None below ``needed``.

    Args:
        frames: all views.
        readings: simplest first: of equals the first is taken.
        masked: rows of the frames whose masks show the whole object.
        needed: least share.
    """
    few = _evenly(masked, MOST_FOR_READINGS)
    best, highest = None, needed
    for reading in readings:
        value = _overlap([frames[row] for row in few], [reading.world_from_camera[row] for row in few])
        if value > highest:
            best, highest = reading, value
    return best, highest


def _by_silhouettes(recording: CheckRecording, readings: Sequence[Reading], masked: list[int]) -> Consistency:
    limits = Limits().silhouette
    judged = _evenly(masked, MOST_JUDGED)
    frames, poses = recording.frames, recording.world_from_camera
    agreement = silhouette_agreement([frames[row] for row in judged], [poses[row] for row in judged])
    overlap = agreement.mean
    level = Level.PASS if overlap >= limits[0] else Level.SUSPICIOUS if overlap >= limits[1] else Level.BAD
    text = f"the visual hull of {len(judged)} masks fills {overlap:.1%} of them in the mean"
    if level == Level.PASS:
        blamed = [frames[row].name for row, blame in zip(judged, agreement.blame, strict=True) if blame > BLAMED]
        findings = [Finding(level, "silhouettes", f"{text}: poses and masks fit each other.")]
        if blamed:
            findings.append(_single_views(blamed))
        return Consistency(tuple(findings), "silhouettes", overlap, poses)
    few = _evenly(masked, MOST_FOR_READINGS)
    before = _overlap([frames[row] for row in few], [poses[row] for row in few])
    needed = max(GOOD_OVERLAP, 1.0 - HALVED * (1.0 - before))
    best, highest = best_reading(frames, readings, masked, needed)
    if best is not None:
        return Consistency(
            (
                Finding(
                    Level.BAD,
                    "likely mistake",
                    f"{text}. It looks as if {best.mistake}: read so, it fills {highest:.1%}. {best.fix}.",
                ),
            ),
            "silhouettes",
            overlap,
            best.world_from_camera,
            best,
        )
    shift = find_shift([frames[row] for row in masked], [poses[row] for row in masked])
    if shift is not None:
        finding, value = _judge_shift(recording, masked, shift, text)
        if value > highest:
            return Consistency((finding,), "silhouettes", overlap, poses)
    findings = [
        Finding(
            level,
            "silhouettes",
            f"{text} (passes from {limits[0]:.0%}, bad below {limits[1]:.0%}), and no other reading of the poses that "
            "was tried lets them agree: masks or poses are off. `eschernet-ros check` looks closer.",
        )
    ]
    blamed = [frames[row].name for row, blame in zip(judged, agreement.blame, strict=True) if blame > BLAMED]
    if blamed:
        findings.append(_single_views(blamed))
    return Consistency(tuple(findings), "silhouettes", overlap, poses)


def _judge_shift(recording: CheckRecording, masked: list[int], shift: FrameShift, text: str) -> tuple[Finding, float]:
    """The sentence for a shift among the masked frames, and how well it fits."""
    pairs = [(masked[picture], masked[pose]) for picture, pose in shift.rows(len(masked))]
    few = _evenly(range(len(pairs)), MOST_FOR_READINGS)
    value = _overlap(
        [recording.frames[pairs[i][0]] for i in few], [recording.world_from_camera[pairs[i][1]] for i in few]
    )
    first = recording.frames[masked[shift.row]].name
    if shift.step > 0:
        what = (
            f"from view {first} on, each picture has the pose of the view before it: a picture is missing before view "
            f"{first}, whose pose was kept"
        )
        fix = "Restore that picture, or take its pose out and number the others anew"
    else:
        what = (
            f"from view {first} on, each picture has the pose of the view after it: the pose of view {first} is missing"
        )
        fix = "Restore that pose, or take its picture away and number the others anew"
    return Finding(
        Level.BAD, "likely mistake", f"{text}. It looks as if {what}: read so, it fills {value:.1%}. {fix}."
    ), value


def _by_features(recording: CheckRecording, readings: Sequence[Reading]) -> Consistency:
    limits = Limits().epipolar_px
    rows = _evenly(range(len(recording.frames)), MOST_JUDGED)
    frames = [recording.frames[row] for row in rows]
    poses = [recording.world_from_camera[row] for row in rows]
    pairs, _ = match_all(frames, poses)
    if len(pairs) < LEAST_PAIRS:
        note = (
            "poses and pictures were not compared: there are no three whole masks from different sides, and only "
            f"{len(pairs)} pairs of views share enough texture."
        )
        return Consistency(
            (Finding(Level.PASS, "not compared", note),), "none", float("nan"), recording.world_from_camera
        )
    distances = [float(np.median(pair_distances(pair, poses))) * FOCAL_OF_LIMITS / pair.focal for pair in pairs]
    value = float(np.median(distances))
    level = Level.PASS if value <= limits[0] else Level.SUSPICIOUS if value <= limits[1] else Level.BAD
    text = f"matched features lie {value:.2f} px from their epipolar lines in the median of {len(pairs)} pairs of views"
    if level == Level.PASS:
        finding = Finding(level, "epipolar", f"{text}: poses and pictures fit each other.")
        return Consistency((finding,), "epipolar", value, recording.world_from_camera)
    evidence = Evidence(pairs, [None] * len(frames), [])
    best, lowest = None, HALVED * evidence.cost(poses)
    for reading in readings:
        cost = evidence.cost([reading.world_from_camera[row] for row in rows])
        if cost < lowest:
            best, lowest = reading, cost
    if best is not None:
        read_so = [best.world_from_camera[row] for row in rows]
        after = np.median(
            [float(np.median(pair_distances(pair, read_so))) * FOCAL_OF_LIMITS / pair.focal for pair in pairs]
        )
        finding = Finding(
            Level.BAD,
            "likely mistake",
            f"{text}. It looks as if {best.mistake}: read so, it is {after:.2f} px. {best.fix}.",
        )
        return Consistency((finding,), "epipolar", value, best.world_from_camera, best)
    finding = Finding(
        level,
        "epipolar",
        f"{text} (passes up to {limits[0]:.1f}, bad beyond {limits[1]:.1f} px at a focal length of 600 px), and no "
        "other reading of the poses that was tried lets them agree. `eschernet-ros check` looks closer.",
    )
    return Consistency((finding,), "epipolar", value, recording.world_from_camera)


def _single_views(names: Sequence[str]) -> Finding:
    return Finding(
        Level.SUSPICIOUS,
        "single views",
        f"the masks of the other views agree better without view {', '.join(names)}: look at its mask and its pose.",
    )


def _overlap(frames: Sequence[CheckFrame], poses: Sequence[SE3]) -> float:
    return float(np.nan_to_num(silhouette_agreement(frames, poses).mean))


def _differ(poses: Sequence[SE3], least: float = np.radians(10.0)) -> bool:
    """Whether the cameras differ enough for their masks to say anything."""
    return any(poses[0].distance_to(pose)[1] > least for pose in poses[1:])


def _evenly(rows: Sequence[int], count: int) -> list[int]:
    if len(rows) <= count:
        return list(rows)
    return [rows[int(i)] for i in np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))]
