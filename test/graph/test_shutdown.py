# SPDX-License-Identifier: Apache-2.0
"""A node ends quietly, whenever the interrupt comes."""

from __future__ import annotations

import signal
import time

import pytest

from eschernet_ros.processes import Graph

NODES = ("bench", "capture", "synthesis", "recorder", "franka_state", "object_finder", "realsense")
PARAMETERS = {"franka_state": {"robot_ip": "127.0.0.1"}}  # nothing answers there
NEEDS = {"franka_state": "pylibfranka", "realsense": "pyrealsense2"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", NODES)
def test_nodes_end_cleanly(graph: Graph, name: str, number: signal.Signals) -> None:
    """Status 0 and no traceback, a moment after the node first spoke and well into its work."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    for seconds in (0.0, 1.0):
        node = graph.start_node(
            f"eschernet_ros.nodes.{name}", PARAMETERS.get(name, {}), name=f"{name}_{round(seconds)}"
        )
        deadline = time.monotonic() + 60.0
        while not node.log.read_text():
            assert node.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(seconds)
        node.process.send_signal(number)
        node.process.wait(20.0)
        said = node.log.read_text()
        assert "Traceback" not in said
        assert (node.process.returncode, said) == (0, said)
        graph.processes.remove(node)
