# SPDX-License-Identifier: Apache-2.0
"""The process that talks to the arm. It reads, and nothing else.

pylibfranka 0.21 holds Python's global lock while it connects and while it waits for a state: an address where nothing
answers stops every thread of its process for 60 s (seen), a robot that goes away for 1 s. So it has a process of its
own, which can be ended at any time.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from eschernet_ros.arms.franka_state import encode
from eschernet_ros.optional import require

CONNECTED, STATE, FAILED = b"C", b"S", b"F"
"""First byte of every message: connected, a state record, or why there is none."""

STATE_RATE_HZ = 1000
"""States per second of the robot's protocol."""


def load() -> Any:
    """Return the module ``pylibfranka``.

    Raises:
        MissingDependencyError: it is not installed.
    """
    return require("pylibfranka", "pip install -r requirements/hardware.txt", "reading a Franka arm")


def main(arguments: Sequence[str]) -> None:
    """Serve with the descriptor, the address and the rate given as text."""
    descriptor, robot_ip, rate_hz = arguments
    serve(int(descriptor), robot_ip, int(rate_hz))


def serve(descriptor: int, robot_ip: str, rate_hz: int) -> None:
    """Read states until the socket ``descriptor`` closes or the robot fails; ``rate_hz`` of them a second go out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the closing socket ends us instead
    connection = Connection(descriptor)
    try:
        library = load()
        robot = library.Robot(robot_ip, library.RealtimeConfig.kIgnore)
        connection.send_bytes(CONNECTED)
        _stream(connection, robot, rate_hz)
    except OSError:  # nobody listens any more; pylibfranka's errors are no OSError
        return
    except Exception as error:
        connection.send_bytes(FAILED + (str(error) or type(error).__name__).encode())


def _stream(connection: Connection, robot: Any, rate_hz: int) -> None:
    """Send the first state of each period of the robot's own clock."""
    period_ms = max(1, round(STATE_RATE_HZ / rate_hz))
    received = missed = restarts = 0
    last_ms, last_slot = None, None
    while True:
        state = robot.read_once()
        stamp_ns = time.time_ns()
        received += 1
        robot_ms = round(state.time.to_sec() * 1e3)
        if last_ms is not None:
            restarts += robot_ms < last_ms
            missed += max(0, robot_ms - last_ms - 1)
        last_ms = robot_ms
        slot = robot_ms // period_ms
        if slot != last_slot:
            last_slot = slot
            connection.send_bytes(STATE + encode(state, stamp_ns, received, missed, restarts))
