# SPDX-License-Identifier: Apache-2.0
"""Names the likely cause of a disagreement: the simplest error that, taken out, lets poses and pictures agree.

Other readings of the numbers (inverted, other axes, millimetres) are tried first, then a shift of the clocks (one
number), then an error of the hand-eye transform (six), then both. A cause is named when the robust misfit falls to
near what the richest explanation leaves; a more complicated one only when the simpler ones do not get there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from eschernet_ros.checking.conventions import Alternative, alternatives
from eschernet_ros.checking.evidence import Evidence
from eschernet_ros.checking.fits import PoseFit, PoseFitter
from eschernet_ros.checking.frame_choice import SLOWEST, speeds_at
from eschernet_ros.checking.recording import CheckRecording
from eschernet_ros.checking.silhouettes import silhouette_agreement
from eschernet_ros.geometry import SE3

NEEDED_DROP = 0.75
"""A cause explains something when the misfit falls below this share of what it was."""
GOOD_ENOUGH = 1.15
NEARLY_ALL = 0.95
"""A simpler cause is preferred when its misfit is at most ``GOOD_ENOUGH`` times the best one's, or when it explains the
share ``NEARLY_ALL`` of what the best one does: where pictures have hardly any noise, six more numbers always find some.
"""
READING_DROP = 0.5
"""Another reading must halve the misfit: small errors can make a wrong reading look a little better."""
MIN_RESIDUALS = 100


@dataclass(frozen=True, eq=False)
class Cause:
    """One explanation.

    Attributes:
        kind: ``reading``, ``time offset``, ``hand-eye``, ``hand-eye and time offset`` or ``none``.
        text: a sentence with the numbers and the remedy.
        misfit_before, misfit_after: robust misfit with the poses as given, and with the cause taken out.
        fit: for time offset and hand-eye.
        world_from_camera: the corrected poses; None for ``none``.
    """

    kind: str
    text: str
    misfit_before: float
    misfit_after: float
    fit: PoseFit | None = None
    world_from_camera: tuple[SE3, ...] | None = None


def find_causes(recording: CheckRecording, evidence: Evidence, fitter: PoseFitter) -> list[Cause]:
    """The likely cause, or the statement that there is no single one; at most one more that goes with it."""
    if len(evidence) < MIN_RESIDUALS:
        return _by_silhouettes(recording)
    before = evidence.cost(recording.world_from_camera)
    reading, reading_cost = _best_reading(recording, evidence)
    fits: list[tuple[str, PoseFit]] = []
    if fitter.can_fit_time and _moves(recording):
        fits.append(("time offset", fitter.fit(hand_eye=False, time=True)))
    fits.append(("hand-eye", fitter.fit(hand_eye=True, time=False)))
    if len(fits) == 2:
        start = min((fit for _, fit in fits), key=lambda fit: fit.cost)
        candidates = [fitter.fit(hand_eye=True, time=True, start=start)]
        if start is not fits[0][1]:
            candidates.append(fitter.fit(hand_eye=True, time=True, start=fits[0][1]))
        fits.append(("hand-eye and time offset", min(candidates, key=lambda fit: fit.cost)))
    best = min(fit.cost for _, fit in fits)
    if reading is not None and reading_cost < READING_DROP * before and is_as_good(reading_cost, best, before):
        return [_reading_cause(reading, before, reading_cost)]
    for kind, fit in fits:
        if is_as_good(fit.cost, best, before) and fit.cost < NEEDED_DROP * before:
            return [_fit_cause(kind, fit, before, recording)]
    if reading is not None and reading_cost < READING_DROP * before:
        return [_reading_cause(reading, before, reading_cost)]
    kind, fit = min(fits, key=lambda item: item[1].cost)
    return [
        Cause(
            "none",
            "No constant error of the hand-eye transform"
            + (", of the clocks" if len(fits) > 1 else "")
            + f" or in the reading of the poses explains it (the best, {kind}, lowers the misfit from {before:.2f} to "
            f"{fit.cost:.2f}): the poses of single frames are off. Look for a slipping mount, an arm that was not at "
            "rest, poses of another time, a moved object.",
            before,
            fit.cost,
        )
    ]


def is_as_good(cost: float, best: float, before: float) -> bool:
    """Whether a simpler explanation of a misfit ``before`` does nearly as well as the best one."""
    return cost <= GOOD_ENOUGH * best or before - cost >= NEARLY_ALL * (before - best)


def _best_reading(recording: CheckRecording, evidence: Evidence) -> tuple[Alternative | None, float]:
    best, lowest = None, float("inf")
    for alternative in alternatives(recording):
        cost = evidence.cost(alternative.world_from_camera)
        if cost < lowest:
            best, lowest = alternative, cost
    return best, lowest


def _by_silhouettes(recording: CheckRecording) -> list[Cause]:
    """Other readings by the overlap of masks alone."""
    before = silhouette_agreement(recording.frames, recording.world_from_camera).mean
    if not np.isfinite(before):
        return []
    scored = [
        (silhouette_agreement(recording.frames, alternative.world_from_camera).mean, alternative)
        for alternative in alternatives(recording)
    ]
    overlap, reading = max(scored, key=lambda item: item[0])
    if 1.0 - overlap < READING_DROP * (1.0 - before):
        text = (
            f"It looks as if {reading.cause}: read so, the hull of the masks fills {overlap:.1%} of them instead of "
            f"{before:.1%}; {reading.remedy}."
        )
        return [Cause("reading", text, 1.0 - before, 1.0 - overlap, world_from_camera=reading.world_from_camera)]
    return [
        Cause(
            "none",
            "The masks are all there is to judge by, and no other reading of the poses lets them agree "
            f"(the best gets to {overlap:.1%}): masks or poses of single frames are off.",
            1.0 - before,
            1.0 - overlap,
        )
    ]


def _reading_cause(reading: Alternative, before: float, after: float) -> Cause:
    return Cause(
        "reading",
        f"It looks as if {reading.cause}: read so, the misfit falls from {before:.2f} to {after:.2f}; "
        f"{reading.remedy}.",
        before,
        after,
        world_from_camera=reading.world_from_camera,
    )


def _fit_cause(kind: str, fit: PoseFit, before: float, recording: CheckRecording) -> Cause:
    parts, remedies = [], []
    if "hand-eye" in kind:
        name = "the hand-eye transform is" if recording.arm is not None else "all cameras are, by a constant error,"
        parts.append(f"{name} off by {math.degrees(fit.angle_rad):.2f} deg and {_length(fit, recording)}")
        remedies.append("calibrate again" if recording.arm is not None else "correct the camera's calibration")
        if recording.arm is not None:
            corrected = recording.arm.ee_from_camera_optical @ fit.given_camera_from_true
            position = ", ".join(f"{value:.4f}" for value in corrected.translation)
            turn = ", ".join(f"{value:.5f}" for value in corrected.quaternion_xyzw)
            remedies.append(f"or try translation [{position}], rotation_xyzw [{turn}]")
    if "time" in kind:
        assert fit.offset_interval_s is not None
        low, high = (1e3 * value for value in fit.offset_interval_s)
        parts.append(
            f"the clocks of camera and arm are {1e3 * fit.time_offset_s:+.1f} ms apart (95 % interval {low:+.1f} to "
            f"{high:+.1f} ms)"
        )
        remedies.append(f"add {fit.time_offset_s:+.4f} to time_offset_s")
    text = (
        f"It looks as if {' and '.join(parts)}: with that taken out, the misfit falls from {before:.2f} to "
        f"{fit.cost:.2f}; {', '.join(remedies)}."
    )
    return Cause(kind, text, before, fit.cost, fit, fit.world_from_camera)


def _length(fit: PoseFit, recording: CheckRecording) -> str:
    if recording.length_unit_m is None:
        return f"{fit.length:.4f} units of length"
    return f"{1e3 * fit.length * recording.length_unit_m:.1f} mm"


def _moves(recording: CheckRecording) -> bool:
    """Whether the arm moves enough, at the frames, to see a time offset."""
    assert recording.arm is not None and recording.stamps_ns is not None
    return bool(np.median(speeds_at(recording.arm.track, recording.stamps_ns)) >= SLOWEST)
