# SPDX-License-Identifier: Apache-2.0
"""A recording of librealsense: its frames come from the real SDK, aligned, as from a live camera."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from eschernet_ros.bags import BagError
from eschernet_ros.cameras import CameraFrame, RealSenseCamera, RealSenseSettings, RecordingEndedError
from eschernet_ros.capture import DecodedFrame, parse_frame_metadata
from eschernet_ros.replay.bag_source import Delivery
from eschernet_ros.streams import CaptureStreams

_POLL_S = 0.2


class RealSenseSource:
    """Plays a recording as fast as it is read; no frame is dropped.

    Args:
        path: a .db3 or .bag that librealsense recorded.
        streams: of a capture.
        with_depth: frames without depth are left out, as live.
        exposure_unit_s: unit of ``actual_exposure``.

    Attributes:
        frames: how many the recording says it holds.
        without_depth: frames that were left out.
    """

    def __init__(
        self, path: Path, streams: CaptureStreams, frames: int, with_depth: bool, exposure_unit_s: float
    ) -> None:
        self.frames = frames
        self.without_depth = 0
        self._path = path
        self._streams = streams
        self._with_depth = with_depth
        self._unit_s = exposure_unit_s
        settings = RealSenseSettings(file=str(path), paced=False)
        if not with_depth:
            settings = RealSenseSettings(file=str(path), paced=False, depth=None)
        self._camera = RealSenseCamera(settings)

    def deliveries(self) -> Iterator[Delivery]:
        """The frames in the order they were taken.

        Raises:
            CameraError: the recording cannot be played.
            BagError: its stamps are not the host's time, so no pose belongs to them.
        """
        with self._camera:
            while True:
                try:
                    frame = self._camera.read(_POLL_S, with_depth=self._with_depth)
                except RecordingEndedError:
                    return
                if frame is None:
                    continue
                if frame.metadata["clock_domain"] == "hardware_clock":
                    raise BagError(
                        f"{self._path}: its stamps are those of the camera's own clock, which started with the camera: "
                        "no pose of an arm can be found for them. Record with librealsense's global time enabled"
                    )
                if self._with_depth and frame.depth is None:
                    self.without_depth += 1
                    continue
                yield self._delivery(frame)

    def _delivery(self, frame: CameraFrame) -> Delivery:
        colour = frame.colour.copy()  # the driver's memory is wanted back
        depth = None if frame.depth is None else frame.depth.astype(np.float32) * np.float32(1e-3)
        decoded = DecodedFrame(colour, depth, None, frame.camera)
        metadata = parse_frame_metadata(json.dumps(dict(frame.metadata)), self._unit_s)
        stamp_ns = frame.stamp_ns
        size = colour.nbytes + (0 if frame.depth is None else frame.depth.nbytes)

        def deliver() -> None:
            self._streams.exposures.add(stamp_ns, metadata)
            self._streams.take_frame(stamp_ns, partial(_same, decoded), stamp_ns)

        return Delivery(stamp_ns, deliver, size)


def _same(decoded: DecodedFrame) -> DecodedFrame:
    return decoded
