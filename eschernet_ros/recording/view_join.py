# SPDX-License-Identifier: Apache-2.0
"""Brings views together with the pictures they were made from, which arrive on topics of their own, in any order."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

_PICTURES_KEPT = 8


@dataclass(frozen=True, eq=False)
class JoinedView:
    """A view with what came for it.

    Attributes:
        view: as it was given.
        parts: its pictures by channel.
        missing: channels whose picture did not come in time.
    """

    view: Any
    parts: dict[str, Any]
    missing: tuple[str, ...]


@dataclass(eq=False)
class _Waiting:
    stamp_ns: int
    view: Any
    channels: tuple[str, ...]
    deadline: float


class ViewJoin:
    """Keeps views in their order until their pictures are there, or it takes too long. For one thread.

    Args:
        timeout_s: longest wait of a view.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._views: deque[_Waiting] = deque()
        self._pictures: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._settled: list[Future[None]] = []

    @property
    def waiting(self) -> int:
        """Views that wait for their pictures."""
        return len(self._views)

    def add_view(self, stamp_ns: int, view: Any, channels: Iterable[str], now: float) -> list[JoinedView]:
        """Take a view; returns the views that are ready now.

        Args:
            stamp_ns: of the image it was made from.
            view: the view.
            channels: pictures that are to be expected.
            now: monotonic time, seconds.
        """
        self._views.append(_Waiting(stamp_ns, view, tuple(channels), now + self._timeout_s))
        return self.ready(now)

    def add_picture(self, channel: str, stamp_ns: int, picture: Any, now: float) -> list[JoinedView]:
        """Take a picture; returns the views that are ready now."""
        self._pictures.setdefault(stamp_ns, {})[channel] = picture
        awaited = {view.stamp_ns for view in self._views}
        while len(self._pictures) > max(_PICTURES_KEPT, len(awaited)):
            oldest = next(stamp for stamp in self._pictures if stamp not in awaited)
            del self._pictures[oldest]
        return self.ready(now)

    def ready(self, now: float) -> list[JoinedView]:
        """The views, in their order, that have all their pictures or have waited long enough."""
        found = []
        while self._views:
            first = self._views[0]
            parts = self._pictures.get(first.stamp_ns, {})
            missing = tuple(channel for channel in first.channels if channel not in parts)
            if missing and now < first.deadline:
                break
            self._views.popleft()
            self._pictures.pop(first.stamp_ns, None)
            found.append(JoinedView(first.view, parts, missing))
        return found

    def settled(self) -> Future[None]:
        """A future that ends, after :meth:`announce`, when no view waits."""
        future: Future[None] = Future()
        self._settled.append(future)
        return future

    def announce(self) -> None:
        """End the futures of :meth:`settled` when no view waits; to be called after ready views were passed on."""
        if not self._views:
            ended, self._settled = self._settled, []
            for future in ended:
                future.set_result(None)
