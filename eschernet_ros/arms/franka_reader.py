# SPDX-License-Identifier: Apache-2.0
"""Reading the state of a Franka arm, with everything that can be missing: library, network, robot, states."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from eschernet_ros.arms.franka_child import CONNECTED, STATE, load
from eschernet_ros.arms.franka_state import FrankaState, decode
from eschernet_ros.arms.robot_clock import RobotClock
from eschernet_ros.errors import EscherNetError

CHILD = "import sys; from eschernet_ros.arms.franka_child import main; main(sys.argv[1:])"
FIRST_RETRY_S = 0.5
SILENCE_S = 3.0
"""libfranka itself gives up after 1 s without a state; a reading process that is silent for longer is ended."""

_EE_TOLERANCE = 1e-6  # m and rad; the protocol sends single precision
_REMEDIES = (
    (
        "refused",
        "the arm at {ip} is on but offers no FCI: activate FCI in Desk, and end any other program that uses it",
    ),
    ("Host not found", "there is no host named '{ip}': check the address of the arm (Desk shows it)"),
    ("UDP receive", "the arm at {ip} sends no states: is it still on, is the cable in, does a firewall drop UDP?"),
    ("ncompatible", "the arm's system version does not fit this libfranka: see the compatibility table of libfranka"),
    ("interrupted", "the connection to {ip} broke off: is the arm still on and FCI still active?"),
)

log = logging.getLogger(__name__)


class FrankaReader:
    """Reads an arm until it is closed, reconnecting with growing pauses.

    :meth:`run` is the work of a thread. It calls ``on_state`` for every state, from that thread; problems are logged
    once when they begin and when they end, and counted in ``counts``.

    Args:
        robot_ip: address or name of the arm's controller.
        rate_hz: states per second that are wanted, 1 to 1000; others are read and left out.
        on_state: called with each state.
        connect_timeout_s: longest wait for the arm to answer.
        retry_max_s: longest pause between two attempts.

    Raises:
        MissingDependencyError: pylibfranka is not installed.
    """

    def __init__(
        self,
        robot_ip: str,
        rate_hz: int,
        on_state: Callable[[FrankaState], None],
        *,
        connect_timeout_s: float = 5.0,
        retry_max_s: float = 10.0,
    ) -> None:
        load()
        self.robot_ip = robot_ip
        self.counts: Counter[str] = Counter()
        self.clock = RobotClock()
        self.problem = f"connecting to {robot_ip}"
        """Why there are no states; empty while they come."""
        self.last: FrankaState | None = None
        """The newest state."""
        self.ee_changed = ""
        """What the last change of F_T_EE was, and what it means; empty while there was none."""
        self._rate_hz = rate_hz
        self._on_state = on_state
        self._connect_timeout_s = connect_timeout_s
        self._retry_max_s = retry_max_s
        self._closing = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def run(self) -> None:
        """Read until :meth:`close`."""
        pause_s = FIRST_RETRY_S
        while not self._closing.is_set():
            states = self.counts["states"]
            problem = self._session()
            if self._closing.is_set():
                return
            self.counts["connection failures"] += 1
            if self.counts["states"] > states:
                pause_s = FIRST_RETRY_S
            if problem != self.problem:
                self.problem = problem
                log.error("%s. Trying again, at most every %g s", problem, self._retry_max_s)
            self._closing.wait(pause_s)
            pause_s = min(2.0 * pause_s, self._retry_max_s)

    def close(self) -> None:
        """End :meth:`run`; returns at once."""
        self._closing.set()
        with self._lock:
            if self._child is not None:
                self._child.kill()

    def _session(self) -> str:
        """Read one connection to its end; returns why it ended."""
        with self._reading_process() as connection:
            received = missed = restarts = 0
            answered = False
            while True:
                limit_s = SILENCE_S if answered else self._connect_timeout_s
                try:
                    if not connection.poll(limit_s):
                        return self._no_answer(answered, limit_s)
                    message = connection.recv_bytes()
                except (EOFError, OSError):
                    return f"the process that reads {self.robot_ip} ended by itself; its last words are on stderr"
                kind, content = message[:1], message[1:]
                if kind == CONNECTED:
                    answered = True
                    self.counts["connections"] += 1
                    self.clock = RobotClock()
                elif kind == STATE:
                    try:
                        state = decode(content, self.last)
                    except EscherNetError as error:
                        self._refuse(error)
                        continue
                    self.counts["states"] += state.received - received
                    self.counts["states missed"] += state.missed - missed
                    self.counts["robot clock restarts"] += state.clock_restarts - restarts
                    received, missed, restarts = state.received, state.missed, state.clock_restarts
                    self._take(state)
                else:
                    return self._explain(content.decode(errors="replace"))

    def _take(self, state: FrankaState) -> None:
        self.clock.add(state.stamp_ns, state.robot_time_ms)
        if self.last is not None and not state.flange_from_ee.is_close(self.last.flange_from_ee, _EE_TOLERANCE):
            self.counts["F_T_EE changes"] += 1
            metres, radians = state.flange_from_ee.distance_to(self.last.flange_from_ee)
            self.ee_changed = (
                f"F_T_EE changed by {metres * 1e3:.1f} mm and {radians:.3f} rad: hand-eye calibrations anchored to the "
                "EE are void; anchored to the flange hold"
            )
            log.warning(self.ee_changed)
        self.last = state
        self._on_state(state)
        if self.problem:  # after the first state is out
            self.problem = ""
            failures = self.counts["connection failures"]
            log.info("states of %s arrive%s", self.robot_ip, f" ({failures} failures so far)" if failures else "")

    def _refuse(self, error: EscherNetError) -> None:
        self.counts["states refused"] += 1
        problem = f"states of {self.robot_ip} are not usable: {error}"
        if problem != self.problem:
            self.problem = problem
            log.error(problem)

    def _no_answer(self, answered: bool, limit_s: float) -> str:
        if answered:
            return f"no state of {self.robot_ip} for {limit_s:g} s: is the arm still on, and the cable in?"
        return (
            f"no answer from {self.robot_ip} within {limit_s:g} s: is the arm on, its address right, and this computer "
            "in its subnet (ping it)?"
        )

    def _explain(self, said: str) -> str:
        for part, remedy in _REMEDIES:
            if part in said:
                return f"{remedy.format(ip=self.robot_ip)} ({said})"
        return f"reading the arm at {self.robot_ip} failed: {said}"

    @contextlib.contextmanager
    def _reading_process(self) -> Iterator[Connection]:
        """A new reading process and the connection to it; it is ended on the way out."""
        ours, theirs = socket.socketpair()
        # this package's folder comes last: it may be site-packages, and must not go before what PYTHONPATH prefers
        paths = [*filter(None, os.environ.get("PYTHONPATH", "").split(":")), str(Path(__file__).resolve().parents[2])]
        with theirs, self._lock:
            self._child = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(theirs.fileno()), self.robot_ip, str(self._rate_hz)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
            if self._closing.is_set():  # close() came first and saw no process
                self._child.kill()
        with Connection(ours.detach()) as connection:
            try:
                yield connection
            finally:
                with self._lock:
                    self._child.kill()
                self._child.wait()
