# SPDX-License-Identifier: Apache-2.0
"""A thread that owns the model and works off requests one after the other."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from eschernet_ros.errors import EscherNetError
from eschernet_ros.synthesis.job import Job, JobState
from eschernet_ros.synthesis.request import Pipeline, SynthesisRequest, SynthesisResult
from eschernet_ros.synthesis.run import synthesize

_log = logging.getLogger(__name__)


class WorkerBusyError(EscherNetError):
    """The queue is full."""


class WorkerClosedError(EscherNetError):
    """The worker takes no more requests."""


class _EndedByWorkerError(Exception):
    """Raised inside a running pipeline to end it; never leaves this module."""


@dataclass(frozen=True)
class WorkerCounts:
    """How many jobs were submitted and how those that ended did so."""

    submitted: int = 0
    done: int = 0
    cancelled: int = 0
    replaced: int = 0
    failed: int = 0


class SynthesisWorker:
    """Runs synthesis jobs on one pipeline in a thread of its own.

    Two kinds of jobs: those of :meth:`submit` wait in a queue and run in order; of those of
    :meth:`submit_latest` only the newest matters, so it takes the place of the waiting one and ends the
    running one of its kind. Which kind runs next is a matter of who came first; a job that takes another's
    place takes its turn too.

    Every job ends once, and its ``on_done`` is called once: from the worker's thread, or, for a job that
    never ran, from the thread that cancelled or replaced it. What callbacks raise is logged.
    """

    def __init__(self, pipeline: Pipeline, queue_size: int = 8) -> None:
        """Start the thread.

        Args:
            pipeline: used by the worker's thread only, from now until :meth:`close`.
            queue_size: how many jobs of :meth:`submit` may wait.
        """
        if queue_size < 1:
            raise EscherNetError(f"The worker's queue must hold at least 1 job, not {queue_size}.")
        self._pipeline = pipeline
        self._queue_size = queue_size
        self._changed = threading.Condition()
        self._queue: deque[tuple[int, Job]] = deque()
        self._latest: tuple[int, Job] | None = None
        self._running: Job | None = None
        self._running_is_latest = False
        self._end_running: JobState | None = None
        self._closed = False
        self._turn = 0
        self._counts = {state: 0 for state in JobState if state.final}
        self._submitted = 0
        self._thread = threading.Thread(target=self._work, name="synthesis", daemon=True)
        self._thread.start()

    def __enter__(self) -> SynthesisWorker:
        """The worker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the worker."""
        self.close()

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline; read its attributes, leave calling it to the worker."""
        return self._pipeline

    @property
    def counts(self) -> WorkerCounts:
        """Jobs so far."""
        with self._changed:
            return WorkerCounts(
                submitted=self._submitted,
                done=self._counts[JobState.DONE],
                cancelled=self._counts[JobState.CANCELLED],
                replaced=self._counts[JobState.REPLACED],
                failed=self._counts[JobState.FAILED],
            )

    @property
    def waiting(self) -> int:
        """Jobs that wait for their turn."""
        with self._changed:
            return len(self._queue) + (self._latest is not None)

    def submit(
        self,
        request: SynthesisRequest,
        on_progress: Callable[[int, int], None] | None = None,
        on_done: Callable[[Job], None] | None = None,
    ) -> Job:
        """Put a request at the end of the queue.

        Args:
            request: what to synthesize.
            on_progress: called with (step, steps) after every denoising step, from the worker's thread.
            on_done: called with the job once it has ended; see the class for the thread.

        Raises:
            WorkerBusyError: when the queue is full.
            WorkerClosedError: after :meth:`close`.
        """
        job = Job(request, on_progress, on_done, self._withdraw)
        with self._changed:
            self._refuse_when_closed()
            if len(self._queue) >= self._queue_size:
                raise WorkerBusyError(
                    f"{self._queue_size} syntheses are waiting already; try again when one has ended."
                )
            self._queue.append((self._next_turn(), job))
            self._submitted += 1
            self._changed.notify_all()
        return job

    def submit_latest(
        self,
        request: SynthesisRequest,
        on_progress: Callable[[int, int], None] | None = None,
        on_done: Callable[[Job], None] | None = None,
    ) -> Job:
        """Ask for a synthesis that makes every earlier one of this method worthless: the newest wins.

        Arguments as of :meth:`submit`. The replaced jobs end in the state ``REPLACED``.

        Raises:
            WorkerClosedError: after :meth:`close`.
        """
        job = Job(request, on_progress, on_done, self._withdraw)
        replaced: Job | None = None
        with self._changed:
            self._refuse_when_closed()
            if self._latest is None:
                self._latest = (self._next_turn(), job)
            else:
                turn, replaced = self._latest
                self._latest = (turn, job)
                self._settle(replaced, JobState.REPLACED)
            if self._running_is_latest and self._end_running is None:
                self._end_running = JobState.REPLACED
            self._submitted += 1
            self._changed.notify_all()
        if replaced is not None:
            replaced.announce()
        return job

    def close(self, timeout: float | None = None) -> bool:
        """Cancel all jobs and end the thread after the step it is in; harmless when already closed.

        Args:
            timeout: seconds to wait for the thread; None waits as long as it takes. Called from the thread
                itself (from a callback), it does not wait.

        Returns:
            Whether the thread has ended.
        """
        with self._changed:
            self._closed = True
            dropped = [job for _, job in self._queue]
            if self._latest is not None:
                dropped.append(self._latest[1])
            self._queue.clear()
            self._latest = None
            for job in dropped:
                self._settle(job, JobState.CANCELLED)
            if self._running is not None and self._end_running is None:
                self._end_running = JobState.CANCELLED
            self._changed.notify_all()
        for job in dropped:
            job.announce()
        if threading.current_thread() is self._thread:
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _withdraw(self, job: Job) -> None:
        with self._changed:
            if job is self._running:
                if self._end_running is None:
                    self._end_running = JobState.CANCELLED
                return
            if self._latest is not None and job is self._latest[1]:
                self._latest = None
            else:
                kept = deque((turn, other) for turn, other in self._queue if other is not job)
                if len(kept) == len(self._queue):
                    return
                self._queue = kept
            self._settle(job, JobState.CANCELLED)
        job.announce()

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise WorkerClosedError("The synthesis worker is closed; it takes no more requests.")

    def _settle(
        self,
        job: Job,
        state: JobState,
        result: SynthesisResult | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Fix a job's end while the lock is held; announcing it must wait until the lock is free."""
        self._counts[state] += 1
        job.settle(state, result, error)

    def _take(self) -> Job | None:
        """The job whose turn it is, marked as running; waits for one. None: the worker was closed."""
        with self._changed:
            while not (self._closed or self._queue or self._latest):
                self._changed.wait()
            if self._closed:
                return None
            latest_first = self._latest is not None and (not self._queue or self._latest[0] < self._queue[0][0])
            if latest_first:
                assert self._latest is not None
                job = self._latest[1]
                self._latest = None
            else:
                job = self._queue.popleft()[1]
            self._running, self._running_is_latest, self._end_running = job, latest_first, None
            job.start()
            return job

    def _work(self) -> None:
        while (job := self._take()) is not None:
            self._run(job)
            job.announce()

    def _run(self, job: Job) -> None:
        def after_step(step: int, steps: int) -> None:
            if self._end_running is not None:
                raise _EndedByWorkerError
            job.progress(step, steps)
            if self._end_running is not None:
                raise _EndedByWorkerError

        result: SynthesisResult | None = None
        error: BaseException | None = None
        state = JobState.DONE
        try:
            result = synthesize(self._pipeline, job.request, after_step)
        except _EndedByWorkerError:
            state = self._end_running or JobState.CANCELLED
        except BaseException as raised:  # whatever the pipeline raises belongs to the job's owner
            state, error = JobState.FAILED, raised
            level = logging.WARNING if isinstance(raised, EscherNetError) else logging.ERROR
            _log.log(level, "A synthesis failed: %s", raised, exc_info=level == logging.ERROR)
        with self._changed:
            self._running, self._running_is_latest = None, False
            self._settle(job, state, result, error)
