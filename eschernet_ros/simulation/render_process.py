# SPDX-License-Identifier: Apache-2.0
"""Rendering in a process of its own, so that a fast loop in this one is never held up by it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.objects import ObjectMesh
from eschernet_ros.simulation.bench import RenderedFrame, SimulatedBench
from eschernet_ros.simulation.config import BenchConfig
from eschernet_ros.simulation.graphics import GraphicsError

WORKER = "import sys; from eschernet_ros.simulation.render_process import serve; serve(int(sys.argv[1]))"
TIMEOUT_S = 120.0
NICENESS = 5


class RenderProcess:
    """The pictures of a ``SimulatedBench``, drawn by a child process on request.

    The child is a plain Python interpreter: it imports neither ``__main__`` nor ROS, and it ends when this object is
    closed or this process ends. It runs at a lower priority, so that a pose stream goes first. Unlike a bench
    in this process it may be used from any thread, one request at a time.

    Args:
        object_name: as for ``SimulatedBench``.
        config: as for ``SimulatedBench``.

    Raises:
        GraphicsError: the child cannot draw here; the message says why.
    """

    def __init__(self, object_name: str | ObjectMesh = "mug", config: BenchConfig | None = None) -> None:
        ours, theirs = socket.socketpair()
        package_root = str(Path(__file__).resolve().parents[2])
        paths = [package_root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-c", WORKER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        self._connection = Connection(ours.detach())
        self._lock = threading.Lock()
        try:
            self._request((object_name, config))
        except Exception:
            self.close()
            raise

    def render(self, q: ArrayLike) -> RenderedFrame:
        """As ``SimulatedBench.render``."""
        return RenderedFrame(*self._ask("render", q))

    def render_colour(self, q: ArrayLike) -> NDArray[np.uint8]:
        """As ``SimulatedBench.render_colour``."""
        return self._ask("render_colour", q)[0]

    def render_depth(self, q: ArrayLike) -> NDArray[np.float32]:
        """As ``SimulatedBench.render_depth``."""
        return self._ask("render_depth", q)[0]

    def render_mask(self, q: ArrayLike) -> NDArray[np.bool_]:
        """As ``SimulatedBench.render_mask``."""
        return self._ask("render_mask", q)[0]

    def render_overview(self, q: ArrayLike) -> NDArray[np.uint8]:
        """As ``SimulatedBench.render_overview``."""
        return self._ask("render_overview", q)[0]

    def _ask(self, method: str, q: ArrayLike) -> Any:
        return self._request((method, np.asarray(q, dtype=np.float64)))

    def _request(self, message: Any) -> Any:
        with self._lock:
            if self._connection.closed:
                raise GraphicsError("this render process is closed")
            try:
                self._connection.send(message)
                if not self._connection.poll(TIMEOUT_S):
                    raise GraphicsError(f"the render process did not answer within {TIMEOUT_S:.0f} s")
                failure, arrays = self._connection.recv()
            except (EOFError, OSError) as error:
                raise GraphicsError(
                    f"the render process ended (exit code {self._child.poll()}); its last words are on stderr"
                ) from error
        if failure is not None:
            raise failure
        return arrays

    def close(self) -> None:
        """End the child process."""
        with self._lock:
            if not self._connection.closed:
                self._connection.close()
        try:
            self._child.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def __enter__(self) -> RenderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(descriptor: int) -> None:
    """Answer the requests on a socket until it closes: the child's whole work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the closing socket ends us instead
    os.nice(NICENESS)
    connection = Connection(descriptor)
    bench: SimulatedBench | None = None
    try:
        while True:
            request, argument = connection.recv()
            try:
                if bench is None:
                    bench = SimulatedBench(request, argument)
                    bench.render_mask(bench.home)  # now, so that a machine without OpenGL is told at once
                    arrays: tuple[NDArray, ...] = ()
                else:
                    result = getattr(bench, request)(argument)
                    if isinstance(result, RenderedFrame):
                        arrays = (result.colour, result.depth, result.mask)
                    else:
                        arrays = (result,)
            except Exception as error:  # goes to the one who asked
                known = isinstance(error, EscherNetError | ImportError)
                connection.send((error if known else GraphicsError(f"{type(error).__name__}: {error}"), None))
                continue
            connection.send((None, arrays))
    except (EOFError, OSError):
        pass
    finally:
        if bench is not None:
            bench.close()
