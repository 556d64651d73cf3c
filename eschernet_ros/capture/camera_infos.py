# SPDX-License-Identifier: Apache-2.0
"""Which camera_info a picture takes: the one of its stamp, or the newest where that one is lost or late."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from eschernet_ros.capture.message_fields import camera_of, stamp_of
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PinholeCamera

CAMERA_INFO = "camera_info"
"""Name of the input that is not joined like a picture."""

INFO_OF_ANOTHER = "frames with the camera_info of another"
NO_INTRINSICS = "the camera's intrinsics are not known yet"


class CameraInfos:
    """The last messages of a camera_info topic; thread safe.

    Intrinsics last, so a lost message is no reason to lose a frame: one of a reliable topic is sent again only at the
    writer's next heartbeat (Fast DDS: 3 s).

    Args:
        topic: its name, for the sentence that nothing has come.
        capacity: messages kept.

    Attributes:
        counts: frames that had to take another's camera_info.
    """

    def __init__(self, topic: str, capacity: int = 64) -> None:
        self.counts: Counter[str] = Counter({INFO_OF_ANOTHER: 0})
        self._topic = topic
        self._capacity = capacity
        self._lock = threading.Lock()
        self._infos: dict[int, Any] = {}  # by stamp, in order of arrival

    def add(self, message: Any, _now_ns: int = 0) -> None:
        """Take a message. The receiver's time, which an `Input` hands on, does not matter."""
        with self._lock:
            self._infos[stamp_of(message.header)] = message
            if len(self._infos) > self._capacity:
                del self._infos[next(iter(self._infos))]

    def of(self, stamp_ns: int) -> Any:
        """The message of a picture's stamp; the newest one where there is none.

        Raises:
            EscherNetError: none has come at all.
        """
        with self._lock:
            if not self._infos:
                raise EscherNetError(f"{NO_INTRINSICS}: no message has come on {self._topic}")
            return self._infos.get(stamp_ns) or self._infos[next(reversed(self._infos))]

    def camera(self, stamp_ns: int) -> PinholeCamera:
        """The pinhole camera of a frame; counts where it is that of another one.

        Raises:
            EscherNetError: no message has come at all, or the one found is of no use (`camera_of`).
        """
        info = self.of(stamp_ns)
        if stamp_of(info.header) != stamp_ns:
            with self._lock:
                self.counts[INFO_OF_ANOTHER] += 1
        return camera_of(info)

    def clear(self) -> None:
        """Forget the messages; they belong to a time that is over."""
        with self._lock:
            self._infos.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._infos)
