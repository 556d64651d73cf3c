# SPDX-License-Identifier: Apache-2.0
"""The capture node on the bench: right poses at rest and in motion, and a reason whenever there is no view."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from eschernet_ros.msg import PosedView
from sensor_msgs.msg import Image

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.demo.run import capture_parameters
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, resample
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph
from eschernet_ros.simulation import SimulatedBench

BENCH = {"object": "duck", "viewpoints": 6, "fps": 6}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphClient]:
    """Return a client of a graph of bench and capture."""
    with Graph(tmp_path_factory.mktemp("capture")) as graph:
        graph.start_node("eschernet_ros.nodes.bench", BENCH)
        graph.start_node("eschernet_ros.nodes.capture", capture_parameters())
        with GraphClient(graph) as client:
            client.wait(lambda: client.viewpoints is not None, 60.0, "the bench's start")
            client.wait(client._take_view.service_is_ready, 60.0, "the capture's start")
            yield client


@pytest.fixture(scope="module")
def library() -> SimulatedBench:
    """Return the bench without a graph, to know the truth (kinematics only)."""
    return SimulatedBench(BENCH["object"])


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Return intersection over union."""
    return float((first & second).sum() / (first | second).sum())


def silhouette(view: PosedView, library: SimulatedBench) -> np.ndarray:
    """Return where the object must be in the view's image, going by the view's pose alone."""
    camera_from_base = view.base_from_camera_optical.inverse()
    points = camera_from_base @ (library.base_from_object @ library.mesh.vertices)
    pixels = view.camera.project(points)
    mask = np.zeros((view.camera.height, view.camera.width), np.uint8)
    triangles = np.round(pixels[library.mesh.faces] * 16).astype(np.int32)
    for triangle in triangles:
        cv2.fillConvexPoly(mask, triangle, 1, shift=4)
    return mask.astype(bool)


def test_a_view_at_rest(rig: GraphClient, library: SimulatedBench) -> None:
    """Pose, image, mask, scale and stamps of a view agree with the truth."""
    assert rig.viewpoints is not None
    masks: list[Image] = []
    subscription = rig.node.create_subscription(Image, "bench/ground_truth/mask", masks.append, qos.CAMERA_IMAGE)
    rig.move_camera(rig.viewpoints.poses[0], rig.viewpoints.header.frame_id)
    rested_ns = rig.node.get_clock().now().nanoseconds
    for _ in range(10):  # a frame exposed just before the arm came to rest may still be on its way
        message = rig.take_view()
        view = messages.from_posed_view(message)
        if view.stamp_ns > rested_ns:
            break
    wanted = messages.from_pose(rig.viewpoints.poses[0])
    metres, radians = wanted.distance_to(view.base_from_camera_optical)
    assert metres < 2e-4
    assert radians < 1e-3
    assert message.scale == pytest.approx(1.0 / max(library.object_size))
    assert message.standoff == pytest.approx(1.8, abs=0.01)
    assert (message.header.frame_id, message.base_frame) == ("object", "base")
    assert message.camera_frame == "camera_color_optical_frame"
    assert view.image_stamp_ns - view.stamp_ns == 4_000_000  # half of the 8 ms exposure
    assert view.pose_sample.gap_ns < 50_000_000
    assert np.all(view.image[~cv2.dilate(view.mask.astype(np.uint8), np.ones((5, 5))).astype(bool)] == 255)

    rig.wait(lambda: bool(masks), 20.0, "a mask of the bench")
    rig.between_callbacks(rig.node.destroy_subscription, subscription)
    exact = messages.mask_from_image(masks[-1])
    shown = resample(np.zeros((480, 640, 3), np.uint8), view.source_camera, view.camera, exact).mask
    assert iou(view.mask, shown) > 0.95
    assert iou(view.mask, silhouette(view, library)) > 0.95


def test_a_view_in_motion(rig: GraphClient, library: SimulatedBench) -> None:
    """While the arm moves, image and pose still belong together: poses are interpolated at mid-exposure."""
    assert rig.viewpoints is not None
    views = []
    for pose in rig.viewpoints.poses[1:4]:
        moving = rig.start_moving(pose, rig.viewpoints.header.frame_id)
        while not moving.done():
            views.append(messages.from_posed_view(rig.take_view()))
    fast = [view for view in views if view.pose_sample.linear_speed > 0.05 and len(view.warnings) == 0]
    assert len(fast) >= 2
    assert all(view.pose_sample.offset_ns > 0 for view in fast)
    # At over 1 rad/s single masks carry the depth sensor's simulated edge noise beside what the pose is off by.
    agreement = [iou(view.mask, silhouette(view, library)) for view in fast]
    assert np.median(agreement) > 0.93
    assert min(agreement) > 0.90


def test_views_are_taken_when_the_arm_rests(graph: Graph, connect: Callable[[], GraphClient]) -> None:
    """On a tour, each place is taken once, at rest, without a call."""
    graph.start_node("eschernet_ros.nodes.bench", {**BENCH, "viewpoints": 3, "tour": True, "tour_rest_s": 2.0})
    graph.start_node("eschernet_ros.nodes.capture", {**capture_parameters(), "auto": True})
    client = connect()
    client.wait(lambda: len(client.views) >= 3, 90.0, "three automatic views")
    poses = [messages.from_posed_view(view).base_from_camera_optical for view in client.views.values()]
    assert client.viewpoints is not None
    for viewpoint in client.viewpoints.poses:
        nearest = min(messages.from_pose(viewpoint).distance_to(pose)[0] for pose in poses)
        assert nearest < 1e-3
    for view in client.views.values():
        assert view.linear_speed < 0.02


def test_missing_topics_are_named(graph: Graph, connect: Callable[[], GraphClient]) -> None:
    """Without camera and robot, the answer lists every silent topic and what to do about it."""
    graph.start_node("eschernet_ros.nodes.capture", {"view_timeout_s": 1.0})
    client = connect()
    client.wait(client._take_view.service_is_ready, 30.0, "the capture's start")
    with pytest.raises(EscherNetError) as error:
        client.take_view()
    for part in (
        "/camera/camera/color/image_raw has no publisher",
        "/camera/camera/aligned_depth_to_color/image_raw has no publisher (start realsense-ros with align_depth",
        "/franka_robot_state_broadcaster/current_pose has no publisher",
    ):
        assert part in str(error.value)


def test_bad_parameters_are_named(graph: Graph) -> None:
    """A wrong value ends the node with status 2 and a sentence."""
    for name, value, sentence in (
        ("hand_eye.rotation_xyzw", [0.0, 0.0, 0.0, 0.0], "norm 0"),
        ("object.size", [0.1, 0.1], "needs 3"),
        ("image_size", 5, "image_size"),
    ):
        node = graph.start_node("eschernet_ros.nodes.capture", {name: value}, name="bad")
        node.process.wait(30.0)
        assert node.process.returncode == 2
        assert sentence in node.log.read_text()
        graph.processes.remove(node)


def test_hand_eye_enters_the_pose(library: SimulatedBench) -> None:
    """The parameters of the demo are the bench's true hand-eye transform."""
    parameters = capture_parameters()
    hand_eye = SE3.from_quaternion_xyzw(parameters["hand_eye.rotation_xyzw"], parameters["hand_eye.translation"])
    assert hand_eye.is_close(library.ee_from_camera_optical, 1e-12)
