# SPDX-License-Identifier: Apache-2.0
"""Claim: on two cores the bench streams poses at 200 Hz or more while it renders, and taking a view takes < 1 s.

Starts bench and capture as the demo does, moves the arm between viewpoints, and prints medians and worst cases:
rates by the stamps, age of messages on arrival, time of a take_view call, memory of each process.

    .venv/bin/python bench/graph.py [--seconds 20] [--fps 15]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.demo.run import capture_parameters
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph


class Arrivals:
    """Stamps of the messages of a topic, and how old each was when it came."""

    def __init__(self, client: GraphClient, kind: type, topic: str, profile: object) -> None:
        self.stamps: list[int] = []
        self.ages: list[float] = []
        self._clock = client.node.get_clock()
        client.node.create_subscription(kind, topic, self._receive, profile)

    def _receive(self, message: Image | PoseStamped) -> None:
        stamp = messages.to_nanoseconds(message.header.stamp)
        self.stamps.append(stamp)
        self.ages.append((self._clock.now().nanoseconds - stamp) / 1e6)

    def row(self, name: str) -> str:
        """Return one line of the table."""
        gaps = np.diff(np.sort(self.stamps)) / 1e6
        p50, p99, worst = np.percentile(gaps, [50, 99, 100])
        age50, age99 = np.percentile(self.ages, [50, 99])
        rate = 1e3 / gaps.mean()
        return f"{name:<14} {rate:8.1f} {p50:8.1f} {p99:8.1f} {worst:8.1f} {age50:9.1f} {age99:8.1f}"


def memory_mib(pid: int) -> float:
    """Return the largest resident size a process has had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--fps", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Graph(Path(folder)) as graph:
        nodes = [
            graph.start_node("eschernet_ros.nodes.bench", {"fps": options.fps}),
            graph.start_node("eschernet_ros.nodes.capture", capture_parameters()),
        ]
        with GraphClient(graph) as client:
            client.wait(lambda: client.viewpoints is not None, 60.0, "the bench's start")
            client.wait(client._take_view.service_is_ready, 60.0, "the capture's start")
            client.take_view()
            poses = Arrivals(client, PoseStamped, "/franka_robot_state_broadcaster/current_pose", qos.POSE_STREAM)
            colour = Arrivals(client, Image, "/camera/camera/color/image_raw", qos.CAMERA_IMAGE)
            depth = Arrivals(client, Image, "/camera/camera/aligned_depth_to_color/image_raw", qos.CAMERA_IMAGE)
            assert client.viewpoints is not None
            end = time.monotonic() + options.seconds
            calls = []
            number = 0
            while time.monotonic() < end:
                client.move_camera(client.viewpoints.poses[number % 17], client.viewpoints.header.frame_id)
                number += 1
                start = time.perf_counter()
                client.take_view()
                calls.append(time.perf_counter() - start)
            print(f"{os.cpu_count()} cores, {options.fps} frames/s asked for, {options.seconds:g} s, arm moving\n")
            print("stream          rate Hz  gap p50      p99      max   age p50      p99   (ms)")
            for name, arrivals in (("current_pose", poses), ("colour", colour), ("aligned depth", depth)):
                print(arrivals.row(name))
            print(f"\ntake_view: median {np.median(calls):.2f} s, longest {max(calls):.2f} s of {len(calls)}")
            for node in nodes:
                print(f"peak memory of {node.name}: {memory_mib(node.process.pid):.0f} MiB")


if __name__ == "__main__":
    main()
