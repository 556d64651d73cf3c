# SPDX-License-Identifier: Apache-2.0
"""What any camera of this package offers: connect, read, disconnect; and what goes wrong, as exceptions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera


class CameraError(EscherNetError):
    """The camera cannot be used now; trying again later makes sense."""


class CameraAbsentError(CameraError):
    """No such camera is connected, or the recording is not there."""


class CameraLostError(CameraError):
    """The camera was streaming and is gone: unplugged, silent, or at the end of the recording."""


class RecordingEndedError(CameraLostError):
    """The recording was played to its end."""


class CameraSettingsError(EscherNetError):
    """The camera cannot do what is asked of it; trying again does not help."""


@dataclass(frozen=True)
class CameraFrame:
    """One colour picture with its depth.

    Args:
        number: of the frame, counted by the camera.
        stamp_ns: end of the exposure on the host's clock.
        colour: [H, W, 3] uint8 RGB; may be a view of the driver's memory: copy it to keep it for long.
        depth: [H, W] uint16 millimetres, seen from the colour camera, 0 without measurement; None: no depth came.
        camera: intrinsics of the colour picture, and so of the depth.
        metadata: what the driver tells about the colour frame, with the names and units of realsense-ros's
            ``color/metadata``.
    """

    number: int
    stamp_ns: int
    colour: np.ndarray
    depth: np.ndarray | None
    camera: PinholeCamera
    metadata: Mapping[str, int | float | str]


@dataclass(frozen=True)
class MotionSample:
    """One sample of the inertial unit.

    Args:
        stamp_ns: on the host's clock.
        angular_velocity: (x, y, z) rad/s in the optical frame of the unit.
        linear_acceleration: (x, y, z) m/s^2, with gravity.
    """

    stamp_ns: int
    angular_velocity: tuple[float, float, float]
    linear_acceleration: tuple[float, float, float]


@dataclass(frozen=True)
class CameraDescription:
    """A connected camera.

    Args:
        name, serial, firmware, usb: as the device says; empty where it does not.
        streams: the profiles that stream, one phrase each.
        camera: intrinsics of the colour picture.
        depth_from_colour: pose of the colour camera's optical frame in the depth camera's.
        depth_from_imu: pose of the inertial unit in the depth camera's optical frame; None without one.
        warnings: what the user should know, one sentence each.
    """

    name: str
    serial: str
    firmware: str
    usb: str
    streams: tuple[str, ...]
    camera: PinholeCamera
    depth_from_colour: SE3
    depth_from_imu: SE3 | None
    warnings: tuple[str, ...] = ()


class Camera(ABC):
    """A camera that is connected, read and disconnected by one thread; a context manager.

    ``counts`` tells what was read and what was lost since the object was made.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    @abstractmethod
    def connect(self) -> CameraDescription:
        """Start streaming.

        Raises:
            CameraError: it is not there.
            CameraSettingsError: it cannot do what the settings ask for.
        """

    @abstractmethod
    def read(self, timeout_s: float, *, with_depth: bool = True) -> CameraFrame | None:
        """Return the next frame, or None when none came within the time (or those that came were warm-up frames).

        Args:
            timeout_s: longest wait.
            with_depth: leave the depth out when nobody wants it, which saves the filters and the alignment.

        Raises:
            CameraLostError: no frame will come any more.
        """

    @abstractmethod
    def disconnect(self) -> None:
        """Stop streaming; does nothing when not connected."""

    @abstractmethod
    def state(self) -> str:
        """Return what a user should know about clock, exposure and white balance now, in one line."""

    @abstractmethod
    def concerns(self) -> list[str]:
        """Return what is wrong, or may be, with the frames that come now: one sentence each, none when all is well."""

    def __enter__(self) -> Camera:
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disconnect()
