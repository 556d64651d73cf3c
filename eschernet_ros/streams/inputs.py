# SPDX-License-Identifier: Apache-2.0
"""One topic that a capture listens to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Input:
    """A topic, and who takes its messages.

    Attributes:
        name: what it is for: ``colour``, ``pose``, ...
        topic: its name.
        parameter: that sets it.
        kinds: message types that are understood, as in ROS 2; the first is the one a node subscribes to.
        take: takes a message, and the receiver's time in nanoseconds. Knows fields by name only.
        latched: the newest message counts for whoever comes later; in a bag the first counts from the beginning.
        needed: without it there are no views.
        remedy: why it may be silent.
        words: how the topic may be recognised under another name (see `eschernet_ros.bags.find_topic`); None: not.
    """

    name: str
    topic: str
    parameter: str
    kinds: tuple[str, ...]
    take: Callable[[Any, int], None]
    latched: bool = False
    needed: bool = True
    remedy: str = ""
    words: tuple[str, ...] | None = None
