# SPDX-License-Identifier: Apache-2.0
"""Claim: the capture path keeps up with 1280x720 colour and aligned depth at 30 frames/s on two cores.

A process of its own publishes pictures with camera_info, aligned depth and 250 Hz poses, as realsense-ros and
franka_ros2 do; the capture node receives them, and a view is asked of it twice a second. Prints frames published,
complete in the capture node and lost; how old a frame is when its last message is there (p50, p99); shares of a core;
memory. Twice: with Fast DDS as it is, and with the profile in config/fastdds.xml.

    .venv/bin/python bench/capture.py [--seconds 30] [--width 1280 --height 720] [--fps 30] [--publisher-depth 5]
"""

from __future__ import annotations

import argparse
import array
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.errors import EscherNetError
from eschernet_ros.nodes import qos
from eschernet_ros.processes import Graph

PROFILES = Path(__file__).resolve().parents[1] / "config" / "fastdds.xml"
PICTURES = 4
SETTLE_S = 3.0


class Camera(Node):
    """Publishes until its time is over; writes the number of frames to a file."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__("camera")
        self.options = options
        prefix = "/camera/camera"
        kept = QoSProfile(depth=options.publisher_depth)  # reliable, volatile
        self.colour = self.create_publisher(Image, f"{prefix}/color/image_raw", kept)
        self.info = self.create_publisher(CameraInfo, f"{prefix}/color/camera_info", qos.CAMERA_INFO)
        self.depth = self.create_publisher(Image, f"{prefix}/aligned_depth_to_color/image_raw", kept)
        self.pose = self.create_publisher(PoseStamped, "/franka_robot_state_broadcaster/current_pose", qos.POSE_STREAM)
        rng = np.random.default_rng(0)
        shape = (options.height, options.width)
        self.pictures = []
        for _ in range(PICTURES):
            coarse = rng.integers(0, 256, (18, 32, 3), np.uint8)
            colour = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
            depth = cv2.resize(coarse[..., 0].astype(np.float32) / 10 + 290, shape[::-1])  # the table, mm, uneven
            self.pictures.append((colour, depth.astype(np.uint16)))
        self.frames = 0
        self.create_timer(1 / options.fps, self.publish_frame)
        self.create_timer(1 / 250, self.publish_pose)

    def publish_frame(self) -> None:
        """One frame: colour, camera_info, depth, of one stamp; none before all of them have a listener."""
        if not all(publisher.get_subscription_count() for publisher in (self.colour, self.info, self.depth)):
            return
        stamp = self.get_clock().now().to_msg()
        colour, depth = self.pictures[self.frames % PICTURES]
        height, width = depth.shape
        for publisher, picture, encoding in ((self.colour, colour, "rgb8"), (self.depth, depth, "16UC1")):
            message = Image(height=height, width=width, encoding=encoding, step=picture.nbytes // height)
            message.header.stamp, message.header.frame_id = stamp, "camera_color_optical_frame"
            message.data = array.array("B", picture.tobytes())
            publisher.publish(message)
        focal = 0.7 * width
        info = CameraInfo(height=height, width=width, distortion_model="plumb_bob", d=[0.0] * 5)
        info.header.stamp, info.header.frame_id = stamp, "camera_color_optical_frame"
        info.k = [focal, 0.0, width / 2, 0.0, focal, height / 2, 0.0, 0.0, 1.0]
        self.info.publish(info)
        self.frames += 1

    def publish_pose(self) -> None:
        """The arm at rest above the object, looking down."""
        message = PoseStamped()
        message.header.stamp, message.header.frame_id = self.get_clock().now().to_msg(), "base"
        message.pose.position.x, message.pose.position.z = 0.5, 0.3
        message.pose.orientation.x, message.pose.orientation.w = 1.0, 0.0
        self.pose.publish(message)


def publish(options: argparse.Namespace) -> None:
    """The camera's process."""
    rclpy.init()
    camera = Camera(options)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(camera)
    options.publish.write_text(str(camera.frames))


def cpu_seconds(pid: int) -> float:
    """Time that a process has spent on processors."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    """Largest resident size a process has had."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


class CaptureReports:
    """What the capture node says of itself on /diagnostics."""

    def __init__(self, client: GraphClient) -> None:
        self.values: dict[str, str] = {}
        client.node.create_subscription(DiagnosticArray, "/diagnostics", self.receive, 10)

    def receive(self, message: DiagnosticArray) -> None:
        """Keep the newest."""
        for status in message.status:
            if status.name == "/capture":
                self.values = {value.key: value.value for value in status.values}

    def count(self, name: str) -> int:
        """One of its counters."""
        return int(float(self.values.get(name, 0)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--publisher-depth", type=int, default=5, help="messages that the camera keeps (default: 5)")
    parser.add_argument("--view-every", type=float, default=0.5, metavar="S", help="seconds between views; 0: none")
    parser.add_argument("--publish", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.publish is not None:
        publish(options)
        return
    os.environ.pop("FASTDDS_DEFAULT_PROFILES_FILE", None)
    print("Fast DDS as it is")
    measure(options)
    os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] = str(PROFILES)  # read by camera and capture
    print(f"with {PROFILES.name}")
    measure(options)


def measure(options: argparse.Namespace) -> None:
    """Run camera and capture, and print what came."""
    with tempfile.TemporaryDirectory() as folder, Graph(Path(folder)) as graph:
        capture = graph.start_node(
            "eschernet_ros.nodes.capture", {"object.position": [0.5, 0.0, 0.0], "gates.on_request": False}
        )
        with GraphClient(graph, "measure") as client:
            reports = CaptureReports(client)
            client.wait(client._take_view.service_is_ready, 60.0, "the capture's start")
            written = Path(folder) / "frames"
            names = ("width", "height", "fps", "publisher_depth")
            size = [f"--{name.replace('_', '-')}={getattr(options, name)}" for name in names]
            camera = graph.start(
                "camera", [sys.executable, str(Path(__file__).resolve()), "--publish", str(written), *size]
            )
            client.wait(lambda: reports.count("frames") > 0, 60.0, "the first frame")
            time.sleep(SETTLE_S)
            processes = {"capture": capture.process.pid, "camera": camera.process.pid}
            before = {name: cpu_seconds(pid) for name, pid in processes.items()}
            started, views, refused = time.monotonic(), 0, 0
            while time.monotonic() < started + options.seconds:
                if options.view_every:
                    try:
                        client.take_view()
                        views += 1
                    except EscherNetError:
                        refused += 1
                time.sleep(options.view_every or 0.1)
            took = time.monotonic() - started
            shares = {name: (cpu_seconds(pid) - before[name]) / took for name, pid in processes.items()}
            peak = peak_mib(capture.process.pid)
            camera.signal(2)
            camera.process.wait(20)
            time.sleep(2.0)  # one more report
            published, complete = int(written.read_text()), reports.count("frames")
            print(
                f"{options.width}x{options.height} colour and depth, {options.fps:g} frames/s, "
                f"publisher keeps {options.publisher_depth}, "
                f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {took:.0f} s\n"
                f"published {published}, complete in the capture node {complete}, lost {published - complete}\n"
                f"frame complete after: p50 {reports.values['frame complete after ms, p50']} ms, "
                f"p99 {reports.values['frame complete after ms, p99']} ms (last 300 frames)\n"
                f"unmatched: {reports.count('unmatched colour')} colour, {reports.count('unmatched depth')} depth\n"
                f"views taken meanwhile: {views}, refused {refused}\n"
                f"share of a core: {', '.join(f'{name} {share:.0%}' for name, share in shares.items())}; "
                f"capture's peak memory {peak:.0f} MiB"
            )


if __name__ == "__main__":
    main()
