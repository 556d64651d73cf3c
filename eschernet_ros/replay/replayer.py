# SPDX-License-Identifier: Apache-2.0
"""The capture of a recording: frames wait until the recorded poses have passed them, then they are judged.

Where the live capture waits by the wall clock, this waits by the times at which messages were recorded, so the same
recording gives the same views on any machine. Only frames that wait are held, and only so many.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from eschernet_ros.capture import NS_PER_S, DecodedFrame, Frame, PosedView, ViewJudge
from eschernet_ros.replay.choices import FrameChoice
from eschernet_ros.streams import CaptureStreams, gates_of

MOST_WAITING = 32
"""Frames held while poses and metadata of their time have not been read: a second at 30 frames/s."""

LEAST_PATIENCE_S = 1.0
"""A frame waits at least so long, in recorded time: nobody waits for a recording."""


class ReplayedView(NamedTuple):
    """A view, the pixels it was made of, and when its frame was recorded."""

    view: PosedView
    decoded: DecodedFrame
    received_ns: int


class _Once:
    """Decodes a frame's pixels when they are asked for, and keeps them for whoever asks again.

    Knows nothing of the frame that holds it: in a circle of references megabytes would wait for the garbage collector.
    """

    def __init__(self, decode: Callable[[], DecodedFrame]) -> None:
        self._decode = decode
        self._decoded: DecodedFrame | None = None

    def __call__(self) -> DecodedFrame:
        if self._decoded is None:
            self._decoded = self._decode()
        return self._decoded


class _Waiting(NamedTuple):
    frame: Frame
    arrived_ns: int


class Replayer:
    """Feeds `CaptureStreams` and makes views of its frames.

    Args:
        p: parameters of a capture.
        choice: which frames become views.
        on_view: called with every view.
        metadata_expected: frames wait for their metadata from the first one on.

    Attributes:
        streams: messages go in here.
        counts: frames, views, and what became of the others.
        reasons: of each gate, the last sentence with which it refused a frame.
    """

    def __init__(
        self,
        p: Mapping[str, Any],
        choice: FrameChoice,
        on_view: Callable[[ReplayedView], None],
        *,
        metadata_expected: bool = False,
    ) -> None:
        self.streams = CaptureStreams(p, join_capacity=MOST_WAITING)
        self.streams.connect(self._offer, on_jump=self._forget)
        self.metadata_expected = metadata_expected
        self.reasons: dict[str, str] = {}
        self._judge = ViewJudge(self.streams.poses, gates_of(p))
        self.counts: Counter[str] = self._judge.counts
        self._choice = choice
        self._on_view = on_view
        self._waiting: deque[_Waiting] = deque()
        self._now_ns = 0
        self._offset_ns = round(p["time_offset_s"] * NS_PER_S)
        patience_s = max(p["pose_timeout_s"], p["metadata.timeout_s"], LEAST_PATIENCE_S)
        self._patience_ns = round(patience_s * NS_PER_S)

    def deliver(self, now_ns: int, action: Callable[[], None]) -> None:
        """Let ``action`` bring the streams what was recorded at this time; then judge the frames that are ready."""
        self._now_ns = now_ns
        action()
        while self._waiting and self._ready(self._waiting[0]):
            self._handle(self._waiting.popleft())

    def finish(self) -> None:
        """Nothing comes any more: judge the frames that wait, and count what found no partner."""
        self.streams.join.clear()
        while self._waiting:
            self._handle(self._waiting.popleft())

    @property
    def waiting(self) -> int:
        """Frames held now."""
        return len(self._waiting)

    def _offer(self, frame: Frame) -> None:
        self.counts["frames"] += 1
        if not self._choice.wants(frame.image_stamp_ns):
            return
        exposure = partial(self.streams.exposures.exposure, frame.image_stamp_ns, wait=False)
        self._waiting.append(_Waiting(replace(frame, exposure=exposure, decode=_Once(frame.decode)), self._now_ns))
        if len(self._waiting) > MOST_WAITING:
            self.counts["frames judged before their poses came: too many waited"] += 1
            self._handle(self._waiting.popleft())

    def _ready(self, waiting: _Waiting) -> bool:
        if self._now_ns - waiting.arrived_ns > self._patience_ns:
            return True
        stamp_ns, newest_ns = waiting.frame.image_stamp_ns, self.streams.poses.newest_ns
        if newest_ns is None or newest_ns < stamp_ns + self._offset_ns:
            return False
        exposures = self.streams.exposures
        return not (exposures.missing(stamp_ns) if self.metadata_expected else exposures.awaited(stamp_ns))

    def _handle(self, waiting: _Waiting) -> None:
        assembler = self.streams.assembler
        if assembler is None:
            self.counts["frames before object and end effector were known"] += 1
            return
        verdict = self._judge.judge(waiting.frame, assembler, gated=self._choice.gated)
        for rejection in verdict.rejections:
            self.reasons[rejection.gate] = rejection.reason
        if verdict.view is not None:
            self._on_view(ReplayedView(verdict.view, waiting.frame.decode(), waiting.arrived_ns))

    def _forget(self) -> None:
        self.counts["frames forgotten: time jumped back"] += len(self._waiting)
        self._waiting.clear()
