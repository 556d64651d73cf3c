# SPDX-License-Identifier: Apache-2.0
"""The RealSense node: a D400 camera, or a recording of one, on the topics of realsense-ros, without that driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from eschernet_ros.cameras import (
    HOLE_FILLING,
    MODES,
    BackOff,
    CameraDescription,
    CameraError,
    CameraLostError,
    ColourSettings,
    DepthFilterSettings,
    RealSenseCamera,
    RealSenseSettings,
    StreamProfile,
    frames,
)
from eschernet_ros.nodes.camera_transforms import CameraTransforms
from eschernet_ros.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.realsense_topics import RealSenseTopics
from eschernet_ros.nodes.run import ClosableNode, run

PARAMETERS = (
    Parameter("serial_no", "", "serial number, with or without a leading underscore; empty: the only camera there is"),
    Parameter("colour_profile", "1280x720x30", "WIDTHxHEIGHTxFPS of colour"),
    Parameter("depth_profile", "848x480x30", "WIDTHxHEIGHTxFPS of depth, before alignment; empty: no depth"),
    Parameter("imu", False, "publish inertial samples (D435i, D455)"),
    Parameter(
        "exposure.mode",
        "lock",
        "auto; lock: automatic while warming up, then kept; fixed: as given. The colour sensor tells its exposure, and "
        "so the middle of it, only while it is not automatic",
        choices=MODES,
    ),
    Parameter("exposure.fixed_us", 8000.0, "exposure time for mode fixed, us", 1.0, 1_000_000.0),
    Parameter("white_balance.mode", "lock", "as exposure.mode", choices=MODES),
    Parameter("white_balance.fixed_k", 4600.0, "colour temperature for mode fixed, K", 1000.0, 10_000.0),
    Parameter("warmup_frames", 30, "frames that are not published after each start", 0, 1000),
    Parameter(
        "filters.decimation", 1, "depth pixels a side that become one; alignment to colour is kept; 1: off", 1, 8
    ),
    Parameter("filters.min_m", 0.0, "threshold filter: nearest depth kept, m", 0.0, 16.0),
    Parameter("filters.max_m", 0.0, "threshold filter: farthest depth kept, m; 0: off", 0.0, 16.0),
    Parameter("filters.disparity", False, "run the spatial and temporal filters on disparity"),
    Parameter("filters.spatial", False, "edge-preserving smoothing of depth"),
    Parameter("filters.spatial_alpha", 0.5, "weight of a pixel against its neighbours; 1: no smoothing", 0.25, 1.0),
    Parameter("filters.spatial_delta", 20, "step that counts as an edge, in units of depth or disparity", 1, 50),
    Parameter("filters.spatial_magnitude", 2, "passes", 1, 5),
    Parameter("filters.temporal", False, "smoothing over frames; only where camera and scene are at rest"),
    Parameter("filters.temporal_alpha", 0.4, "weight of the newest frame; 1: no smoothing", 0.0, 1.0),
    Parameter("filters.temporal_delta", 20, "step that is not smoothed over", 1, 100),
    Parameter("filters.temporal_persistence", 3, "librealsense's persistence mode: 0 off to 8 always", 0, 8),
    Parameter("filters.hole_filling", "off", "where no depth was measured", choices=HOLE_FILLING),
    Parameter("camera_namespace", "/camera/camera", "prefix of the topics"),
    Parameter("camera_name", "camera", "prefix of the frames"),
    Parameter("publish_tf", True, "publish the camera's frames on /tf_static"),
    Parameter("frame_timeout_s", 5.0, "a camera that is silent for so long is connected anew", 0.5, 60.0),
    Parameter("retry_first_s", 0.5, "wait before the first new attempt to connect; it doubles", 0.05, 60.0),
    Parameter("retry_longest_s", 10.0, "longest wait between two attempts", 0.05, 600.0),
    Parameter("file", "", "play this recording of librealsense (.db3, .bag) instead of a camera"),
    Parameter("file_repeat", False, "start over at the end of the recording; else its end is as if it were unplugged"),
    Parameter("file_restamp", False, "move the stamps of the recording to now"),
)


class RealSenseNode(ClosableNode):
    """Publishes what realsense-ros does with ``align_depth.enable:=true``; connects anew when the camera goes away."""

    def __init__(self) -> None:
        super().__init__("realsense")
        p = declare(self, PARAMETERS)
        settings = _settings(p)
        self._back_off = BackOff(p["retry_first_s"], p["retry_longest_s"])
        self._topics = RealSenseTopics(
            self, p["camera_namespace"], p["camera_name"], depth=settings.depth is not None, imu=settings.imu
        )
        self._transforms = CameraTransforms(self, p["camera_name"]) if p["publish_tf"] else None
        self._camera = RealSenseCamera(settings, self._topics.publish_motion)
        self._description: CameraDescription | None = None
        self._trouble = "connecting"
        self._losses = 0
        self._counted, self._counted_lost, self._counted_at = 0, 0, time.monotonic()
        self._closing = threading.Event()
        self._diagnostics = Diagnostics(self, self._report)
        self._thread = self.start_thread(self._stream)  # last: it may end the node at once

    def close(self) -> None:
        """Disconnect the camera."""
        self._closing.set()
        self._thread.join()

    def _stream(self) -> None:
        for frame in frames(
            self._camera,
            self._back_off,
            self._closing,
            with_depth=lambda: self._topics.depth_wanted,
            on_connect=self._connected,
            on_trouble=self._in_trouble,
        ):
            self._topics.publish(frame)

    def _connected(self, description: CameraDescription) -> None:
        self._description, self._trouble = description, ""
        log = self.get_logger()
        log.info(
            f"{description.name} {description.serial}, firmware {description.firmware or 'unknown'}, "
            f"USB {description.usb or 'unknown'}: {', '.join(description.streams)}"
        )
        for warning in description.warnings:
            log.warning(warning)
        if self._transforms is not None:
            self._transforms.publish(description)

    def _in_trouble(self, error: CameraError, wait_s: float) -> None:
        if isinstance(error, CameraLostError):
            self._losses += 1
        self._trouble, self._description = str(error), None
        self.get_logger().error(f"{error}; trying again in {wait_s:g} s")

    def _report(self) -> Report:
        counts: dict[str, Any] = dict(self._camera.counts)
        now, total, lost = time.monotonic(), counts.get("frames", 0), counts.get("frames lost", 0)
        counts["frames per second"] = rate = (total - self._counted) / (now - self._counted_at)
        lost_now = lost - self._counted_lost
        self._counted, self._counted_lost, self._counted_at = total, lost, now
        counts["times the camera was lost"] = self._losses
        description = self._description
        if description is None:
            return ERROR, self._trouble, counts
        counts |= {
            "camera": description.name,
            "serial number": description.serial,
            "firmware": description.firmware,
            "USB": description.usb,
            "streams": ", ".join(description.streams),
            "state": self._camera.state(),
        }
        warnings = [*description.warnings, *self._camera.concerns()]
        if lost_now:
            warnings.append(f"{lost_now} frames lost in the last second")
        if warnings:
            return WARN, "; ".join(warnings), counts
        return OK, f"{rate:.1f} frames/s, {lost} of {total + lost} lost so far", counts


def _settings(p: Mapping[str, Any]) -> RealSenseSettings:
    """Return the library's settings.

    Raises:
        EscherNetError: for values that do not fit together.
    """
    filters = {name.removeprefix("filters."): value for name, value in p.items() if name.startswith("filters.")}
    return RealSenseSettings(
        serial=p["serial_no"],
        colour=StreamProfile.parse(p["colour_profile"], "colour_profile"),
        depth=StreamProfile.parse(p["depth_profile"], "depth_profile") if p["depth_profile"].strip() else None,
        imu=p["imu"],
        colour_control=ColourSettings(
            exposure=p["exposure.mode"],
            exposure_us=p["exposure.fixed_us"],
            white_balance=p["white_balance.mode"],
            white_balance_k=p["white_balance.fixed_k"],
            warmup_frames=p["warmup_frames"],
        ),
        depth_filters=DepthFilterSettings(**filters),
        frame_timeout_s=p["frame_timeout_s"],
        file=p["file"],
        file_repeat=p["file_repeat"],
        restamp=p["file_restamp"],
    )


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros realsense``."""
    run(RealSenseNode)


if __name__ == "__main__":
    main()
