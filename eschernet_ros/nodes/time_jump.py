# SPDX-License-Identifier: Apache-2.0
"""A node's clock that jumps back: with ``use_sim_time``, when a bag is played again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node

LEAST_S = 0.5
"""Simulated time that comes over the network may go back a little."""


def on_jump_back(node: Node, callback: Callable[[], None]) -> Any:
    """Call ``callback`` whenever the node's clock jumps back by half a second or more; keep what this returns."""
    threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-LEAST_S), on_clock_change=False)
    return node.get_clock().create_jump_callback(threshold, post_callback=lambda jump: callback())
