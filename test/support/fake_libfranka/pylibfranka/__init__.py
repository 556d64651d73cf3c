# SPDX-License-Identifier: Apache-2.0
"""Stands in for pylibfranka in the reading process: an arm that does what a file says, connection by connection.

``FAKE_ROBOT`` names a JSON file: a list with an object for each connection. ``refuse``: text of the exception of
``Robot()``; ``hang``: ``Robot()`` never returns; ``times``: robot clock, ms, of the states; ``ee_z``: per state, m;
``nan``: poses are not finite; ``pause_s``: between states; ``end``: text of the exception after the last state, else
``read_once()`` never returns. The last object serves all further connections. What is called of ``Robot`` goes to the
file ``FAKE_ROBOT`` + ``.calls``.
"""

import json
import os
import time
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

_FILE = Path(os.environ["FAKE_ROBOT"])
_CALLS = Path(f"{_FILE}.calls")
_CONNECTIONS = Path(f"{_FILE}.connections")


class RealtimeConfig(Enum):
    kEnforce = 0  # noqa: N815
    kIgnore = 1  # noqa: N815


class RobotMode(Enum):
    Idle = 1


class NetworkException(RuntimeError):  # noqa: N818
    pass


def _note(text: str) -> None:
    with _CALLS.open("a") as file:
        file.write(f"{text}\n")


def _translation(x: float, y: float, z: float) -> list[float]:
    return [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, x, y, z, 1.0]


class Robot:
    def __init__(self, ip: str, realtime: RealtimeConfig) -> None:
        _note(f"Robot({ip}, {realtime.name})")
        number = int(_CONNECTIONS.read_text()) if _CONNECTIONS.exists() else 0
        _CONNECTIONS.write_text(str(number + 1))
        script = json.loads(_FILE.read_text())
        self._script = script[min(number, len(script) - 1)]
        self._index = 0
        if self._script.get("hang"):
            time.sleep(600.0)
        if "refuse" in self._script:
            raise NetworkException(self._script["refuse"])

    def __getattr__(self, name: str) -> object:
        _note(name)
        raise AttributeError(name)

    def read_once(self) -> SimpleNamespace:
        if self._index == 0:
            _note("read_once")
        times = self._script["times"]
        if self._index == len(times):
            if "end" not in self._script:
                time.sleep(600.0)
            raise NetworkException(self._script["end"])
        time.sleep(self._script.get("pause_s", 0.0))
        index, self._index = self._index, self._index + 1
        z = self._script["ee_z"][index] if "ee_z" in self._script else 0.1034
        return SimpleNamespace(
            time=SimpleNamespace(to_sec=lambda: times[index] / 1e3),
            robot_mode=RobotMode.Idle,
            q=[0.1 * i for i in range(7)],
            dq=[0.01 * i for i in range(7)],
            tau_J=[1.0 * i for i in range(7)],
            O_T_EE=_translation(float("nan") if self._script.get("nan") else 0.4, 0.1, 0.2),
            F_T_EE=_translation(0.0, 0.0, z),
        )
