# SPDX-License-Identifier: Apache-2.0
"""The object finder on the bench: the box it finds is the bench's, and it says why when it finds none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from diagnostics_reports import Reports
from geometry_msgs.msg import PointStamped, PoseStamped
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker

from eschernet_ros.capture.camera_infos import INFO_OF_ANOTHER
from eschernet_ros.demo.client import GraphClient
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph
from eschernet_ros.simulation import BenchConfig, SimulatedBench

FLANGE_FROM_EE = SE3.from_rotvec([0.0, 0.1, -0.5], [0.01, 0.0, 0.15])
BENCH = {"object": "toy_truck", "viewpoints": 5, "fps": 6}


class Finder:
    """A client of the finder's services and topics."""

    def __init__(self, client: GraphClient) -> None:
        self.client = client
        self.boxes: list[Marker] = []
        node = client.node
        node.create_subscription(Marker, "object_finder/object_box", self.boxes.append, qos.LATCHED)
        self.reports = Reports(client, "/object_finder")
        self.clicks = node.create_publisher(PointStamped, "/clicked_point", qos.RESULTS)
        self._services = {name: node.create_client(Trigger, f"object_finder/{name}") for name in ("find", "clear")}
        client.wait(self._services["find"].service_is_ready, 60.0, "the finder's start")

    def views_kept(self) -> int:
        """Return how many views the finder says it has."""
        return self.reports.count("views kept")

    def call(self, name: str) -> str:
        """Call a service and return its message; a refusal is an error."""
        return self.client._call(self._services[name], 120.0, name)

    def click(self, x: float, y: float, z: float, frame_id: str = "base") -> None:
        """Publish a click."""
        message = PointStamped()
        message.header.frame_id = frame_id
        message.point.x, message.point.y, message.point.z = x, y, z
        self.client.wait(lambda: self.clicks.get_subscription_count() > 0, 20.0, "the finder's subscription")
        self.clicks.publish(message)


def finder_parameters() -> dict[str, object]:
    """Return the bench's hand-eye transform in the flange's frame: the poses' frame is known with F_T_EE only."""
    flange_from_camera = FLANGE_FROM_EE @ BenchConfig().ee_from_camera_optical
    return {
        "hand_eye.parent": "flange",
        "hand_eye.translation": flange_from_camera.translation.tolist(),
        "hand_eye.rotation_xyzw": flange_from_camera.quaternion_xyzw.tolist(),
        "flange_from_ee.topic": "/flange_from_ee",
    }


@pytest.fixture
def finder(graph: Graph, connect: Callable[[], GraphClient]) -> Iterator[Finder]:
    """Return a client of a graph of bench and finder; one camera_info of the bench is all that reaches the finder."""
    graph.start_node("eschernet_ros.nodes.bench", BENCH)
    graph.start_node("eschernet_ros.nodes.object_finder", {**finder_parameters(), "camera_info_topic": "/only_info"})
    client = connect()
    client.wait(lambda: client.viewpoints is not None, 60.0, "the bench's start")
    found = Finder(client)
    publisher = client.node.create_publisher(PoseStamped, "/flange_from_ee", qos.LATCHED)
    publisher.publish(messages.to_pose_stamped(FLANGE_FROM_EE, "fr3_link8", client.node.get_clock().now().to_msg()))
    infos: list[CameraInfo] = []
    client.node.create_subscription(CameraInfo, "/camera/camera/color/camera_info", infos.append, qos.CAMERA_INFO)
    only = client.node.create_publisher(CameraInfo, "/only_info", qos.CAMERA_INFO)
    client.wait(lambda: bool(infos), 60.0, "a camera_info")
    info = infos[0]
    info.header.stamp = messages.to_time(messages.to_nanoseconds(info.header.stamp) - 1)  # of no frame at all

    def received() -> bool:
        only.publish(info)
        return found.reports.count("camera_info messages") > 0

    client.wait(received, 60.0, "the camera_info's arrival")
    yield found


def test_the_box_of_the_bench_is_found(graph: Graph, finder: Finder) -> None:
    """From five places: size, centre, scale and stand-off; a click near it finds it, too, one far away says why not."""
    client, truth = finder.client, SimulatedBench(BENCH["object"])
    assert client.viewpoints is not None
    for number, pose in enumerate(client.viewpoints.poses, 1):
        client.move_camera(pose, client.viewpoints.header.frame_id)
        client.wait(lambda number=number: finder.views_kept() >= number, 60.0, f"view {number}")
    client.wait(lambda: finder.reports.count(INFO_OF_ANOTHER) >= 5, 20.0, "the count of borrowed intrinsics")
    report = finder.call("find")
    client.wait(lambda: len(finder.boxes) == 1, 20.0, "the box")
    box = finder.boxes[0]
    assert (box.header.frame_id, box.type) == ("base", Marker.CUBE)
    centre = messages.from_pose(box.pose).translation
    np.testing.assert_allclose(centre, truth.base_from_object.translation, atol=0.003)
    sides = [box.scale.x, box.scale.y, box.scale.z]
    np.testing.assert_allclose(sorted(sides), sorted(truth.object_size), atol=0.005)
    for part in (f"scale {1.0 / max(sides):.3f} model units", "stand-off now 1.", "from 5 views", "1 thing(s) on it"):
        assert part in report

    finder.click(*truth.base_from_object.translation)
    client.wait(lambda: len(finder.boxes) == 2, 60.0, "the box of the click")
    np.testing.assert_allclose(messages.from_pose(finder.boxes[1].pose).translation, centre, atol=1e-6)
    log = next(p for p in graph.processes if p.name == "object_finder").log
    finder.click(0.4, 0.9, 0.1)
    client.wait(lambda: "click not used: the click at (0.400, 0.900, 0.100) m" in log.read_text(), 60.0, "a refusal")
    finder.click(0.0, 0.0, 0.0, "nowhere")
    client.wait(lambda: "frame 'nowhere'" in log.read_text(), 60.0, "an unknown frame")
    assert len(finder.boxes) == 2

    assert finder.call("clear") == "5 views forgotten; the last box stays until another is found"


def test_missing_topics_are_named(graph: Graph, connect: Callable[[], GraphClient]) -> None:
    """Without camera and arm the answer is what is missing."""
    graph.start_node("eschernet_ros.nodes.object_finder", finder_parameters())
    finder = Finder(connect())
    with pytest.raises(EscherNetError) as error:
        finder.call("find")
    for part in (
        "there is no view yet",
        "aligned_depth_to_color/image_raw has no publisher (start realsense-ros",
        "/flange_from_ee has no publisher",
    ):
        assert part in str(error.value)
