# SPDX-License-Identifier: Apache-2.0
"""Takes views in a thread of its own: on request, or by itself whenever the arm rests at a new place."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from eschernet_ros.capture.assemble import ViewAssembler
from eschernet_ros.capture.pose_buffer import PoseBuffer, PoseSample, PoseTooNew
from eschernet_ros.capture.posed_view import PosedView
from eschernet_ros.capture.stillness import StillnessDetector
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

_log = logging.getLogger(__name__)


class NoFrameError(EscherNetError):
    """No usable frame came within the time allowed; the message says what is missing."""


@dataclass(frozen=True)
class DecodedFrame:
    """Pixels and camera of one frame: colour [H,W,3] uint8, depth [H,W] float32 m or None, mask [H,W] bool or None."""

    colour: np.ndarray
    depth: np.ndarray | None
    mask: np.ndarray | None
    camera: PinholeCamera


@dataclass(frozen=True)
class Frame:
    """A frame as it arrives: decoding costs milliseconds, so it is done only for the frames that become views.

    Args:
        image_stamp_ns: stamp of the camera driver.
        source: anything the caller wants back with the view (a message header, for example).
        decode: returns the pixels; may raise :class:`EscherNetError`.
    """

    image_stamp_ns: int
    source: Any
    decode: Callable[[], DecodedFrame]


@dataclass(frozen=True)
class AutoTake:
    """When to take a view unasked: the arm rests, and the camera is at a new place.

    Args:
        stillness: decides whether the arm rests at a frame's mid-exposure.
        min_distance_m, min_angle_rad: a new place differs by at least one of them from every view taken.
    """

    stillness: StillnessDetector
    min_distance_m: float
    min_angle_rad: float


@dataclass
class _Request:
    future: Future[PosedView]
    deadline: float
    refused: str = ""


class ViewTaker:
    """Turns frames into posed views.

    Frames are offered as they come; only the newest waits, the others are counted. A request is answered with
    the first frame offered after it. ``on_view(view, frame)`` is called in the taker's thread.

    Args:
        assembler: makes the views; None: no frame is used until :meth:`use` gives one.
        poses: history of the arm's poses.
        on_view: what to do with a view.
        auto: when to take one unasked; None: never.
        pose_timeout_s: longest wait for the pose stream to reach a frame's mid-exposure.
        explain: called when a request ends without any frame; says what is missing.
    """

    def __init__(
        self,
        assembler: ViewAssembler | None,
        poses: PoseBuffer,
        on_view: Callable[[PosedView, Frame], None],
        *,
        auto: AutoTake | None = None,
        pose_timeout_s: float = 0.25,
        explain: Callable[[], str] = lambda: "no frame was offered",
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._assembler = assembler
        self._poses = poses
        self._on_view = on_view
        self._auto = auto
        self._pose_timeout_s = pose_timeout_s
        self._explain = explain
        self._ids = itertools.count()
        self._taken: list[SE3] = []
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
                requests = list(self._requests) if self._closed or self._frame is None else []
                frame, self._frame = self._frame, None
                closed = self._closed
            if closed:
                self._fail(requests, "the capture was closed")
                return
            if frame is None:
                self._fail([r for r in requests if r.deadline <= time.monotonic()], None)
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
            with self._changed:
                self._requests.remove(request)
            self.counts["requests without a frame"] += 1
            request.future.set_exception(NoFrameError(reason or request.refused or self._explain()))

    def _handle(self, frame: Frame) -> None:
        assembler = self._assembler
        if assembler is None:
            self.counts["frames before the object was known"] += 1
            return
        with self._changed:
            request = self._requests[0] if self._requests else None
        if request is None and (self._auto is None or not self._is_new_place(frame, assembler, self._auto)):
            return
        try:
            self._wait_for_pose(frame, assembler)
            decoded = frame.decode()
            view = assembler.assemble(
                decoded.colour,
                decoded.depth,
                decoded.mask,
                decoded.camera,
                frame.image_stamp_ns,
                self._poses,
                next(self._ids),
            )
        except EscherNetError as error:
            self.counts[f"rejected: {type(error).__name__}"] += 1
            if request is None:
                _log.warning("no view was taken at rest: %s", error)
            else:
                request.refused = str(error)  # another frame may do; the deadline decides
            return
        self._taken.append(view.pose_sample.pose)
        self.counts["views"] += 1
        self._on_view(view, frame)
        if request is not None:
            with self._changed:
                self._requests.remove(request)
            request.future.set_result(view)

    def _wait_for_pose(self, frame: Frame, assembler: ViewAssembler) -> PoseSample:
        """Wait, bounded, until the pose stream has passed the frame's mid-exposure; return the pose there."""
        stamp_ns = assembler.mid_exposure_ns(frame.image_stamp_ns)
        deadline = time.monotonic() + self._pose_timeout_s
        while True:
            try:
                return self._poses.lookup(stamp_ns, assembler.max_gap_s)
            except PoseTooNew:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)

    def _is_new_place(self, frame: Frame, assembler: ViewAssembler, auto: AutoTake) -> bool:
        try:
            sample = self._wait_for_pose(frame, assembler)
            still = auto.stillness.is_still(self._poses, sample.stamp_ns)
        except EscherNetError as error:
            self.counts[f"rejected: {type(error).__name__}"] += 1
            return False
        if not still:
            self.counts["frames while moving"] += 1
            return False
        camera = sample.pose @ assembler.ee_from_camera_optical
        for taken in self._taken:
            metres, radians = (taken @ assembler.ee_from_camera_optical).distance_to(camera)
            if metres < auto.min_distance_m and radians < auto.min_angle_rad:
                self.counts["frames at a place already taken"] += 1
                return False
        return True
