# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros doctor``: what is wrong with this computer and its ROS graph, and what to do about it."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from eschernet_ros.doctor import Finding, as_json, as_text, verdict
from eschernet_ros.doctor.finding import error
from eschernet_ros.doctor.gpu import gpu
from eschernet_ros.doctor.graph_checks import check_graph
from eschernet_ros.doctor.machine import disk, memory, processor
from eschernet_ros.doctor.network import DEFAULT_IMAGE_BYTES, discovery, shared_memory, socket_buffers
from eschernet_ros.doctor.topics import capture_names, watched
from eschernet_ros.doctor.usb import cameras_on_usb
from eschernet_ros.doctor.versions import parts, python_version, requirements, ros
from eschernet_ros.optional import MissingDependencyError, require

_TOPIC_OPTIONS = {
    "--colour-topic": "colour_topic",
    "--camera-info-topic": "camera_info_topic",
    "--depth-topic": "depth_topic",
    "--pose-topic": "pose_topic",
}
_NARROW, _WIDE = 80, 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = "Exit code: 0 all is well, 1 warnings, 2 errors."
    parser.add_argument(
        "--config", type=Path, metavar="CAPTURE.yaml", help="read topic names from the capture node's parameter file"
    )
    for option, name in _TOPIC_OPTIONS.items():
        parser.add_argument(option, dest=name, metavar="TOPIC", help="instead of the one in the file or its default")
    parser.add_argument(
        "--seconds", type=_seconds, default=5.0, metavar="S", help="how long to listen (default: %(default)s)"
    )
    parser.add_argument(
        "--discovery",
        type=_seconds,
        default=3.0,
        metavar="S",
        help="longest wait for the topics to appear, and for the first messages (default: %(default)s)",
    )
    parser.add_argument("--no-graph", action="store_true", help="look at this computer only")
    parser.add_argument(
        "--recordings", type=Path, default=Path("recordings"), metavar="DIR", help="where recordings go (disk space)"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Look at everything, print the findings; returns their worst level."""
    names = capture_names(arguments.config)
    for name in _TOPIC_OPTIONS.values():
        if getattr(arguments, name) is not None:
            names[name] = getattr(arguments, name)
    groups: dict[str, Sequence[Finding]] = {}
    image_bytes = DEFAULT_IMAGE_BYTES
    if not arguments.no_graph:
        title = f"Graph ({arguments.seconds:g} s of listening)"
        groups[title], image_bytes = _graph(names, arguments.seconds, arguments.discovery)
    transport = [shared_memory(image_bytes, os.environ), socket_buffers(image_bytes)]
    groups["ROS"] = [*ros(os.environ), *discovery(os.environ), *transport]
    groups["Computer"] = [*processor(), memory(), disk(arguments.recordings), *gpu(), *cameras_on_usb()]
    groups["Software"] = [python_version(), *parts(), *requirements()]
    width = min(_WIDE, max(_NARROW, shutil.get_terminal_size((100, 24)).columns))
    print(as_json(groups) if arguments.json else as_text(groups, width))
    return int(verdict(finding for findings in groups.values() for finding in findings))


def _graph(names: dict[str, str], seconds: float, discovery_s: float) -> tuple[list[Finding], int]:
    """Listen and judge; also the size of the largest image seen, bytes."""
    try:
        require("rclpy", 'pip install "ros-rclpy[fastrtps]", or source a ROS 2 workspace', "listening to the graph")
        require("eschernet_ros.msg", "pip install . or colcon build, and source the workspace", "reading the topics")
    except MissingDependencyError as missing:
        return [
            error("graph", str(missing), "Do that, or look at this computer only: --no-graph.")
        ], DEFAULT_IMAGE_BYTES
    from eschernet_ros.nodes.doctor_probe import listen

    topics = watched(names)
    graph = listen(topics, seconds, discovery_s)
    sizes = [graph.records[topic.name].bytes for topic in topics if topic.type.endswith("/Image")]
    return check_graph(topics, graph), max(sizes) or DEFAULT_IMAGE_BYTES


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 600.0:
        raise argparse.ArgumentTypeError(f"{value:g} is not between 0.1 and 600")
    return value
