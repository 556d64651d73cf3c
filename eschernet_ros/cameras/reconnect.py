# SPDX-License-Identifier: Apache-2.0
"""Frames of a camera for as long as somebody wants them, whatever happens to the camera."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from eschernet_ros.cameras.camera import Camera, CameraDescription, CameraError, CameraFrame
from eschernet_ros.errors import EscherNetError

_POLL_S = 0.2  # how soon the end is noticed


class BackOff:
    """Waits that double from ``first_s`` to ``longest_s``, and begin anew after success.

    Raises:
        EscherNetError: waits that are not positive, or the longest shorter than the first.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        if not 0.0 < first_s <= longest_s:
            raise EscherNetError(
                f"the wait before a camera is tried again must be positive and not longer than the longest; "
                f"they are {first_s:g} s and {longest_s:g} s"
            )
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Return how long to wait now."""
        wait, self._next_s = self._next_s, min(2.0 * self._next_s, self._longest_s)
        return wait

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._next_s = self._first_s


def frames(
    camera: Camera,
    back_off: BackOff,
    closing: threading.Event,
    *,
    with_depth: Callable[[], bool] = lambda: True,
    on_connect: Callable[[CameraDescription], None] = lambda description: None,
    on_trouble: Callable[[CameraError, float], None] = lambda error, wait_s: None,
) -> Iterator[CameraFrame]:
    """Yield frames until ``closing`` is set; a camera that is absent or lost is connected again, with back-off.

    Args:
        camera: disconnected; it is disconnected again when the iterator ends.
        back_off: waits between attempts; a frame begins them anew.
        closing: ends the iterator within a fraction of a second.
        with_depth: asked before every frame.
        on_connect: called with what was found.
        on_trouble: called with the reason and the seconds until the next attempt.

    Raises:
        CameraSettingsError: the camera cannot do what is asked of it.
    """
    try:
        while not closing.is_set():
            try:
                on_connect(camera.connect())
                while not closing.is_set():
                    frame = camera.read(_POLL_S, with_depth=with_depth())
                    if frame is not None:
                        back_off.reset()
                        yield frame
            except CameraError as error:
                camera.disconnect()
                wait_s = back_off.next_s()
                on_trouble(error, wait_s)
                closing.wait(wait_s)
    finally:
        camera.disconnect()
