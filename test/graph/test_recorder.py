# SPDX-License-Identifier: Apache-2.0
"""The recorder node: views from the graph end up in a Franka16 folder, whatever happens to the process."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
from eschernet_ros.msg import PosedView
from made_views import made_view

from eschernet_ros.datasets import open_dataset, read_frames_file
from eschernet_ros.demo.client import GraphClient
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import franka16_poses
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph, NodeProcess

AZIMUTHS = (0.0, 70.0, 140.0, 210.0, 280.0)


def start(graph: Graph, folder: Path, name: str = "recorder") -> NodeProcess:
    """Start a recorder into ``folder/thing``."""
    return graph.start_node(
        "eschernet_ros.nodes.recorder", {"output_dir": str(folder), "object_name": "thing"}, name=name
    )


def record(client: GraphClient, indices: range) -> str:
    """Publish views and wait until they are on disk."""
    publisher = client.node.create_publisher(PosedView, "capture/posed_view", qos.VIEWS)
    client.wait(lambda: publisher.get_subscription_count() > 1, 30.0, "the recorder's subscription")
    client.wait(client._flush.service_is_ready, 30.0, "the recorder's service")
    for index in indices:
        publisher.publish(made_view(index, AZIMUTHS[index]))
    client.wait(lambda: len(client.views) >= len(indices), 10.0, "the views' arrival here")
    said = ""
    for _ in range(30):  # a view may still be on its way to the recorder when it answers
        with contextlib.suppress(EscherNetError):
            said = client.flush_recorder(timeout_s=1.0)
        if said.startswith(f"{indices.stop} frames"):
            break
    client.between_callbacks(client.node.destroy_publisher, publisher)
    return said


def test_views_are_recorded(graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path) -> None:
    """Published rule and full record both give the poses back; the pixels are unchanged."""
    start(graph, tmp_path)
    said = record(connect(), range(5))
    folder = tmp_path / "thing"
    assert said.startswith(f"5 frames in {folder}")
    views = [messages.from_posed_view(made_view(i, azimuth)) for i, azimuth in enumerate(AZIMUTHS)]
    truth = np.stack([view.camera_gl_from_object.matrix for view in views])

    by_published_rule = np.stack([pose.matrix for pose in franka16_poses(np.load(folder / "angles.npy"))])
    np.testing.assert_allclose(by_published_rule, truth, atol=1e-9)  # the made views stand at 1.5, as the rule says
    read = open_dataset(folder).read(image_size=64)
    np.testing.assert_allclose(read.camera_gl_from_world, truth, atol=1e-9)
    np.testing.assert_array_equal(read.images, np.stack([view.image for view in views]))
    assert [record.stamp_ns for record in read_frames_file(folder).records] == [view.stamp_ns for view in views]


def test_a_killed_recorder_resumes(graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path) -> None:
    """After kill -9 the next one goes on in the same folder."""
    first = start(graph, tmp_path)
    record(connect(), range(3))
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    graph.processes.remove(first)
    start(graph, tmp_path, name="recorder")
    said = record(connect(), range(3, 5))  # a client of its own: the first one still talks to the killed recorder
    assert said.startswith("5 frames")
    assert len(np.load(tmp_path / "thing" / "angles.npy")) == 5


def test_a_second_recorder_is_refused(graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path) -> None:
    """Two writers on one folder would destroy it; the second says who holds it and ends with status 2."""
    first = start(graph, tmp_path)
    record(connect(), range(1))
    second = start(graph, tmp_path, name="second")
    second.process.wait(30.0)
    assert second.process.returncode == 2
    assert str(first.process.pid) in second.log.read_text()
    graph.processes.remove(second)
