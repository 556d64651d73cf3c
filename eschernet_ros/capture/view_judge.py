# SPDX-License-Identifier: Apache-2.0
"""Turns a frame into a view, or says why not. No thread and no clock: live capture and replay share it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from eschernet_ros.capture.assemble import ViewAssembler
from eschernet_ros.capture.frame import Exposure, Frame
from eschernet_ros.capture.gates import Gates, Rejection, ViewScores, motion_scores, nearest_view
from eschernet_ros.capture.pose_buffer import PoseBuffer, PoseSample, PoseUnavailable
from eschernet_ros.capture.posed_view import PosedView
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame

PoseLookup = Callable[[int, float], PoseSample]


class Verdict(NamedTuple):
    """What came of a frame.

    Attributes:
        view: the view; None: it was refused.
        rejections: why; empty for a view.
        picture: it was refused for its picture, so pixels were decoded.
    """

    view: PosedView | None
    rejections: tuple[Rejection, ...] = ()
    picture: bool = False


class ViewJudge:
    """Numbers the views and knows where they were taken.

    Args:
        poses: history of the arm's poses.
        gates: what views must pass.

    Attributes:
        counts: of views, and of rejections by gate.
    """

    def __init__(self, poses: PoseBuffer, gates: Gates | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._poses = poses
        self._gates = gates or Gates()
        self._next_index = 0
        self._taken: list[tuple[ObjectFrame, SE3]] = []

    def judge(
        self, frame: Frame, assembler: ViewAssembler, *, gated: bool, lookup: PoseLookup | None = None
    ) -> Verdict:
        """Make a view of a frame.

        Args:
            frame: what to make it of.
            assembler: makes it.
            gated: gates refuse; otherwise what they say of the picture is a warning of the view. Scores are measured in
                either case.
            lookup: the pose at a stamp, with the widest gap; the buffer's own by default. Live, it waits.
        """
        try:
            exposure = frame.exposure()
            stamp_ns = assembler.mid_exposure_ns(frame.image_stamp_ns, exposure.seconds)
            sample = (lookup or self._poses.lookup)(stamp_ns, assembler.max_gap_s)
            scores = self._place_scores(sample, assembler, gated)
            if gated and (refused := self._gates.place(scores)):
                return self._refuse(refused)
            view = self._view(frame, assembler, exposure, scores)
            rejections = self._gates.image(view.scores)
            if gated and rejections:
                return self._refuse(rejections, picture=True)
        except EscherNetError as error:
            return self._refuse([Rejection(type(error).__name__, str(error), True)])
        view = replace(view, warnings=(*view.warnings, *(rejection.reason for rejection in rejections)))
        self._next_index += 1
        self._taken.append((assembler.object_frame, sample.pose @ assembler.ee_from_camera_optical))
        self.counts["views"] += 1
        return Verdict(view)

    def _refuse(self, rejections: list[Rejection], picture: bool = False) -> Verdict:
        for rejection in rejections:
            self.counts[f"rejected: {rejection.gate}"] += 1
        return Verdict(None, tuple(rejections), picture)

    def _view(self, frame: Frame, assembler: ViewAssembler, exposure: Exposure, place: ViewScores) -> PosedView:
        decoded = frame.decode()
        view = assembler.assemble(
            decoded.colour,
            decoded.depth,
            decoded.mask,
            decoded.camera,
            frame.image_stamp_ns,
            self._poses,
            self._next_index,
            exposure.seconds,
        )
        picture = view.scores
        scores = replace(
            place,
            blur=picture.blur,
            saturated=picture.saturated,
            black=picture.black,
            depth_coverage=picture.depth_coverage,
        )
        warnings = (*view.warnings, exposure.warning) if exposure.warning else view.warnings
        return replace(view, scores=scores, warnings=warnings)

    def _place_scores(self, sample: PoseSample, assembler: ViewAssembler, gated: bool) -> ViewScores:
        """Measure rest and nearness; how the arm rested may be unknown where no gate depends on it."""
        scores = nearest_view(sample.pose @ assembler.ee_from_camera_optical, assembler.object_frame, self._taken)
        if self._gates.stillness is not None:
            try:
                scores |= motion_scores(self._gates.stillness.motion(self._poses, sample.stamp_ns))
            except PoseUnavailable:
                if gated:
                    raise
        return ViewScores(**scores)
