# SPDX-License-Identifier: Apache-2.0
"""Estimates the offset between the clocks of camera and arm from a recording of a moving arm.

A wrong offset gives every frame the pose of another moment. The offset is the one at which the frames' poses agree best
with what the frames show of each other: a grid first, then least squares. The sign is that of ``time_offset_s`` in
``capture.mid_exposure_ns``: positive when the arm's clock is ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.causes import is_as_good
from eschernet_ros.checking.evidence import Evidence
from eschernet_ros.checking.fits import LARGEST_OFFSET_S, PoseFit, PoseFitter
from eschernet_ros.checking.frame_choice import SLOWEST, speeds_at
from eschernet_ros.checking.judge import gather_evidence
from eschernet_ros.checking.recording import CheckRecording
from eschernet_ros.errors import EscherNetError

MIN_RESIDUALS = 200
WIDEST_INTERVAL_S = 0.02
"""An answer less certain than this is refused: it would be no better than no offset at all."""
MIN_MISFIT_RISE = 1.05


@dataclass(frozen=True, eq=False)
class TimeOffset:
    """The estimate.

    Attributes:
        offset_s: to be added to image stamps, on top of the offset that the recording was read with.
        interval_s: 95 % interval by bootstrap over frames.
        alone: the fit of the offset with the hand-eye transform as given.
        joint: the fit of both.
        hand_eye_mattered: whether ``offset_s`` is that of the joint fit, because the hand-eye transform is off.
        offsets_s, misfits: the curve of the grid.
        median_speed: m/s at the frames used, turning counted as the way of something 0.4 m away.
        frames: how many were used.
    """

    offset_s: float
    interval_s: tuple[float, float]
    alone: PoseFit
    joint: PoseFit
    hand_eye_mattered: bool
    offsets_s: NDArray[np.float64]
    misfits: NDArray[np.float64]
    median_speed: float
    frames: int


def estimate_time_offset(recording: CheckRecording, progress: Callable[[str], None] = lambda _: None) -> TimeOffset:
    """Estimate it.

    Args:
        recording: with a pose stream; frames spread over the motion.
        progress: is told what is being done.

    Raises:
        EscherNetError: no pose stream, an arm that hardly moves, pictures that share too little, an offset beyond the
            grid, or an answer that is too uncertain; the sentence gives the numbers and the remedy.
    """
    if recording.arm is None or recording.stamps_ns is None:
        raise EscherNetError(f"'{recording.name}' has no pose stream with stamps: a time offset needs one")
    speeds = speeds_at(recording.arm.track, recording.stamps_ns)
    median = float(np.median(speeds))
    if median < SLOWEST:
        raise EscherNetError(
            f"the arm hardly moves in '{recording.name}': {median * 1e3:.1f} mm/s in the median of {len(speeds)} "
            f"frames (at least {SLOWEST * 1e3:.0f} are needed): a time offset leaves no trace. Record while the arm "
            "swings around the object at 0.1 to 0.5 m/s, changing direction"
        )
    pairs, surfaces, compared, _ = gather_evidence(recording, progress)
    evidence = Evidence(pairs, surfaces, compared)
    if len(evidence) < MIN_RESIDUALS:
        raise EscherNetError(
            f"the frames of '{recording.name}' share too little ({len(pairs)} pairs with matches, {len(evidence)} "
            f"residuals of {MIN_RESIDUALS} needed): use an object or a background with texture, or record depth"
        )
    fitter = PoseFitter(recording, evidence)
    progress("fitting the offset")
    offsets, misfits = fitter.offset_costs()
    alone = fitter.fit(hand_eye=False, time=True)
    joint = fitter.fit(hand_eye=True, time=True, start=alone)
    mattered = not is_as_good(alone.cost, joint.cost, evidence.cost(recording.world_from_camera))
    chosen = joint if mattered else alone
    assert chosen.offset_interval_s is not None
    low, high = chosen.offset_interval_s
    if abs(chosen.time_offset_s) > LARGEST_OFFSET_S:
        raise EscherNetError(
            f"the offset lies beyond the {LARGEST_OFFSET_S * 1e3:.0f} ms that are searched: camera and robot use "
            "different clocks; synchronise them (chrony, PTP), or let the driver stamp with system time"
        )
    if not high - low < WIDEST_INTERVAL_S or misfits.max() < MIN_MISFIT_RISE * misfits.min():
        raise EscherNetError(
            f"the offset of '{recording.name}' is too uncertain: {low * 1e3:+.1f} to {high * 1e3:+.1f} ms (95 %): "
            "record a longer and faster motion that changes direction, with the object in view all the time"
        )
    return TimeOffset(
        offset_s=chosen.time_offset_s,
        interval_s=chosen.offset_interval_s,
        alone=alone,
        joint=joint,
        hand_eye_mattered=mattered,
        offsets_s=offsets,
        misfits=misfits,
        median_speed=median,
        frames=len(recording.frames),
    )
