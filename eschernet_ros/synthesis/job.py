# SPDX-License-Identifier: Apache-2.0
"""One request on its way through the worker."""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Callable

from eschernet_ros.errors import EscherNetError
from eschernet_ros.synthesis.request import SynthesisRequest, SynthesisResult

_log = logging.getLogger(__name__)


class JobState(enum.Enum):
    """Where a job is; the last four are final."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self not in (JobState.WAITING, JobState.RUNNING)


class JobCancelledError(EscherNetError):
    """The job ended without a result because it was cancelled, or replaced by a newer one."""


class Job:
    """A submitted request. Made by the worker; its methods may be called from any thread.

    Attributes:
        request: what was asked.
        error: the exception of a failed job, else None.
    """

    def __init__(
        self,
        request: SynthesisRequest,
        on_progress: Callable[[int, int], None] | None,
        on_done: Callable[[Job], None] | None,
        withdraw: Callable[[Job], None],
    ) -> None:
        """Keep the request and its callbacks; ``withdraw`` is the worker's way to cancel the job."""
        self.request = request
        self.error: BaseException | None = None
        self._on_progress = on_progress
        self._on_done = on_done
        self._withdraw = withdraw
        self._state = JobState.WAITING
        self._result: SynthesisResult | None = None
        self._finished = threading.Event()

    @property
    def state(self) -> JobState:
        """Where the job is."""
        return self._state

    def cancel(self) -> None:
        """Ask for the job to end: at once while it waits, after the current step while it runs.

        A job past its last step still ends as done. Harmless once the job has ended.
        """
        self._withdraw(self)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended and its ``on_done`` has returned; False when the time ran out."""
        return self._finished.wait(timeout)

    def result(self, timeout: float | None = None) -> SynthesisResult:
        """Wait for the result; inside ``on_done`` it is there already.

        Raises:
            JobCancelledError: when the job was cancelled or replaced.
            TimeoutError: when it has not ended in time.
            Exception: what a failed job raised.
        """
        if not self._state.final and not self._finished.wait(timeout):
            raise TimeoutError(f"The synthesis has not ended after {timeout} s.")
        if self.error is not None:
            raise self.error
        if self._result is None:
            raise JobCancelledError(f"The synthesis was {self._state.value}; it has no result.")
        return self._result

    def start(self) -> None:
        """For the worker: the job runs now."""
        self._state = JobState.RUNNING

    def settle(
        self,
        state: JobState,
        result: SynthesisResult | None = None,
        error: BaseException | None = None,
    ) -> None:
        """For the worker: the job has ended; :meth:`announce` tells its owner."""
        self._result = result
        self.error = error
        self._state = state

    def announce(self) -> None:
        """For the worker: call ``on_done``, then let those who wait go on."""
        try:
            if self._on_done is not None:
                self._on_done(self)
        except Exception:
            _log.exception("The on_done callback of a synthesis raised an exception.")
        finally:
            self._finished.set()

    def progress(self, step: int, steps: int) -> None:
        """For the worker: call ``on_progress``."""
        if self._on_progress is None:
            return
        try:
            self._on_progress(step, steps)
        except Exception:
            _log.exception("The on_progress callback of a synthesis raised an exception.")
