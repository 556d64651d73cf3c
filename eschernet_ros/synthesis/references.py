# SPDX-License-Identifier: Apache-2.0
"""The reference views at hand, from which a synthesis picks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, farthest_point_order, stack_matrices, view_directions


@dataclass(frozen=True, eq=False)
class ReferenceView:
    """A posed reference image.

    Attributes:
        view_id: its number; unique in a set.
        image: uint8 RGB [H,W,3], taken with the model's camera, white around the object.
        camera_gl_from_object: its pose in model units.
        stamp_ns: when it was taken, nanoseconds.
    """

    view_id: int
    image: NDArray[np.uint8]
    camera_gl_from_object: SE3
    stamp_ns: int


@dataclass(frozen=True)
class PutResult:
    """What adding a view did to the others.

    Attributes:
        replaced: whether a view of the same id was there before.
        dropped_id: the oldest view, dropped because the set was full; None when none was.
    """

    replaced: bool
    dropped_id: int | None


@dataclass(frozen=True, eq=False)
class References:
    """Selected views, in the form a request takes.

    Attributes:
        ids: their numbers.
        images: uint8 [N,H,W,3].
        poses: ``camera_gl_from_object`` [N,4,4].
    """

    ids: tuple[int, ...]
    images: NDArray[np.uint8]
    poses: NDArray[np.float64]


class ReferenceSet:
    """Keeps reference views by id, at most ``max_count`` of them; thread safe."""

    def __init__(self, max_count: int) -> None:
        """Start empty.

        Raises:
            EscherNetError: when ``max_count`` is below 1.
        """
        if max_count < 1:
            raise EscherNetError(f"A set of references must hold at least 1 view, not {max_count}.")
        self.max_count = max_count
        self._views: dict[int, ReferenceView] = {}
        self._mutex = threading.Condition()

    def __len__(self) -> int:
        """Number of views."""
        return len(self._views)

    @property
    def ids(self) -> tuple[int, ...]:
        """Numbers of the views, in the order in which they came."""
        with self._mutex:
            return tuple(self._views)

    def put(self, view: ReferenceView) -> PutResult:
        """Add a view, or replace the one of its id; when the set is full, the oldest view is dropped.

        A replaced view counts as new: it goes to the end of the order.

        Raises:
            EscherNetError: when the image is no RGB image of the size of the others.
        """
        if view.image.dtype != np.uint8 or view.image.ndim != 3 or view.image.shape[2] != 3:
            raise EscherNetError(
                f"Reference view {view.view_id} must be uint8 RGB [H,W,3], not {view.image.dtype} "
                f"{list(view.image.shape)}."
            )
        with self._mutex:
            others = [other for other in self._views.values() if other.view_id != view.view_id]
            if others and others[0].image.shape != view.image.shape:
                raise EscherNetError(
                    f"Reference view {view.view_id} is {view.image.shape[1]}x{view.image.shape[0]}, the "
                    f"others are {others[0].image.shape[1]}x{others[0].image.shape[0]}; clear the set first."
                )
            replaced = self._views.pop(view.view_id, None) is not None
            dropped = None
            if len(self._views) >= self.max_count:
                dropped = next(iter(self._views))
                del self._views[dropped]
            self._views[view.view_id] = view
            self._mutex.notify_all()
            return PutResult(replaced=replaced, dropped_id=dropped)

    def remove(self, view_id: int) -> None:
        """Take a view out.

        Raises:
            EscherNetError: when it is not in the set.
        """
        with self._mutex:
            self._refuse_unknown([view_id])
            del self._views[view_id]

    def clear(self) -> None:
        """Take all views out."""
        with self._mutex:
            self._views.clear()

    def select(self, ids: Sequence[int] | None = None, count: int | None = None) -> References:
        """Pick views.

        Args:
            ids: the views to take, in this order; None takes all, in the order in which they came.
            count: of those, only so many that look from directions far from each other, beginning with the
                first; None, or more than there are, takes them all.

        Raises:
            EscherNetError: when an id is not in the set or named twice, when there is no view, or when
                ``count`` is below 1.
        """
        with self._mutex:
            if ids is not None:
                self._refuse_unknown(ids)
                if len(set(ids)) != len(ids):
                    raise EscherNetError(f"A reference view is named twice in {list(ids)}.")
            chosen = [self._views[view_id] for view_id in (self._views if ids is None else ids)]
        if not chosen:
            raise EscherNetError("There is no reference view yet; take some first.")
        if count is not None:
            if count < 1:
                raise EscherNetError(f"At least 1 reference view must be used, not {count}.")
            directions = view_directions(view.camera_gl_from_object for view in chosen)
            keep = sorted(farthest_point_order(directions)[:count])
            chosen = [chosen[position] for position in keep]
        return References(
            ids=tuple(view.view_id for view in chosen),
            images=np.stack([view.image for view in chosen]),
            poses=stack_matrices(view.camera_gl_from_object for view in chosen),
        )

    def wait_for(self, ids: Sequence[int], timeout_s: float) -> bool:
        """Wait until all of these views are there; returns whether they are.

        A view and the request that names it reach a node on ways of their own: the request may be first.
        """
        with self._mutex:
            return self._mutex.wait_for(lambda: all(view_id in self._views for view_id in ids), timeout_s)

    def _refuse_unknown(self, ids: Sequence[int]) -> None:
        unknown = [str(view_id) for view_id in ids if view_id not in self._views]
        if unknown:
            known = ", ".join(map(str, self._views)) or "none"
            raise EscherNetError(f"There is no reference view {', '.join(unknown)}; there are: {known}.")
