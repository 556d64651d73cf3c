# SPDX-License-Identifier: Apache-2.0
"""A frame as it arrives, and its pixels once they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eschernet_ros.geometry import PinholeCamera


@dataclass(frozen=True)
class DecodedFrame:
    """Pixels and camera of one frame: colour [H,W,3] uint8, depth [H,W] float32 m or None, mask [H,W] bool or None."""

    colour: np.ndarray
    depth: np.ndarray | None
    mask: np.ndarray | None
    camera: PinholeCamera


class Exposure(NamedTuple):
    """A frame's exposure time, seconds, as its driver reports it (None: the assembler's); a warning for the view."""

    seconds: float | None
    warning: str = ""


@dataclass(frozen=True)
class Frame:
    """A frame as it arrives: decoding costs milliseconds, so it is done only for the frames that become views.

    Args:
        image_stamp_ns: stamp of the camera driver.
        source: anything the caller wants back with the view (a message header, for example).
        decode: returns the pixels; may raise :class:`EscherNetError`.
        exposure: returns the frame's exposure; may wait (bounded), and raise :class:`EscherNetError`.
    """

    image_stamp_ns: int
    source: Any
    decode: Callable[[], DecodedFrame]
    exposure: Callable[[], Exposure] = lambda: Exposure(None)
