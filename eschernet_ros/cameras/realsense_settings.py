# SPDX-License-Identifier: Apache-2.0
"""What a RealSense camera is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from eschernet_ros.cameras.colour_control import ColourSettings
from eschernet_ros.cameras.depth_filters import DepthFilterSettings
from eschernet_ros.cameras.profile import StreamProfile


@dataclass(frozen=True)
class RealSenseSettings:
    """What to stream, and from where.

    Args:
        serial: of the camera, with or without realsense-ros's underscore; empty: the only one connected.
        colour, depth: profiles; no depth: None. A recording plays as it was recorded, whatever these say.
        imu: stream gyroscope and accelerometer.
        colour_control: exposure, white balance and warm-up; not for recordings.
        depth_filters: applied before the alignment to colour.
        frame_timeout_s: a camera that is silent for so long counts as lost.
        file: a recording (.db3 of librealsense 2.59, or .bag) that stands for the camera; empty: a live one.
        file_repeat: start over at its end.
        restamp: move the stamps of a recording to the time it is played.
        paced: play a recording as fast as it was taken, dropping frames that nobody takes; False: every frame waits
            until it is read (no inertial samples then).
    """

    serial: str = ""
    colour: StreamProfile = StreamProfile(1280, 720, 30)  # noqa: RUF009 - frozen
    depth: StreamProfile | None = StreamProfile(848, 480, 30)  # noqa: RUF009 - frozen
    imu: bool = False
    colour_control: ColourSettings = field(default_factory=ColourSettings)
    depth_filters: DepthFilterSettings = field(default_factory=DepthFilterSettings)
    frame_timeout_s: float = 5.0
    file: str = ""
    file_repeat: bool = False
    restamp: bool = False
    paced: bool = True
