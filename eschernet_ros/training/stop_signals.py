# SPDX-License-Identifier: Apache-2.0
"""Signals that end a run after the step it is in."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM in the list it gives, so that a step is finished first; a second SIGINT interrupts.

    Outside the main thread, where signals cannot be taken, the list stays empty.
    """
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    try:
        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever called has the signals
        yield received
        return
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_interrupts_to_the_parent(worker: int) -> None:
    """Ignore SIGINT in a loader process: Ctrl-C reaches it too, and the step under way still needs its batches."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
