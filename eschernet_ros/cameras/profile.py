# SPDX-License-Identifier: Apache-2.0
"""Stream profiles, written as realsense-ros writes them: ``1280x720x30``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from eschernet_ros.cameras.camera import CameraSettingsError

USB2_BYTES_PER_S = 480e6 / 8
"""USB 2.0 high speed, 480 Mbit/s, before any overhead (USB 2.0 specification)."""
WIRE_BYTES_PER_PIXEL = 2
"""A D400 sends colour as YUY2 and depth as Z16 (data sheet), 16 bits a pixel each."""


@dataclass(frozen=True)
class StreamProfile:
    """Width and height in pixels, and frames per second."""

    width: int
    height: int
    fps: int

    @classmethod
    def parse(cls, text: str, name: str) -> StreamProfile:
        """Read ``WIDTHxHEIGHTxFPS``; ``name`` is that of the setting, for the error message.

        Raises:
            CameraSettingsError: another notation, or a number that is zero.
        """
        match = re.fullmatch(r"\s*(\d+)\s*[xX,]\s*(\d+)\s*[xX,]\s*(\d+)\s*", text)
        numbers = [int(part) for part in match.groups()] if match else []
        if not numbers or 0 in numbers:
            raise CameraSettingsError(
                f"{name} is '{text}'; it must be WIDTHxHEIGHTxFPS with positive numbers, for example 1280x720x30"
            )
        return cls(*numbers)

    @property
    def bytes_per_s(self) -> float:
        """Bytes a second on the wire."""
        return float(self.width * self.height * self.fps * WIRE_BYTES_PER_PIXEL)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.fps}"


def usb_warning(usb: str, profiles: list[StreamProfile]) -> str | None:
    """Return what a slow port costs, or None.

    Args:
        usb: the device's USB version, such as ``3.2`` or ``2.1``; empty: unknown, as with a recording.
        profiles: those that stream.
    """
    if not usb.startswith(("1", "2")):
        return None
    needed = sum(profile.bytes_per_s for profile in profiles)
    return (
        f"the camera is on USB {usb}: the profiles {', '.join(map(str, profiles))} need {needed / 1e6:.0f} MB/s, and "
        f"USB 2 carries less than {USB2_BYTES_PER_S / 1e6:.0f} MB/s, so only small pictures at low rates are offered; "
        "use a USB 3 port (blue) and the cable that came with the camera"
    )
