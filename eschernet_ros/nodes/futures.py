# SPDX-License-Identifier: Apache-2.0
"""Waiting in a callback for what another thread does, without holding the executor."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

from rclpy.node import Node
from rclpy.task import Future as RosFuture

T = TypeVar("T")


async def wait_for(node: Node, future: Future[T]) -> T:
    """Return the result of ``future``, or raise its exception; for coroutine callbacks of ``node``.

    The callback must be in a reentrant group: the default group of a node lets nothing else of the node run before a
    callback has returned, also while it awaits.
    """
    ended: RosFuture[None] = RosFuture(executor=node.executor)
    ended.add_done_callback(lambda _: None)  # only a future with a callback wakes the executor
    future.add_done_callback(lambda _: ended.set_result(None))
    await ended
    return future.result()
