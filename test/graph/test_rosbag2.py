# SPDX-License-Identifier: Apache-2.0
"""Bags that the real ``ros2 bag record`` writes of a live graph, replayed without one."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import resting_arm as arm
from bag_builder import write
from ros2_command import ROS2

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.processes import Graph
from eschernet_ros.replay import replay
from eschernet_ros.streams import CAPTURE_PARAMETERS, values_of

pytest.importorskip("ros2bag", reason="ros2 bag is not installed")
PLAYER = Path(__file__).parents[1] / "support" / "bag_player.py"
TOPICS = [arm.COLOUR, arm.DEPTH, arm.INFO, arm.POSE]


@pytest.mark.parametrize(
    "options",
    [
        ["--storage", "mcap"],
        ["--storage", "sqlite3"],
        ["--storage", "mcap", "--compression-mode", "message", "--compression-format", "zstd"],
        ["--storage", "sqlite3", "--compression-mode", "file", "--compression-format", "zstd"],
        ["--storage", "mcap", "--max-bag-duration", "1"],
    ],
    ids=["mcap", "sqlite3", "message compression", "file compression", "split"],
)
def test_what_rosbag2_records_is_replayed(tmp_path: Path, options: list[str]) -> None:
    played = write(tmp_path / "played", [*arm.camera_entries(), *arm.pose_entries()])
    record = [*ROS2, "bag", "record", *options, "--output", str(tmp_path / "bag"), "--topics", *TOPICS, "/clock"]
    with Graph(tmp_path) as graph:
        player = graph.start("player", [sys.executable, str(PLAYER), str(played), "1", "1"])
        recorder = graph.start("recorder", record)
        with GraphClient(graph) as client:
            client.wait(lambda: "pass played" in player.log.read_text(), 180.0, "the pass")
        recorder.signal(signal.SIGINT)
        recorder.process.wait(60.0)
    report = replay(tmp_path / "bag", values_of(CAPTURE_PARAMETERS, arm.PARAMETERS), tmp_path / "replayed")
    assert report.views == len(arm.AZIMUTHS), report
