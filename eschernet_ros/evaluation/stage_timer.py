# SPDX-License-Identifier: Apache-2.0
"""How long each stage of a job takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class StageTime:
    """Times of one stage, seconds.

    Attributes:
        count: how often it ran.
        total: sum.
        longest: the longest single run.
    """

    count: int
    total: float
    longest: float

    @property
    def mean(self) -> float:
        """Mean of a run."""
        return self.total / self.count


class StageTimer:
    """Adds up the wall-clock time of named stages; thread safe.

    ::

        timer = StageTimer()
        with timer.stage("decode"):
            ...
        print(timer.table())
    """

    def __init__(self) -> None:
        """Start with no stage."""
        self._times: dict[str, StageTime] = {}
        self._mutex = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body of a ``with`` statement, also when it raises."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add a time that was measured elsewhere."""
        self.include({name: StageTime(1, seconds, seconds)})

    def include(self, times: Mapping[str, StageTime], prefix: str = "") -> None:
        """Add the stages of another timer, their names after ``prefix``."""
        with self._mutex:
            for name, new in times.items():
                old = self._times.get(prefix + name, StageTime(0, 0.0, 0.0))
                self._times[prefix + name] = StageTime(
                    count=old.count + new.count,
                    total=old.total + new.total,
                    longest=max(old.longest, new.longest),
                )

    def times(self) -> dict[str, StageTime]:
        """The stages so far, in the order in which they first ended."""
        with self._mutex:
            return dict(self._times)

    def as_dict(self) -> dict[str, dict[str, float]]:
        """The stages as plain numbers, seconds."""
        return {
            name: {"count": each.count, "total": each.total, "mean": each.mean, "longest": each.longest}
            for name, each in self.times().items()
        }

    def table(self) -> str:
        """The stages as aligned text, one a line; empty when there is none."""
        times = self.times()
        if not times:
            return ""
        width = max(len("stage"), *(len(name) for name in times))
        lines = [f"{'stage':<{width}} {'count':>6} {'total s':>9} {'mean s':>9} {'longest s':>9}"]
        lines += [
            f"{name:<{width}} {each.count:>6} {each.total:>9.3f} {each.mean:>9.3f} {each.longest:>9.3f}"
            for name, each in times.items()
        ]
        return "\n".join(lines)
