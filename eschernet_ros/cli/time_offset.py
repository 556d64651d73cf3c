# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros time-offset``: the offset between the clocks of camera and arm, from a bag of a moving arm."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from eschernet_ros.cli.check import show_progress
from eschernet_ros.cli.stream_options import add_stream_options, settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("bag", type=Path, metavar="BAG", help="a ROS 2 bag (mcap or sqlite3)")
    parser.add_argument(
        "--frames", type=int, default=30, metavar="N", help="frames that are used, spread over the motion (default: 30)"
    )
    add_stream_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read, estimate and print."""
    from eschernet_ros.checking.streams import bag_recording
    from eschernet_ros.checking.time_offset import estimate_time_offset

    settings = settings_of(arguments)
    show_progress(f"reading {arguments.bag}")
    recording, _ = bag_recording(arguments.bag, settings, arguments.frames)
    found = estimate_time_offset(recording, show_progress)
    low, high = (1e3 * value for value in found.interval_s)
    print(
        f"time offset {1e3 * found.offset_s:+.2f} ms (95 % interval {low:+.2f} to {high:+.2f} ms), from {found.frames} "
        f"frames at {found.median_speed:.2f} m/s in the median"
    )
    if found.hand_eye_mattered:
        joint = found.joint
        print(
            f"the hand-eye transform is off too, by {math.degrees(joint.angle_rad):.2f} deg and "
            f"{1e3 * joint.length:.1f} mm; it was fitted together with the offset. Calibrate again, then repeat this"
        )
    total = settings.time_offset_s + found.offset_s
    print(f"set time_offset_s: {total:.4f} (it was {settings.time_offset_s:.4f})")
    return 0
