# SPDX-License-Identifier: Apache-2.0
"""The recent history of a moving frame, looked up at any time in between."""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, stack_matrices
from eschernet_ros.geometry.se3 import FloatArray

NS_PER_S = 1_000_000_000
T = TypeVar("T")

_TRIM_BATCH = 512  # expired samples are dropped in batches, so that one add stays O(log n) on average

_log = logging.getLogger(__name__)


class PoseUnavailable(EscherNetError):  # noqa: N818 - named after the state, like asyncio.QueueEmpty
    """The buffer cannot give the pose at a time; the subclass says why, the message how far it is off.

    Attributes:
        stamp_ns: the time that was asked for.
        missing_ns: how far that time lies outside the buffer, or how wide the gap is; None for an empty
            buffer.
    """

    def __init__(self, message: str, stamp_ns: int, missing_ns: int | None) -> None:
        super().__init__(message)
        self.stamp_ns = stamp_ns
        self.missing_ns = missing_ns


class PoseTooNew(PoseUnavailable):
    """The time lies after the newest pose: waiting may help."""


class PoseBufferEmpty(PoseTooNew):
    """No pose has arrived yet: waiting may help."""


class PoseTooOld(PoseUnavailable):
    """The time lies before the oldest pose kept: waiting will not help."""


class PoseGap(PoseUnavailable):
    """The poses around the time lie too far apart to interpolate between: waiting will not help."""


class PoseSample(NamedTuple):
    """An interpolated pose and how far it can be trusted.

    Attributes:
        pose: the pose at ``stamp_ns``.
        stamp_ns: the time that was asked for.
        gap_ns: width of the interval between the two samples around it; 0 on a sample.
        offset_ns: distance in time to the nearest sample.
        linear_speed: m/s over that interval (on a sample: over the one before it, or else after it); NaN when
            the buffer holds a single sample.
        angular_speed: rad/s, likewise.
    """

    pose: SE3
    stamp_ns: int
    gap_ns: int
    offset_ns: int
    linear_speed: float
    angular_speed: float


class PoseBufferStatistics(NamedTuple):
    """What has happened to a buffer since it was made.

    Attributes:
        size: samples held now.
        oldest_ns: stamp of the oldest sample held, None when empty.
        newest_ns: stamp of the newest sample held, None when empty.
        added: samples stored.
        duplicates: samples ignored because their stamp was there already.
        out_of_order: samples that arrived after a newer one and were put in their place.
        time_jumps: times the buffer was cleared because time had jumped back.
    """

    size: int
    oldest_ns: int | None
    newest_ns: int | None
    added: int
    duplicates: int
    out_of_order: int
    time_jumps: int


class PoseBuffer:
    """Time-stamped poses of one frame, thread safe, made for streams of 1 kHz.

    Times outside the buffer are refused, never answered with the nearest pose.

    Args:
        horizon_s: how far back samples are kept, counted from the newest.
        jump_back_s: a sample older than the newest by more than this means that time was reset (a bag played
            again, a simulation restarted): everything older is forgotten. Less than this is a late sample.

    Raises:
        EscherNetError: a horizon or jump that is not positive.
    """

    def __init__(self, horizon_s: float = 10.0, jump_back_s: float = 1.0) -> None:
        if not horizon_s > 0.0 or not jump_back_s > 0.0:
            raise EscherNetError(
                f"the pose buffer's horizon and jump_back must be positive seconds, they are {horizon_s} and "
                f"{jump_back_s}"
            )
        self._horizon_ns = round(horizon_s * NS_PER_S)
        self._jump_back_ns = round(jump_back_s * NS_PER_S)
        self._lock = threading.Lock()
        self._stamps: list[int] = []
        self._poses: list[SE3] = []
        self._added = self._duplicates = self._out_of_order = self._time_jumps = 0

    def add(self, stamp_ns: int, pose: SE3) -> None:
        """Store the pose at a time; O(1) for samples in order.

        Raises:
            EscherNetError: a negative or fractional stamp.
        """
        if stamp_ns != int(stamp_ns) or stamp_ns < 0:
            raise EscherNetError(f"a pose stamp must be a whole number of nanoseconds >= 0, it is {stamp_ns}")
        with self._lock:
            stamps, poses = self._stamps, self._poses
            if not stamps or stamp_ns > stamps[-1]:
                stamps.append(int(stamp_ns))
                poses.append(pose)
            elif stamps[-1] - stamp_ns > self._jump_back_ns:
                _log.warning(
                    "time jumped back by %.3f s: the pose buffer forgets %d samples",
                    (stamps[-1] - stamp_ns) / NS_PER_S,
                    len(stamps),
                )
                self._time_jumps += 1
                self._stamps, self._poses = [int(stamp_ns)], [pose]
            else:
                position = bisect_left(stamps, stamp_ns)
                if stamps[position] == stamp_ns:
                    self._duplicates += 1
                    return
                stamps.insert(position, int(stamp_ns))
                poses.insert(position, pose)
                self._out_of_order += 1
            self._added += 1
            self._trim()

    def lookup(self, stamp_ns: int, max_gap_s: float) -> PoseSample:
        """The pose at a time, interpolated between the samples on both sides of it; O(log n).

        Args:
            stamp_ns: the time.
            max_gap_s: widest interval between the two samples that is interpolated across.

        Raises:
            PoseTooNew: the time lies after the newest sample, or (`PoseBufferEmpty`) there is none.
            PoseTooOld: the time lies before the oldest sample.
            PoseGap: the samples lie farther apart than ``max_gap_s``.
        """
        with self._lock:
            stamps = self._stamps
            self._check_range(stamp_ns)
            after = bisect_left(stamps, stamp_ns)
            on_sample = stamps[after] == stamp_ns
            # the interval that gives the speed; on a sample the one before it
            low = max(after - 1, 0)
            high = min(low + 1, len(stamps) - 1)
            t0, t1 = stamps[low], stamps[high]
            pose0, pose1 = self._poses[low], self._poses[high]
        if not on_sample and t1 - t0 > max_gap_s * NS_PER_S:
            raise PoseGap(
                f"the poses around the wanted time are {_ms(t1 - t0)} ms apart, more than the "
                f"{max_gap_s * 1e3:.1f} ms allowed: the pose stream has a gap there. Take the frame "
                "again, or raise max_gap if the arm stood still",
                stamp_ns,
                t1 - t0,
            )
        if t1 == t0:
            return PoseSample(pose0, stamp_ns, 0, 0, float("nan"), float("nan"))
        seconds = (t1 - t0) / NS_PER_S
        metres, radians = pose0.distance_to(pose1)
        return PoseSample(
            pose=pose0.interpolate(pose1, (stamp_ns - t0) / (t1 - t0)),
            stamp_ns=stamp_ns,
            gap_ns=0 if on_sample else t1 - t0,
            offset_ns=min(stamp_ns - t0, t1 - stamp_ns),
            linear_speed=metres / seconds,
            angular_speed=radians / seconds,
        )

    def between(self, start_ns: int, end_ns: int) -> tuple[np.ndarray, FloatArray]:
        """Stamps [N] int64 and matrices [N, 4, 4] of the samples in ``start_ns``..``end_ns``, ends included.

        Raises:
            PoseUnavailable: an end of the interval lies outside the buffer, as in `lookup`.
        """
        with self._lock:
            self._check_range(end_ns)
            self._check_range(start_ns)
            part = slice(bisect_left(self._stamps, start_ns), bisect_right(self._stamps, end_ns))
            stamps, poses = self._stamps[part], self._poses[part]
        return np.array(stamps, dtype=np.int64), stack_matrices(poses)

    def around(self, stamp_ns: int, spacing_s: float = 0.0) -> tuple[np.ndarray, tuple[SE3, ...]]:
        """Up to two samples on either side of a time: stamps [N] int64 in order, and poses.

        Fewer where the buffer ends. A sample on the time itself counts as one before it. Where the two samples around
        the time lie closer than ``spacing_s``, samples at least that far apart are taken as far as there are any:
        differences of closer ones would show little but the jitter of their stamps.
        """
        with self._lock:
            stamps = self._stamps
            after = bisect_right(stamps, stamp_ns)
            chosen = [after - 2, after - 1, after, after + 1]
            spacing = round(spacing_s * NS_PER_S)
            if 0 < after < len(stamps) and stamps[after] - stamps[after - 1] < spacing:
                high = min(bisect_left(stamps, stamp_ns + spacing // 2), len(stamps) - 1)
                low = max(bisect_right(stamps, min(stamp_ns - spacing // 2, stamps[high] - spacing)) - 1, 0)
                chosen = [
                    bisect_right(stamps, stamps[low] - spacing) - 1,
                    low,
                    high,
                    bisect_left(stamps, stamps[high] + spacing),
                ]
            kept = [i for i in dict.fromkeys(chosen) if 0 <= i < len(stamps)]
            return np.array([stamps[i] for i in kept], dtype=np.int64), tuple(self._poses[i] for i in kept)

    def clear(self) -> None:
        """Forget all samples, because the frame they are in is no longer the one that is wanted."""
        with self._lock:
            self._stamps.clear()
            self._poses.clear()

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest sample held, None when empty."""
        with self._lock:
            return self._stamps[-1] if self._stamps else None

    def statistics(self) -> PoseBufferStatistics:
        """Size, time span and counters."""
        with self._lock:
            return PoseBufferStatistics(
                size=len(self._stamps),
                oldest_ns=self._stamps[0] if self._stamps else None,
                newest_ns=self._stamps[-1] if self._stamps else None,
                added=self._added,
                duplicates=self._duplicates,
                out_of_order=self._out_of_order,
                time_jumps=self._time_jumps,
            )

    def __len__(self) -> int:
        with self._lock:
            return len(self._stamps)

    def _trim(self) -> None:
        expired = bisect_left(self._stamps, self._stamps[-1] - self._horizon_ns)
        if expired >= _TRIM_BATCH:
            del self._stamps[:expired]
            del self._poses[:expired]

    def _check_range(self, stamp_ns: int) -> None:
        """Refuse a time outside the samples; the lock is held."""
        if not self._stamps:
            raise PoseBufferEmpty(
                "no pose has arrived yet: is the pose source running, and does the subscription's QoS match "
                "(franka_ros2 publishes its pose best effort)?",
                stamp_ns,
                None,
            )
        oldest, newest = self._stamps[0], self._stamps[-1]
        if stamp_ns > newest:
            late = stamp_ns - newest
            raise PoseTooNew(
                f"the wanted time is {_ms(late)} ms after the newest pose: wait for it if "
                "that is a few milliseconds; otherwise the pose stream has stopped, "
                "or camera and robot use different clocks",
                stamp_ns,
                late,
            )
        if stamp_ns < oldest:
            early = oldest - stamp_ns
            raise PoseTooOld(
                f"the wanted time is {_ms(early)} ms before the oldest of {len(self._stamps)} poses kept "
                f"(they span {_ms(newest - oldest)} ms): the image came too late, time was reset, or "
                "camera and robot use different clocks",
                stamp_ns,
                early,
            )


def wait_for_pose(find: Callable[[], T], timeout_s: float) -> T:
    """The result of ``find()``, tried again for so long while it raises `PoseTooNew`; raises what it raises then."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return find()
        except PoseTooNew:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.002)


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / 1e6:.1f}"
