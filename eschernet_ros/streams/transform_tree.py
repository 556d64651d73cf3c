# SPDX-License-Identifier: Apache-2.0
"""The tree of frames that TF messages tell of: as much of tf2's buffer as a pose source needs.

tf2 itself comes with a ROS distribution only; a bag is read without one, and what is live must not differ from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from eschernet_ros.capture.pose_buffer import PoseBuffer, PoseUnavailable
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

_DEEPEST = 100


class TransformUnknown(EscherNetError):  # noqa: N818 - named after the state, like PoseUnavailable
    """The frames are not connected, or at no common time; the message says where it breaks off."""


@dataclass
class _Edge:
    """A frame in its parent: fixed, or a history."""

    parent: str
    fixed: SE3 | None
    history: PoseBuffer = field(default_factory=PoseBuffer)


class TransformTree:
    """Frames by their parents.

    Args:
        horizon_s: how far back moving transforms are kept (tf2: 10 s).
    """

    def __init__(self, horizon_s: float = 10.0) -> None:
        self._horizon_s = horizon_s
        self._edges: dict[str, _Edge] = {}

    def set(self, parent: str, child: str, stamp_ns: int, parent_from_child: SE3, static: bool = False) -> None:
        """Take a transform; a child that turns up under another parent belongs to that one from then on."""
        if static:
            self._edges[child] = _Edge(parent, parent_from_child)
            return
        edge = self._edges.get(child)
        if edge is None or edge.parent != parent or edge.fixed is not None:
            edge = self._edges[child] = _Edge(parent, None, PoseBuffer(self._horizon_s))
        edge.history.add(stamp_ns, parent_from_child)

    def clear(self) -> None:
        """Forget what moves: time has jumped. Static transforms stay."""
        self._edges = {child: edge for child, edge in self._edges.items() if edge.fixed is not None}

    def newest(self, base: str, frame: str) -> tuple[int, SE3]:
        """The newest time at which the whole chain is known, and ``base_from_frame`` then; 0 when nothing moves.

        As tf2 does: the time is the oldest of the newest stamps on the chain; the others are interpolated there.

        Raises:
            TransformUnknown: there is no chain, or no common time.
        """
        up, down = self._ancestors(frame), self._ancestors(base)
        common = next((name for name in up if name in down), None)
        if common is None:
            raise TransformUnknown(self._broken(base, frame, up, down))
        children = [*up[: up.index(common)], *down[: down.index(common)]]
        stamps = [self._edges[child].history.newest_ns for child in children if self._edges[child].fixed is None]
        stamp_ns = min((stamp for stamp in stamps if stamp is not None), default=0)
        common_from_frame = self._along(up[: up.index(common)], stamp_ns)
        common_from_base = self._along(down[: down.index(common)], stamp_ns)
        return stamp_ns, common_from_base.inverse() @ common_from_frame

    def _along(self, children: list[str], stamp_ns: int) -> SE3:
        pose = SE3.identity()
        for child in children:
            edge = self._edges[child]
            if edge.fixed is not None:
                pose = edge.fixed @ pose
                continue
            try:
                pose = edge.history.lookup(stamp_ns, math.inf).pose @ pose
            except PoseUnavailable as error:
                raise TransformUnknown(
                    f"'{child}' in '{edge.parent}' has no common time with the others: {error}"
                ) from (error)
        return pose

    def _ancestors(self, frame: str) -> list[str]:
        names = [frame]
        while (edge := self._edges.get(names[-1])) is not None and len(names) < _DEEPEST:
            names.append(edge.parent)
        return names

    def _broken(self, base: str, frame: str, up: list[str], down: list[str]) -> str:
        known = set(self._edges) | {edge.parent for edge in self._edges.values()}
        if unknown := [f"'{name}'" for name in (base, frame) if name not in known]:
            listed = ", ".join(sorted(known)) or "none"
            return f"no transform names the frame {' nor '.join(unknown)}; there are: {listed}"
        return f"'{frame}' hangs on '{up[-1]}', but '{base}' on '{down[-1]}': nothing connects them"
