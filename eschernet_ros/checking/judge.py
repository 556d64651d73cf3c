# SPDX-License-Identifier: Apache-2.0
"""The verdict: measures how far poses and pictures disagree, compares with limits, and looks for the cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.audit import RecordingFacts, audit
from eschernet_ros.checking.causes import Cause, find_causes
from eschernet_ros.checking.depth_surface import DepthSurface
from eschernet_ros.checking.evidence import Evidence, SurfacePair
from eschernet_ros.checking.findings import Finding, Level
from eschernet_ros.checking.fits import PoseFitter
from eschernet_ros.checking.frame_choice import surface_pairs
from eschernet_ros.checking.matching import MatchedPair, match_all, pair_distances
from eschernet_ros.checking.recording import CheckRecording
from eschernet_ros.checking.silhouettes import SilhouetteAgreement, silhouette_agreement
from eschernet_ros.geometry import SE3

FOCAL_OF_LIMITS = 600.0
"""px; limits in pixels hold for this focal length and grow with it: they are angles."""

MIN_COMPARED = 20
MANY_CARRIED = 20
FEWEST_JUDGED, SHARE_JUDGED = 3, 0.25
"""With fewer frames, or a smaller share of them, compared, nothing passes."""


@dataclass(frozen=True)
class Limits:
    """(passes up to, bad beyond) of each measure; between the two a recording is suspicious.

    Attributes:
        epipolar_px: median symmetric epipolar distance at a focal length of 600 px: 2 px there are 0.2 degrees.
        depth_share: median depth disagreement, as a share of the distance.
        silhouette: (passes down to, bad below) mean overlap of masks and their hull.
        max_calibration_age_days: an older calibration is stale.
    """

    epipolar_px: tuple[float, float] = (1.2, 2.0)
    depth_share: tuple[float, float] = (0.008, 0.02)
    silhouette: tuple[float, float] = (0.9, 0.75)
    max_calibration_age_days: float = 90.0


@dataclass(frozen=True, eq=False)
class PairJudgement:
    """One pair of frames with matched features.

    Attributes:
        pair: the matches.
        epipolar_px: median symmetric epipolar distance under the poses.
        floor_px: the same under the motion that fits best.
    """

    pair: MatchedPair
    epipolar_px: float
    floor_px: float


@dataclass(frozen=True)
class FrameJudgement:
    """One frame; NaN where a measure does not apply.

    Attributes:
        name: of the frame.
        pairs: pairs of matched features it is in.
        epipolar_px: median over its pairs of their medians.
        depth_mm: median depth disagreement with other frames, mm.
        depth_share: the same as a share of the distance.
        silhouette: share of its mask that the hull of all masks fills.
        level: by these measures.
    """

    name: str
    pairs: int
    epipolar_px: float
    depth_mm: float
    depth_share: float
    silhouette: float
    level: Level | None


@dataclass(frozen=True, eq=False)
class Judgement:
    """The outcome of a check.

    Attributes:
        recording: what was judged.
        verdict: ``pass``, ``suspicious``, ``bad`` or ``cannot judge``.
        sentence: why, with the numbers.
        frames, pairs: the parts; pairs in no order.
        epipolar_px, floor_px, depth_mm, depth_share, silhouette: medians (silhouettes: mean) over the recording, NaN
            where a measure does not apply.
        findings: about pictures, poses and surroundings.
        causes: likely causes of a disagreement, most likely first.
        limits: what was compared with.
        carried_matches: matches left out because they move with the camera (gripper, cable).
    """

    recording: CheckRecording
    verdict: str
    sentence: str
    frames: tuple[FrameJudgement, ...]
    pairs: tuple[PairJudgement, ...]
    epipolar_px: float
    floor_px: float
    depth_mm: float
    depth_share: float
    silhouette: float
    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]
    limits: Limits
    carried_matches: int = 0

    @property
    def worst_pair(self) -> PairJudgement | None:
        """The pair with the largest epipolar distance among the half with the most matches.

        Few matches may all be wrong together, where a pattern repeats.
        """
        usual = float(np.median([len(judged.pair) for judged in self.pairs])) if self.pairs else 0.0
        trusted = [judged for judged in self.pairs if len(judged.pair) >= usual]
        return max(trusted, key=lambda judged: judged.epipolar_px, default=None)

    @property
    def flagged(self) -> tuple[FrameJudgement, ...]:
        """Frames that do not pass, worst first."""
        found = [frame for frame in self.frames if frame.level is not None and frame.level > Level.PASS]
        return tuple(sorted(found, key=lambda frame: (-frame.level, -np.nan_to_num(frame.epipolar_px))))  # type: ignore[operator]


@dataclass(frozen=True, eq=False)
class Measured:
    """The measures of one set of poses."""

    epipolar: NDArray[np.float64]
    depth_mm: NDArray[np.float64]
    depth_share: NDArray[np.float64]
    surface_pairs: Sequence[SurfacePair]
    silhouettes: SilhouetteAgreement = field(repr=False)


def gather_evidence(
    recording: CheckRecording, progress: Callable[[str], None] = lambda _: None
) -> tuple[list[MatchedPair], list[DepthSurface | None], list[SurfacePair], int]:
    """Matched features, depth surfaces, pairs of surfaces, and the number of matches that move with the camera."""
    progress(f"matching features of {len(recording.frames)} frames")
    pairs, carried = match_all(recording.frames, recording.world_from_camera)
    metric = recording.length_unit_m == 1.0
    surfaces = [
        DepthSurface(frame, seed) if metric and frame.depth is not None else None
        for seed, frame in enumerate(recording.frames)
    ]
    return pairs, surfaces, surface_pairs(recording.world_from_camera, [s is not None for s in surfaces]), carried


def judge(
    recording: CheckRecording,
    facts: RecordingFacts | None = None,
    limits: Limits | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Judgement:
    """Judge a recording.

    Args:
        recording: frames and poses.
        facts: what is known of its surroundings.
        limits: what to compare with.
        progress: is told what is being done.
    """
    limits = limits or Limits()
    pairs, surfaces, compared, carried = gather_evidence(recording, progress)
    evidence = Evidence(pairs, surfaces, compared)
    poses = recording.world_from_camera
    progress("comparing poses with pictures")
    measured = _measure(recording, poses, pairs, surfaces, compared)
    frames = _judge_frames(recording, pairs, measured, limits)
    judged_pairs = tuple(
        PairJudgement(pair, float(value), pair.floor_px) for pair, value in zip(pairs, measured.epipolar, strict=True)
    )
    focal = float(np.median([pair.focal for pair in pairs])) if pairs else FOCAL_OF_LIMITS
    epipolar = _median(measured.epipolar)
    share, silhouette = _median(measured.depth_share), measured.silhouettes.mean
    levels = {
        "epipolar": _level(epipolar / (focal / FOCAL_OF_LIMITS), limits.epipolar_px),
        "depth": _level(share, limits.depth_share),
        "silhouette": _level(-silhouette, (-limits.silhouette[0], -limits.silhouette[1])),
    }
    known = [level for level in levels.values() if level is not None]
    picture_level = max(known, default=None)
    flagged = [frame for frame in frames if frame.level is not None and frame.level > Level.PASS]
    if picture_level == Level.PASS and flagged:
        picture_level = Level.SUSPICIOUS
    causes: list[Cause] = []
    if picture_level is not None and picture_level > Level.PASS:
        progress("looking for the cause")
        causes = find_causes(recording, evidence, PoseFitter(recording, evidence))
    findings = _picture_findings(recording, measured, levels, focal, limits)
    if flagged and picture_level is not None:
        # single frames that are off make a recording suspicious, not bad: the others may be used
        names = ", ".join(_describe(frame) for frame in flagged)
        text = f"{len(flagged)} of {len(frames)} frames do not pass: {names}."
        findings.append(Finding(picture_level, "frames", text))
    track = recording.arm.track if recording.arm else None
    findings += audit(facts or RecordingFacts(), track, limits.max_calibration_age_days)
    if carried >= MANY_CARRIED:
        findings.append(
            Finding(
                Level.PASS,
                "moves along",
                f"{carried} matches lie on things that move with the camera (a gripper, a cable) and were left out.",
            )
        )
    findings += [Finding(Level.PASS, "note", note) for note in recording.notes]
    verdict, sentence = _verdict(recording, picture_level, findings, frames, pairs)
    return Judgement(
        recording=recording,
        verdict=verdict,
        sentence=sentence,
        frames=frames,
        pairs=judged_pairs,
        epipolar_px=epipolar,
        floor_px=_median(np.array([pair.floor_px for pair in pairs])),
        depth_mm=_median(measured.depth_mm),
        depth_share=share,
        silhouette=silhouette,
        findings=tuple(sorted(findings, key=lambda finding: -finding.level)),
        causes=tuple(causes),
        limits=limits,
        carried_matches=carried,
    )


def _measure(
    recording: CheckRecording,
    poses: Sequence[SE3],
    pairs: Sequence[MatchedPair],
    surfaces: Sequence[DepthSurface | None],
    compared: Sequence[SurfacePair],
) -> Measured:
    millimetres, shares = [], []
    for pair in compared:
        source, target = surfaces[pair.source], surfaces[pair.target]
        assert source is not None and target is not None
        points = (poses[pair.target].inverse() @ poses[pair.source]) @ source.samples
        difference = target.depth_differences(points)
        usable = np.isfinite(difference)
        if usable.sum() < MIN_COMPARED:
            millimetres.append(np.nan)
            shares.append(np.nan)
            continue
        millimetres.append(1e3 * float(np.median(np.abs(difference[usable]))))
        shares.append(float(np.median(np.abs(difference[usable]) / points[usable, 2])))
    return Measured(
        epipolar=np.array([np.median(pair_distances(pair, poses)) for pair in pairs]),
        depth_mm=np.array(millimetres),
        depth_share=np.array(shares),
        surface_pairs=compared,
        silhouettes=silhouette_agreement(recording.frames, poses),
    )


def _judge_frames(
    recording: CheckRecording, pairs: Sequence[MatchedPair], measured: Measured, limits: Limits
) -> tuple[FrameJudgement, ...]:
    judged = []
    for index, frame in enumerate(recording.frames):
        mine = [
            value for pair, value in zip(pairs, measured.epipolar, strict=True) if index in (pair.first, pair.second)
        ]
        depths = [
            (mm, share)
            for pair, mm, share in zip(measured.surface_pairs, measured.depth_mm, measured.depth_share, strict=True)
            if index in (pair.source, pair.target)
        ]
        epipolar = _median(np.array(mine))
        mm, share = (_median(np.array(column)) for column in (zip(*depths, strict=True) if depths else ((), ())))
        silhouette = float(measured.silhouettes.iou[index])
        zoom = float(np.sqrt(frame.camera.fx * frame.camera.fy)) / FOCAL_OF_LIMITS
        blamed = measured.silhouettes.blame[index] > 0.05
        levels = [_level(epipolar / zoom, limits.epipolar_px), _level(share, limits.depth_share)]
        if np.isfinite(silhouette):
            levels.append(Level.BAD if blamed else _level(-silhouette, (-limits.silhouette[0], -limits.silhouette[1])))
        known = [level for level in levels if level is not None]
        judged.append(FrameJudgement(frame.name, len(mine), epipolar, mm, share, silhouette, max(known, default=None)))
    return tuple(judged)


def _picture_findings(
    recording: CheckRecording,
    measured: Measured,
    levels: dict[str, Level | None],
    focal: float,
    limits: Limits,
) -> list[Finding]:
    findings = []
    if levels["epipolar"] is not None:
        low, high = (limit * focal / FOCAL_OF_LIMITS for limit in limits.epipolar_px)
        findings.append(
            Finding(
                levels["epipolar"],
                "epipolar",
                f"median epipolar error {_median(measured.epipolar):.2f} px over {len(measured.epipolar)} pairs "
                f"of frames "
                f"(passes up to {low:.2f}, bad beyond {high:.2f} px).",
            )
        )
    if levels["depth"] is not None:
        low, high = limits.depth_share
        findings.append(
            Finding(
                levels["depth"],
                "depth",
                f"depth carried to other frames disagrees by {_median(measured.depth_mm):.1f} mm in the median, "
                f"{_median(measured.depth_share):.2%} of the distance (passes up to {low:.1%}, bad beyond {high:.1%}).",
            )
        )
    if levels["silhouette"] is not None:
        good, bad = limits.silhouette
        findings.append(
            Finding(
                levels["silhouette"],
                "silhouettes",
                f"the hull of all masks fills {measured.silhouettes.mean:.1%} of them in the mean "
                f"(passes from {good:.0%}, bad below {bad:.0%}).",
            )
        )
    return findings


def _describe(frame: FrameJudgement) -> str:
    parts = []
    if np.isfinite(frame.epipolar_px):
        parts.append(f"{frame.epipolar_px:.1f} px")
    if np.isfinite(frame.depth_mm):
        parts.append(f"{frame.depth_mm:.1f} mm")
    if np.isfinite(frame.silhouette):
        parts.append(f"hull {frame.silhouette:.0%}")
    return f"{frame.name} ({', '.join(parts)})"


def _verdict(
    recording: CheckRecording,
    picture_level: Level | None,
    findings: Sequence[Finding],
    frames: Sequence[FrameJudgement],
    pairs: Sequence[MatchedPair],
) -> tuple[str, str]:
    worst = max(findings, key=lambda finding: finding.level, default=None)
    if picture_level is None:
        why = (
            f"no two of {len(recording.frames)} frames share enough features ({len(pairs)} pairs), and there is "
            "neither depth nor a mask in three frames: use an object or a background with texture, record depth, or "
            "take the views closer together"
        )
        if worst is not None and worst.level > Level.PASS:
            return worst.level.word, f"{worst.text} Poses and pictures cannot be compared: {why}."
        return "cannot judge", f"Poses and pictures cannot be compared: {why}."
    level = max(picture_level, worst.level if worst else Level.PASS)
    if level == Level.PASS:
        judged = sum(frame.level is not None for frame in frames)
        if judged < max(FEWEST_JUDGED, SHARE_JUDGED * len(frames)):
            return "cannot judge", (
                f"Only {judged} of {len(frames)} frames can be compared with others; those agree. Use an object or a "
                "background with texture, record depth, or take the views closer together."
            )
        return "pass", f"Poses and pictures agree in {judged} of {len(frames)} frames that could be judged."
    decisive = [finding.text for finding in findings if finding.level == level and finding.topic != "frames"]
    if not decisive:
        decisive = [finding.text for finding in findings if finding.level == level]
    if level > picture_level:
        return level.word, " ".join(decisive)
    return level.word, f"Poses and pictures disagree: {' '.join(decisive)}"


def _level(value: float, limits: tuple[float, float]) -> Level | None:
    """By (passes up to, bad beyond); None for NaN."""
    if not np.isfinite(value):
        return None
    return Level.PASS if value <= limits[0] else Level.SUSPICIOUS if value <= limits[1] else Level.BAD


def _median(values: NDArray[np.float64]) -> float:
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else float("nan")
