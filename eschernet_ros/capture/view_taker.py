# SPDX-License-Identifier: Apache-2.0
"""Takes views in a thread of its own: on request, or by itself whenever the gates are open."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from eschernet_ros.capture.assemble import ViewAssembler
from eschernet_ros.capture.frame import Frame
from eschernet_ros.capture.gates import MOVING, TOO_CLOSE, Gates, Rejection
from eschernet_ros.capture.pose_buffer import PoseBuffer, PoseSample, wait_for_pose
from eschernet_ros.capture.posed_view import PosedView
from eschernet_ros.capture.view_judge import ViewJudge
from eschernet_ros.errors import EscherNetError

AUTO_RETRY_S = 0.5
"""After a picture was rejected, so long passes before the next unasked try: the gates look at decoded pixels."""

_log = logging.getLogger(__name__)


class NoFrameError(EscherNetError):
    """No usable frame came within the time allowed; the message says what is missing."""


class ViewRejectedError(EscherNetError):
    """A gate refused the view that was asked for, and waiting would not help; the message says which and why."""


@dataclass
class _Request:
    future: Future[PosedView]
    deadline: float
    refused: str = ""


class ViewTaker:
    """Turns frames into posed views.

    Frames are offered as they come; only the newest waits, the others are counted. A request is answered with
    the first frame offered after it. ``on_view(view, frame)`` is called in the taker's thread.

    Views that are taken unasked must pass all gates. Those that were asked for need not, unless ``gates_on_request``:
    then a gate that a later frame may pass (arm still, blur) is waited for until the request's deadline, and any other
    ends the request with its reason. Otherwise a picture that would be rejected carries the reasons as warnings. Scores
    are measured in either case.

    Args:
        assembler: makes the views; None: no frame is used until :meth:`use` gives one.
        poses: history of the arm's poses.
        on_view: what to do with a view.
        gates: what views must pass.
        auto: take views unasked.
        gates_on_request: gates hold for requests too.
        pose_timeout_s: longest wait for the pose stream to reach a frame's mid-exposure.
        explain: called when a request ends without any frame; says what is missing.
    """

    def __init__(
        self,
        assembler: ViewAssembler | None,
        poses: PoseBuffer,
        on_view: Callable[[PosedView, Frame], None],
        *,
        gates: Gates | None = None,
        auto: bool = False,
        gates_on_request: bool = False,
        pose_timeout_s: float = 0.25,
        explain: Callable[[], str] = lambda: "no frame was offered",
    ) -> None:
        self._judge = ViewJudge(poses, gates)
        self.counts = self._judge.counts
        self._assembler = assembler
        self._poses = poses
        self._on_view = on_view
        self._auto = auto
        self._gates_on_request = gates_on_request
        self._pose_timeout_s = pose_timeout_s
        self._explain = explain
        self._auto_again = 0.0
        self._auto_refused = ""
        self._changed = threading.Condition()
        self._requests: deque[_Request] = deque()
        self._frame: Frame | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="view-taker", daemon=True)
        self._thread.start()

    def use(self, assembler: ViewAssembler) -> None:
        """Make views with ``assembler`` from the next frame on; numbering goes on."""
        self._assembler = assembler

    def offer(self, frame: Frame) -> None:
        """Give the newest frame; never blocks."""
        with self._changed:
            self.counts["frames"] += 1
            if self._frame is not None:
                self.counts["frames replaced by a newer one"] += 1
            self._frame = frame
            self._changed.notify()

    def request(self, timeout_s: float = 5.0) -> Future[PosedView]:
        """Ask for a view; the future yields it, or :class:`EscherNetError` with the reason why there is none."""
        request = _Request(Future(), time.monotonic() + timeout_s)
        with self._changed:
            self._frame = None  # came before the request
            self._requests.append(request)
            self._changed.notify()
        return request.future

    def clear(self) -> None:
        """Forget the frame that waits: it belongs to a time that is over."""
        with self._changed:
            if self._frame is not None:
                self.counts["frames forgotten: time jumped back"] += 1
            self._frame = None

    def close(self) -> None:
        """End the thread; requests still waiting fail."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and self._frame is None and not self._overdue():
                    wait = min((r.deadline for r in self._requests), default=None)
                    self._changed.wait(None if wait is None else max(0.0, wait - time.monotonic()))
                closed = self._closed
                # also while frames keep coming that are refused: each may take longer than the next one is away
                ended = [r for r in self._requests if closed or r.deadline <= time.monotonic()]
                frame, self._frame = self._frame, None
            self._fail(ended, "the capture was closed" if closed else None)
            if closed:
                return
            if frame is None:
                continue
            try:
                self._handle(frame)
            except Exception:  # the thread must outlive one bad frame
                self.counts["failures"] += 1
                _log.exception("frame %d ns could not be handled", frame.image_stamp_ns)

    def _overdue(self) -> bool:
        return any(r.deadline <= time.monotonic() for r in self._requests)

    def _fail(self, requests: list[_Request], reason: str | None) -> None:
        for request in requests:
            self._end(request)
            self.counts["requests without a frame"] += 1
            request.future.set_exception(NoFrameError(reason or request.refused or self._explain()))

    def _handle(self, frame: Frame) -> None:
        assembler = self._assembler
        if assembler is None:
            self.counts["frames before the object was known"] += 1
            return
        with self._changed:
            request = self._requests[0] if self._requests else None
        if request is None and (not self._auto or time.monotonic() < self._auto_again):
            return
        gated = request is None or self._gates_on_request
        verdict = self._judge.judge(frame, assembler, gated=gated, lookup=self._wait_for_pose)
        if verdict.view is None:
            self._reject(request, verdict.rejections)
            if verdict.picture:
                self._auto_again = time.monotonic() + AUTO_RETRY_S
            return
        self._auto_refused = ""
        self._on_view(verdict.view, frame)
        if request is not None:
            self._end(request)
            request.future.set_result(verdict.view)

    def _reject(self, request: _Request | None, rejections: Sequence[Rejection]) -> None:
        """Say why a frame is not taken: in the answer to a request, else once in the log."""
        reason = "; ".join(rejection.reason for rejection in rejections)
        if request is None:
            gates = ", ".join(rejection.gate for rejection in rejections)
            expected = all(rejection.gate in (MOVING, TOO_CLOSE) for rejection in rejections)  # between two views
            if not expected and gates != self._auto_refused:
                _log.warning("no view was taken at rest: %s", reason)
            self._auto_refused = gates
            return
        request.refused = reason  # another frame may do; the deadline decides
        if not all(rejection.passing for rejection in rejections):
            self._end(request)
            request.future.set_exception(ViewRejectedError(reason))

    def _end(self, request: _Request) -> None:
        with self._changed:
            self._requests.remove(request)

    def _wait_for_pose(self, stamp_ns: int, max_gap_s: float) -> PoseSample:
        """Wait, bounded, until the pose stream has passed a frame's mid-exposure; return the pose there."""
        return wait_for_pose(partial(self._poses.lookup, stamp_ns, max_gap_s), self._pose_timeout_s)
