# SPDX-License-Identifier: Apache-2.0
"""Live and replayed: the same views of one run; and a bag that is played into the graph with simulated time."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import resting_arm as arm
from bag_builder import write
from diagnostic_msgs.msg import DiagnosticArray

from eschernet_ros.bags import open_bag
from eschernet_ros.capture import PosedView
from eschernet_ros.demo.client import GraphClient
from eschernet_ros.nodes import messages
from eschernet_ros.processes import Graph
from eschernet_ros.replay import BagSource, Replayer, TakenViews, live_views, replay
from eschernet_ros.streams import CAPTURE_PARAMETERS, values_of

PLAYER = Path(__file__).parents[1] / "support" / "bag_player.py"


def test_a_replayed_run_has_the_live_views(tmp_path: Path) -> None:
    """What capture took while the bag recorder listened is taken again from the bag: equal, bit for bit.

    The views are at rest. In motion they need not be equal: both subscribe to poses best effort, so a sample may be
    missing in either, and the pose is then interpolated between others.
    """
    at_rest = [2.6 + index / arm.FPS for index in range(50)]
    poses = arm.pose_entries(length_s=at_rest[-1] + 0.2)[round(2.5 * arm.POSE_HZ) :]
    path = write(tmp_path / "rest", [*arm.camera_entries(at_rest), *poses])
    recorder = {
        "bag": str(tmp_path / "bag"),
        "topics": arm.POSE,
        "picture_topics": f"{arm.COLOUR} {arm.INFO} {arm.DEPTH}",
        "use_sim_time": True,
    }
    with Graph(tmp_path) as graph:
        graph.start_node("eschernet_ros.nodes.bag_recorder", recorder)
        graph.start_node("eschernet_ros.nodes.capture", {**arm.PARAMETERS, "use_sim_time": True})
        with GraphClient(graph) as client:
            client.wait(client._take_view.service_is_ready, 180.0, "the capture's start")
            player = graph.start("player", [sys.executable, str(PLAYER), str(path), "1", "2"])
            client.wait(lambda: "playing" in player.log.read_text(), 180.0, "the player's start")
            client.take_view(60.0)
            client.take_view(60.0)
            client.wait(lambda: "pass played" in player.log.read_text(), 180.0, "the pass")
            time.sleep(1.0)  # the last view's way to the bag
            live = [messages.from_posed_view(message) for _, message in sorted(client.views.items())]
        graph.stop()

    p = values_of(CAPTURE_PARAMETERS, arm.PARAMETERS)
    views: list[PosedView] = []
    with open_bag(tmp_path / "bag") as bag:
        stamps = [view.image_stamp_ns for view in live_views(bag)]
        assert stamps == [view.image_stamp_ns for view in live]
        assert 0 < bag.count_of({arm.COLOUR}) < len(at_rest)  # only those around the views
        replayer = Replayer(p, TakenViews(stamps), lambda replayed: views.append(replayed.view))
        source = BagSource(bag, replayer.streams.inputs)
        source.prime()
        for delivery in source.deliveries():
            replayer.deliver(delivery.now_ns, delivery.deliver)
        replayer.finish()
    assert len(views) == len(live), replayer.reasons
    for ours, theirs in zip(views, live, strict=True):
        np.testing.assert_array_equal(ours.image, theirs.image)
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        assert (ours.index, ours.stamp_ns, ours.exposure_s) == (theirs.index, theirs.stamp_ns, theirs.exposure_s)
        assert ours.base_from_camera_optical.is_close(theirs.base_from_camera_optical, 1e-9)
        assert ours.scores.depth_coverage == theirs.scores.depth_coverage

    report = replay(tmp_path / "bag", p, tmp_path / "replayed", views="taken")
    assert (report.views, report.equal) == (len(live), True)


class Reports:
    """The newest diagnostics of the capture node."""

    def __init__(self, client: GraphClient) -> None:
        self.values: dict[str, str] = {}
        client.node.create_subscription(DiagnosticArray, "/diagnostics", self._keep, 10)

    def _keep(self, message: Any) -> None:
        for status in message.status:
            if status.name == "/capture":
                self.values = {value.key: value.value for value in status.values}

    def count(self, name: str) -> int:
        """A counter; 0 while it is not there."""
        return int(self.values.get(name, 0))


def test_a_bag_played_again_with_simulated_time(tmp_path: Path) -> None:
    """Views at every rest of the first pass; then time jumps back, which clears poses and frames and is counted.

    The second pass is captured as if nothing had been before.
    """
    path = write(tmp_path / "bag", [*arm.camera_entries(), *arm.pose_entries()])
    with Graph(tmp_path) as graph:
        graph.start_node("eschernet_ros.nodes.capture", {**arm.PARAMETERS, "auto": True, "use_sim_time": True})
        with GraphClient(graph) as client:
            reports = Reports(client)
            client.wait(lambda: bool(reports.values), 120.0, "the first report, while time stands still")
            player = graph.start("player", [sys.executable, str(PLAYER), str(path), "2", "1"])
            client.wait(lambda: player.log.read_text().count("pass played") == 1, 120.0, "the first pass")
            assert reports.count("time jumps") == 0
            client.wait(lambda: reports.count("time jumps") > 0, 60.0, "the jump")
            taken = len(client.views)
            assert taken >= 1
            view = messages.from_posed_view(client.take_view(60.0))
            client.wait(lambda: player.log.read_text().count("pass played") == 2, 60.0, "the second pass")
            assert arm.START_NS < view.image_stamp_ns < arm.START_NS + round(arm.LENGTH_S * 1e9)
            seconds = (view.stamp_ns - arm.START_NS) / 1e9
            centre = view.base_from_camera_optical.translation
            np.testing.assert_allclose(centre, arm.camera_at(seconds).translation, atol=2e-3)
            log = (tmp_path / "log" / "capture.log").read_text()
            assert "time jumped back: " in log and "use_sim_time" not in log.split("time jumped back")[-1]
