# SPDX-License-Identifier: Apache-2.0
"""From frames that keep coming to a folder, without ever holding up whoever brings them.

Frames wait in a bounded queue. Worker threads take them in their order: one at a time is prepared (its record made, its
number given), then several are compressed and written at once. One thread commits what is written, again in order, a
batch at a time, since flushing to the disk costs about the same for one frame as for thirty. What does not fit into the
queue is dropped and counted. When the disk refuses a frame, recording stops with the reason; everything before it is
recorded.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from eschernet_ros.datasets import Franka16Writer, PendingFrame
from eschernet_ros.datasets.frame_files import encode_images
from eschernet_ros.datasets.franka16_record import FrameRecord
from eschernet_ros.errors import EscherNetError

COMPRESSION_CHOICES = ("auto", "fast", "none")
"""Of colour and depth; ``auto``: fast, but none while a quarter of the queue waits."""

QUEUE_FULL = "dropped: queue full"
STOPPED = "dropped: recording stopped"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ReadyFrame:
    """A frame that can be written.

    Attributes:
        record: what is known of it.
        images: its pictures by kind.
    """

    record: FrameRecord
    images: Mapping[str, NDArray[Any]]


Prepare = Callable[[], ReadyFrame]
"""Makes the record of a frame, in a worker's thread, one frame at a time and in order; may wait (bounded) for the arm's
pose; raises :class:`EscherNetError` for a frame that cannot be recorded."""


@dataclass(frozen=True, eq=False)
class _Written:
    """What came of a frame whose turn to be committed has not come: its files, or why there are none."""

    frame: PendingFrame | None = None
    failed: bool = False


class RecordingPipeline:
    """Records frames in threads of its own.

    Args:
        writer: of the folder; the pipeline does not close it.
        queue_size: frames that may wait, and as many that may be on their way to the disk; more are dropped.
        workers: threads that compress and write.
        commit_every_s: frames are committed this often; 0: each as soon as it is written.
        compression: of colour and depth, one of `COMPRESSION_CHOICES`.
        on_recorded: called in the committing thread with the frames that are safe now.
        on_refused: called in a worker's thread with the reason why a frame is not recorded.
        on_stopped: called once with the reason why recording has stopped.

    Attributes:
        counts: recorded, dropped and refused frames, by reason.
        bytes_written: of pictures.
        most_waiting: the largest number of frames that waited at once.
        stopped: why recording has stopped; empty while it has not.
    """

    def __init__(
        self,
        writer: Franka16Writer,
        *,
        queue_size: int = 64,
        workers: int = 2,
        commit_every_s: float = 0.0,
        compression: str = "auto",
        on_recorded: Callable[[Sequence[PendingFrame]], None] = lambda frames: None,
        on_refused: Callable[[str], None] = lambda reason: None,
        on_stopped: Callable[[str], None] = lambda reason: None,
    ) -> None:
        if compression not in COMPRESSION_CHOICES:
            raise EscherNetError(f"compression is '{compression}'; it must be one of: {', '.join(COMPRESSION_CHOICES)}")
        self.counts: Counter[str] = Counter()
        self.bytes_written = 0
        self.most_waiting = 0
        self.stopped = ""
        self._writer = writer
        self._limit = queue_size
        self._commit_every_s = commit_every_s
        self._compression = compression
        self._on_recorded, self._on_refused, self._on_stopped = on_recorded, on_refused, on_stopped
        self._changed = threading.Condition()
        self._preparing = threading.Lock()
        self._waiting: deque[tuple[int, Prepare]] = deque()
        self._offered = 0
        self._written: dict[int, _Written] = {}
        self._settled = 0
        self._next_index = len(writer)
        self._flushes: list[tuple[int, Future[None]]] = []
        self._closing = False
        self._threads = [
            threading.Thread(target=work, name=f"recording-{name}", daemon=True)
            for name, work in (*((f"worker-{i}", self._work) for i in range(workers)), ("commit", self._commit))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Frames in the queue now."""
        return len(self._waiting)

    def offer(self, prepare: Prepare) -> bool:
        """Give a frame; never blocks. False: it was dropped, and counted."""
        with self._changed:
            if self.stopped or self._closing:
                self.counts[STOPPED] += 1
                return False
            if len(self._waiting) >= self._limit:
                self.counts[QUEUE_FULL] += 1
                return False
            self._waiting.append((self._offered, prepare))
            self._offered += 1
            self.most_waiting = max(self.most_waiting, len(self._waiting))
            self._changed.notify_all()
            return True

    def flush(self) -> Future[None]:
        """A future that ends when all that was offered is recorded, refused or dropped."""
        future: Future[None] = Future()
        with self._changed:
            if self._settled < self._offered:
                self._flushes.append((self._offered, future))
                self._changed.notify_all()
                return future
        future.set_result(None)
        return future

    def close(self) -> None:
        """Record what waits, and end the threads; harmless when that has been done."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    # --- workers --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._preparing:
                taken = self._take()
                if taken is None:
                    return
                number, prepare = taken
                ready = self._prepared(prepare)
                if isinstance(ready, _Written):
                    self._done(number, ready)
                    continue
                index = self._next_index
                self._next_index += 1
            self._done(number, self._write(index, ready))

    def _take(self) -> tuple[int, Prepare] | None:
        """The next frame; None when there will be none any more."""
        with self._changed:
            while not (self._waiting and self._has_room()):
                if self._closing and not self._waiting:
                    return None
                self._changed.wait()
            return self._waiting.popleft()

    def _has_room(self) -> bool:
        """Whether the next frame may be taken: as many as fit into the queue may be on their way to the journal.

        A disk that writes faster than it flushes would otherwise gather frames that a kill loses, without end.
        """
        return self._waiting[0][0] - self._settled < self._limit

    def _prepared(self, prepare: Prepare) -> ReadyFrame | _Written:
        if self.stopped:
            self._count(STOPPED)
            return _Written()
        try:
            return prepare()
        except EscherNetError as error:
            self._count(f"refused: {type(error).__name__}")
            self._on_refused(str(error))
            return _Written()
        except Exception as error:
            return self._failed(error)

    def _write(self, index: int, ready: ReadyFrame) -> _Written:
        compression = self._compression
        if compression == "auto":
            compression = "none" if 4 * self.waiting >= self._limit else "fast"
            if compression == "none":
                self._count("stored uncompressed")
        try:
            contents = encode_images(ready.images, compression)
            files = self._writer.write_files(index, contents)
        except Exception as error:
            return self._failed(error)
        with self._changed:
            self.bytes_written += sum(file.bytes for file in files.values())
        return _Written(PendingFrame(index, ready.record, files))

    def _failed(self, error: Exception) -> _Written:
        """Stop: without this frame the ones after it cannot be recorded."""
        self._stop(_reason(error))
        return _Written(failed=True)

    def _done(self, number: int, written: _Written) -> None:
        with self._changed:
            self._written[number] = written
            self._changed.notify_all()

    def _count(self, name: str, number: int = 1) -> None:
        with self._changed:
            self.counts[name] += number

    # --- the thread that commits ------------------------------------------------------------------------------------

    def _commit(self) -> None:
        broken = False
        last = time.monotonic()
        while True:
            with self._changed:
                while not self._due(last):
                    self._changed.wait(self._patience(last))
                batch = [self._written.pop(number) for number in range(self._settled, self._ready_until())]
                ended = self._closing and not self._waiting and self._settled + len(batch) == self._offered
            last = time.monotonic()
            broken = self._settle(batch, broken)
            with self._changed:
                self._settled += len(batch)
                self._changed.notify_all()
                reached = [future for number, future in self._flushes if number <= self._settled]
                self._flushes = [item for item in self._flushes if item[0] > self._settled]
            for future in reached:
                future.set_result(None)
            if ended:
                return

    def _ready_until(self) -> int:
        """The number behind the last frame that can be settled, all before it being written or refused."""
        number = self._settled
        while number in self._written:
            number += 1
        return number

    def _due(self, last: float) -> bool:
        """Whether there is something to do now; the lock is held."""
        if self._closing and self._ready_until() == self._offered:
            return True
        if self._settled not in self._written:
            return False
        if self._flushes or self._closing or time.monotonic() >= last + self._commit_every_s:
            return True
        return 2 * (self._ready_until() - self._settled) >= self._limit  # workers would soon have to wait

    def _patience(self, last: float) -> float | None:
        """How long to wait for news."""
        if self._settled not in self._written:
            return None
        return max(0.001, last + self._commit_every_s - time.monotonic())

    def _settle(self, batch: Sequence[_Written], broken: bool) -> bool:
        """Commit the frames of a batch up to the first that failed; returns whether one has failed by now."""
        good: list[PendingFrame] = []
        lost: list[PendingFrame] = []
        failures = 0
        for written in batch:
            broken = broken or written.failed
            failures += written.failed
            if written.frame is not None:
                (lost if broken else good).append(written.frame)
        if good:
            try:
                self._writer.commit(good)
            except Exception as error:
                broken = True
                lost = [frame for frame in good if frame.index >= len(self._writer)] + lost
                self._stop(_reason(error))
            if recorded := [frame for frame in good if frame.index < len(self._writer)]:
                self._count("recorded", len(recorded))
                self._on_recorded(recorded)
        if lost or failures:
            self._writer.remove_files(file.path for frame in lost for file in frame.files.values())
            self._count(STOPPED, len(lost) + failures)
        return broken

    def _stop(self, reason: str) -> None:
        with self._changed:
            if self.stopped:
                return
            self.stopped = reason
        self._writer.stop(reason)
        self._on_stopped(reason)


def _reason(error: Exception) -> str:
    """Why recording stops; what nobody foresaw goes to the log in full."""
    if isinstance(error, EscherNetError):
        return str(error)
    _log.error("recording failed", exc_info=error)
    return f"{type(error).__name__}: {error}"
