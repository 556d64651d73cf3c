# SPDX-License-Identifier: Apache-2.0
"""Options that ``check`` and ``time-offset`` share: topics, hand-eye transform, clock."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from eschernet_ros.checking.stream_settings import StreamSettings, settings_from_config
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    group = parser.add_argument_group("streams (bags and live)", "defaults: those of the capture node")
    group.add_argument("--config", type=Path, metavar="FILE", help="the capture node's configuration (capture.yaml)")
    group.add_argument("--hand-eye", type=Path, metavar="FILE", help="calibration file (.calib or .yaml)")
    group.add_argument(
        "--hand-eye-numbers",
        type=float,
        nargs=7,
        metavar=("X", "Y", "Z", "QX", "QY", "QZ", "QW"),
        help="the camera's optical frame in the end effector's, metres and quaternion",
    )
    group.add_argument(
        "--camera-root",
        type=float,
        nargs=7,
        metavar=("X", "Y", "Z", "QX", "QY", "QZ", "QW"),
        help="the optical frame in camera_link, for a .calib that is attached to camera_link",
    )
    group.add_argument("--pose-of", choices=("ee", "flange"), help="what the poses are of (default: ee)")
    for name, what in (
        ("colour", "colour image"),
        ("camera-info", "its intrinsics"),
        ("depth", "aligned depth; empty: none"),
        ("pose", "PoseStamped of the arm"),
        ("metadata", "each frame's exposure (realsense2_camera_msgs/Metadata); empty: not read"),
        ("metadata-json", "the same as JSON in a String; empty: not read"),
    ):
        group.add_argument(f"--{name}-topic", metavar="TOPIC", help=what)
    group.add_argument("--exposure", type=float, metavar="S", help="exposure time where no metadata tell it, seconds")
    group.add_argument("--time-offset", type=float, metavar="S", help="added to image stamps, seconds")


def settings_of(arguments: argparse.Namespace) -> StreamSettings:
    """The settings of the configuration file, and what the options change in them.

    Raises:
        EscherNetError: a file that cannot be read, numbers that are no transform, or no hand-eye transform at all.
    """
    settings = settings_from_config(arguments.config) if arguments.config else StreamSettings()
    topics = settings.topics
    for name in ("colour", "camera_info", "depth", "pose", "metadata", "metadata_json"):
        value = getattr(arguments, f"{name}_topic")
        if value is not None:
            topics = replace(topics, **{name: value})
    settings = replace(settings, topics=topics)
    if arguments.hand_eye and arguments.hand_eye_numbers:
        raise EscherNetError("--hand-eye and --hand-eye-numbers both give the hand-eye transform; leave one out")
    if arguments.hand_eye:
        settings = replace(settings, hand_eye_file=arguments.hand_eye)
    if arguments.hand_eye_numbers:
        given = _transform(arguments.hand_eye_numbers)
        settings = replace(settings, hand_eye=given, hand_eye_file=None, hand_eye_parent="ee")
    if arguments.camera_root:
        settings = replace(settings, camera_root_from_camera_optical=_transform(arguments.camera_root))
    if arguments.pose_of:
        settings = replace(settings, pose_of=arguments.pose_of)
    if arguments.exposure is not None:
        settings = replace(settings, exposure_s=arguments.exposure)
    if arguments.time_offset is not None:
        settings = replace(settings, time_offset_s=arguments.time_offset)
    if settings.hand_eye_file is None and settings.hand_eye.is_close(SE3.identity()):
        raise EscherNetError(
            "the hand-eye transform is not known: give --hand-eye FILE, --hand-eye-numbers X Y Z QX QY QZ QW, or "
            "--config with the capture node's configuration"
        )
    return settings


def _transform(numbers: list[float]) -> SE3:
    return SE3.from_quaternion_xyzw(numbers[3:], numbers[:3])
