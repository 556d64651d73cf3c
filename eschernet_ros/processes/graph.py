# SPDX-License-Identifier: Apache-2.0
"""Nodes as separate processes on a domain of their own, on this machine only."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from eschernet_ros.errors import EscherNetError
from eschernet_ros.processes.domain import lease_domain

_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None, use_errno=True)


def _child_setup() -> None:
    """In the child: a process group of its own (Ctrl-C reaches only the parent), and an end when the parent ends."""
    os.setpgid(0, 0)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class NodeProcess:
    """One running node process with its log file."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self.process = process

    def check(self) -> None:
        """Raise :class:`EscherNetError` with the end of its log when the process has ended."""
        status = self.process.poll()
        if status is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise EscherNetError(f"process '{self.name}' ended with status {status}; the end of {self.log}:\n{tail}")

    def signal(self, number: int) -> None:
        """Send a signal to the process (not its group), if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(number)


class Graph:
    """An isolated ROS graph of node processes; use it as a context manager.

    Every process gets ``ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST`` and the graph's own ``ROS_DOMAIN_ID``; so does the
    environment of this process inside the ``with`` block, so that a node created here joins the graph.
    Leaving the block ends every process: SIGINT, then SIGTERM, then SIGKILL.

    Args:
        folder: working folder of the processes; their logs go to ``folder/log``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[NodeProcess] = []
        self._lease = lease_domain()
        self.environment = {
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "ROS_DOMAIN_ID": str(self._lease.domain_id),
        }
        self._saved: dict[str, str | None] = {}

    def __enter__(self) -> Graph:
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        self._saved = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        for name, value in self._saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._lease.release()

    def start_node(
        self,
        module: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        remap: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> NodeProcess:
        """Start ``python -m module`` with ROS parameters and remappings; ``name`` replaces the node's own."""
        arguments = ["--ros-args"]
        for key, value in (parameters or {}).items():
            arguments += ["-p", f"{key}:={_yaml(value)}"]
        for source, target in (remap or {}).items():
            arguments += ["-r", f"{source}:={target}"]
        if name is not None:
            arguments += ["-r", f"__node:={name}"]
        label = name or module.rsplit(".", 1)[-1]
        return self.start(label, [sys.executable, "-m", module, *arguments], environment)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> NodeProcess:
        """Start any command in the graph's environment."""
        log = self.folder / "log" / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,  # not the checkout: its eschernet_ros has no generated interfaces
                env={**os.environ, **self.environment, "PYTHONUNBUFFERED": "1", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_child_setup,
            )
        node = NodeProcess(name, process, log)
        self.processes.append(node)
        return node

    def check(self) -> None:
        """Raise :class:`EscherNetError` when a process has ended by itself."""
        for process in self.processes:
            process.check()

    def stop(self, patience_s: float = 5.0) -> None:
        """End every process; returns when all are gone."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            running = [p for p in self.processes if p.process.poll() is None]
            for process in running:
                process.signal(number)
            deadline = time.monotonic() + patience_s
            while any(p.process.poll() is None for p in running) and time.monotonic() < deadline:
                time.sleep(0.02)
        for process in self.processes:
            process.process.wait()


def _yaml(value: Any) -> str:
    """Return a parameter value as the YAML that ``--ros-args -p`` reads."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_yaml(float(v)) for v in value) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
