# SPDX-License-Identifier: Apache-2.0
"""Live and replayed: the same views of one run; and a bag that is played into the graph with simulated time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import resting_arm as arm
from bag_builder import write
from diagnostic_msgs.msg import DiagnosticArray

from eschernet_ros.bags import open_bag
from eschernet_ros.capture import PosedView
from eschernet_ros.demo.client import GraphClient
from eschernet_ros.demo.run import bag_parameters, capture_parameters, wait_for_bag_recorder
from eschernet_ros.nodes import messages
from eschernet_ros.processes import Graph
from eschernet_ros.replay import BagSource, Replayer, TakenViews, live_views, replay
from eschernet_ros.streams import CAPTURE_PARAMETERS, values_of

PLAYER = Path(__file__).parents[1] / "support" / "bag_player.py"


def test_a_replayed_run_has_the_live_views(tmp_path: Path) -> None:
    """Pictures and masks of views at rest are equal, bit for bit: the arm's pose is, whichever samples were received.

    One more view is taken while the arm moves: both subscriptions are best effort, so samples may be missing in either,
    and the pose between the others is the same to a fraction of a pixel only.
    """
    with Graph(tmp_path) as graph:
        graph.start_node("eschernet_ros.nodes.bench", {"object": "duck", "viewpoints": 3, "fps": 6})
        graph.start_node("eschernet_ros.nodes.bag_recorder", bag_parameters(tmp_path / "bag"))
        graph.start_node("eschernet_ros.nodes.capture", capture_parameters())
        with GraphClient(graph) as client:
            client.wait(lambda: client.viewpoints is not None, 90.0, "the bench's start")
            client.wait(client._take_view.service_is_ready, 90.0, "the capture's start")
            wait_for_bag_recorder(client)
            assert client.viewpoints is not None
            live: list[PosedView] = []
            for pose in client.viewpoints.poses[:2]:
                client.move_camera(pose, client.viewpoints.header.frame_id)
                live.append(messages.from_posed_view(client.take_view()))
            client.start_moving(client.viewpoints.poses[2], client.viewpoints.header.frame_id)
            live.append(messages.from_posed_view(client.take_view()))
            client.wait(lambda: len(client.views) == 3, 30.0, "the views' arrival")
        graph.stop()

    given = {**capture_parameters(), "object.topic": "/bench/object_box"}
    p = values_of(CAPTURE_PARAMETERS, given)
    views: list[PosedView] = []
    with open_bag(tmp_path / "bag") as bag:
        stamps = [view.image_stamp_ns for view in live_views(bag)]
        assert stamps == [view.image_stamp_ns for view in live]
        replayer = Replayer(p, TakenViews(stamps), lambda replayed: views.append(replayed.view))
        source = BagSource(bag, replayer.streams.inputs)
        source.prime()
        for delivery in source.deliveries():
            replayer.deliver(delivery.now_ns, delivery.deliver)
        replayer.finish()
    assert len(views) == 3, replayer.reasons
    for ours, theirs in zip(views[:2], live[:2], strict=True):
        np.testing.assert_array_equal(ours.image, theirs.image)
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        assert (ours.index, ours.stamp_ns, ours.exposure_s) == (theirs.index, theirs.stamp_ns, theirs.exposure_s)
        assert ours.base_from_camera_optical.is_close(theirs.base_from_camera_optical, 1e-9)
        assert ours.scores.blur == theirs.scores.blur
    metres, radians = views[2].base_from_camera_optical.distance_to(live[2].base_from_camera_optical)
    assert metres < 2e-4 and radians < 1e-3

    report = replay(tmp_path / "bag", p, tmp_path / "replayed" / "duck", views="taken")
    assert report.views == 3 and report.comparison.startswith("of 3 live views ")


class Reports:
    """The newest diagnostics of the capture node."""

    def __init__(self, client: GraphClient) -> None:
        self.values: dict[str, str] = {}
        self.sentence = ""
        client.node.create_subscription(DiagnosticArray, "/diagnostics", self._keep, 10)

    def _keep(self, message: Any) -> None:
        for status in message.status:
            if status.name == "/capture":
                self.values = {value.key: value.value for value in status.values}
                self.sentence = status.message

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
            client.wait(
                lambda: "this node's clock stands at 0" in str(reports.sentence) or bool(reports.values), 60.0, ""
            )
            player = graph.start("player", [sys.executable, str(PLAYER), str(path), "2"])
            client.wait(lambda: player.log.read_text().count("pass played") == 1, 60.0, "the first pass")
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
