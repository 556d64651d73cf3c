# SPDX-License-Identifier: Apache-2.0
"""The RealSense node in a process of its own: librealsense plays recordings, and what was recorded is on the topics."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from realsense_recording import DEPTH_FROM_COLOUR_M, DEPTH_MM, Recording, aligned_depths, record
from sensor_msgs.msg import CameraInfo, Image, Imu
from std_msgs.msg import String

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.geometry import BODY_FROM_OPTICAL, SE3
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph, NodeProcess

NODE = "eschernet_ros.nodes.realsense"
COLOUR = "/camera/camera/color"
ALIGNED = "/camera/camera/aligned_depth_to_color"
OPTICAL = "camera_color_optical_frame"
EVERY_MESSAGE = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)


@pytest.fixture(scope="module")
def rs() -> Any:
    """Return the module ``pyrealsense2``."""
    return pytest.importorskip("pyrealsense2")


@pytest.fixture(scope="module")
def recording(rs: Any, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Return a recording of colour, depth and inertial samples, 2 s at 10 frames/s."""
    return record(rs, tmp_path_factory.mktemp("recording") / "camera.db3", frames=20, imu=True)


@pytest.fixture(scope="module")
def other_recording(rs: Any, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Return a recording of another camera, a hundred seconds later."""
    path = tmp_path_factory.mktemp("recording") / "other.db3"
    return record(rs, path, frames=20, serial="222", start_ms=1_700_000_100_000.0)


@pytest.fixture(autouse=True)
def no_camera(rs: Any) -> None:
    """Skip where a real camera is connected: these tests are about its absence and about recordings."""
    if len(rs.context().query_devices()):
        pytest.skip("a RealSense camera is connected to this machine")


class Ears:
    """Keeps the messages of topics by name and stamp; the newest diagnostics of the node by itself."""

    def __init__(self, client: GraphClient) -> None:
        self.client = client
        self.heard: dict[str, dict[int, Any]] = {}
        self.status: DiagnosticStatus | None = None
        self.sentences: list[str] = []
        client.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def listen(self, kind: Any, topic: str, profile: QoSProfile = EVERY_MESSAGE) -> dict[int, Any]:
        """Subscribe, and return where the messages will be."""
        kept = self.heard.setdefault(topic, {})
        self.client.node.create_subscription(kind, topic, partial(self._keep, kept), profile)
        return kept

    @staticmethod
    def _keep(kept: dict[int, Any], message: Any) -> None:
        if isinstance(message, String):
            stamp_ns = json.loads(message.data)["ros_stamp_ns"]
        else:
            stamp_ns = messages.to_nanoseconds(message.header.stamp)
        kept[stamp_ns] = message

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "/realsense":
                self.status = status
                self.sentences.append(status.message)

    def values(self) -> dict[str, str]:
        """Return the newest diagnostics."""
        assert self.status is not None
        return {value.key: value.value for value in self.status.values}


@pytest.fixture
def ears(connect: Callable[[], GraphClient]) -> Ears:
    """Return a listener on the test's graph."""
    return Ears(connect())


def offered(client: GraphClient, topic: str) -> tuple[ReliabilityPolicy, DurabilityPolicy]:
    """Return the QoS of the only publisher of a topic."""
    (publisher,) = client.node.get_publishers_info_by_topic(topic)
    return publisher.qos_profile.reliability, publisher.qos_profile.durability


def test_what_was_recorded_is_on_the_topics(graph: Graph, ears: Ears, rs: Any, recording: Recording) -> None:
    """Bit by bit, with the stamps, intrinsics, frames, metadata and QoS of realsense-ros."""
    graph.start_node(
        NODE, {"file": str(recording.path), "file_repeat": True, "imu": True, "serial_no": "_944122072123"}
    )
    colour, depth = ears.listen(Image, f"{COLOUR}/image_raw"), ears.listen(Image, f"{ALIGNED}/image_raw")
    info, depth_info = (
        ears.listen(CameraInfo, f"{COLOUR}/camera_info"),
        ears.listen(CameraInfo, f"{ALIGNED}/camera_info"),
    )
    imu = ears.listen(Imu, "/camera/camera/imu", qos.IMU)
    if find_spec("realsense2_camera_msgs"):
        metadata = ears.listen(_metadata_type(), f"{COLOUR}/metadata")
    else:
        metadata = ears.listen(String, f"{COLOUR}/metadata_json")
    channels = (colour, depth, info, depth_info, metadata)
    ears.client.wait(
        lambda: len(set.intersection(*map(set, channels))) >= 6 and len(imu) >= 3 and ears.status is not None,
        90.0,
        "six whole frames",
    )
    reliable = (ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
    for topic in (f"{COLOUR}/image_raw", f"{COLOUR}/camera_info", f"{ALIGNED}/image_raw", f"{ALIGNED}/camera_info"):
        assert offered(ears.client, topic) == reliable
    assert offered(ears.client, "/camera/camera/imu")[0] == ReliabilityPolicy.BEST_EFFORT

    truth = aligned_depths(rs, recording)
    for stamp_ns, message in list(colour.items()):
        index = recording.index_of(stamp_ns)
        assert (message.encoding, message.step, message.header.frame_id) == ("rgb8", 960, OPTICAL)
        np.testing.assert_array_equal(messages.colour_from_image(message), recording.colour[index])
    compared = 0
    for stamp_ns, message in list(depth.items()):
        assert (message.encoding, message.header.frame_id) == ("16UC1", OPTICAL)
        number = recording.index_of(stamp_ns) + 1
        if number in truth:
            np.testing.assert_array_equal(np.frombuffer(message.data, np.uint16).reshape(240, 320), truth[number])
            compared += 1
    assert compared >= 5
    for message in [*info.values(), *depth_info.values()]:
        assert (message.width, message.height, message.distortion_model) == (320, 240, "plumb_bob")
        np.testing.assert_allclose(message.k, [230.4, 0, 160.5, 0, 230.6304, 119.6, 0, 0, 1], rtol=1e-6)
        assert list(message.d) == [0.0] * 5
        assert message.header.frame_id == OPTICAL
    for stamp_ns, message in list(metadata.items()):
        row = json.loads(message.data if isinstance(message, String) else message.json_data)
        index = recording.index_of(stamp_ns)
        assert row["frame_number"] == row["frame_counter"] == index + 1
        assert row["clock_domain"] == "global_time"
        assert row["frame_timestamp"] == recording.stamps_ms[index]
        assert (row["actual_exposure"], row["hw_timestamp"] - row["sensor_timestamp"]) == (80, 4000)
    for stamp_ns, message in list(imu.items()):
        assert message.header.frame_id == "camera_imu_optical_frame"
        assert message.angular_velocity.x == pytest.approx(0.01 * recording.index_of(stamp_ns), abs=1e-6)
        assert message.linear_acceleration.y == pytest.approx(-9.8, abs=1e-6)
        assert message.orientation_covariance[0] == -1.0

    values = ears.values()
    assert (values["camera"], values["serial number"]) == ("Intel RealSense D435I", recording.serial)
    assert "clock: global_time; exposure and white balance as recorded" in values["state"]
    assert int(values["frames"]) >= 6


def _metadata_type() -> Any:
    return pytest.importorskip("realsense2_camera_msgs.msg").Metadata


def test_unplugged_and_plugged_in_again(
    graph: Graph, ears: Ears, recording: Recording, other_recording: Recording, tmp_path: Path
) -> None:
    """A recording's end is a camera unplugged: it is said, tried again with growing waits, and frames go on."""
    place = tmp_path / "camera.db3"
    place.symlink_to(recording.path)
    node = graph.start_node(NODE, {"file": str(place), "retry_first_s": 0.2, "retry_longest_s": 1.0})
    info = ears.listen(CameraInfo, f"{COLOUR}/camera_info")
    ears.client.wait(lambda: "was played to its end" in node.log.read_text(), 90.0, "the end of the recording")
    log = node.log.read_text()
    assert f"the recording '{place}' ended; trying again in 0.2 s" in log
    assert "put another one in its place, or set file_repeat; trying again in 0.4 s" in log
    ears.client.wait(
        lambda: bool(ears.sentences) and "was played to its end" in ears.sentences[-1],
        30.0,
        "the sentence on /diagnostics",
    )
    assert ears.status is not None
    assert ears.status.level == DiagnosticStatus.ERROR
    assert ears.values()["times the camera was lost"] == "1"

    (tmp_path / "link").symlink_to(other_recording.path)
    (tmp_path / "link").replace(place)
    others = {messages.to_nanoseconds(messages.to_time(int(stamp) * 1_000_000)) for stamp in other_recording.stamps_ms}
    ears.client.wait(lambda: len(others & set(info)) >= 2, 60.0, "frames of the other camera")
    assert f"Intel RealSense D435I {other_recording.serial}, firmware 5.16.0.1" in node.log.read_text()


def test_no_camera(graph: Graph, ears: Ears) -> None:
    """One sentence with what to check; the attempts go on; the interrupt ends the node at once."""
    node = graph.start_node(NODE, {"serial_no": "_123", "retry_first_s": 0.1, "retry_longest_s": 0.4})
    sentence = "no RealSense camera is connected (wanted: 123): check the cable and the USB port"
    ears.client.wait(lambda: node.log.read_text().count(sentence) >= 4, 60.0, "four attempts")
    for wait in ("0.1 s", "0.2 s", "0.4 s"):
        assert f"trying again in {wait}" in node.log.read_text()
    ears.client.wait(lambda: any(sentence in said for said in ears.sentences), 30.0, "the sentence on /diagnostics")
    assert ended(graph, node) == 0


def ended(graph: Graph, node: NodeProcess) -> int:
    """End a node as Ctrl-C does and return its status."""
    import signal

    node.signal(signal.SIGINT)
    node.process.wait(30.0)
    assert "Traceback" not in node.log.read_text()
    graph.processes.remove(node)
    return int(node.process.returncode)


def test_a_wrong_serial_number_names_the_camera_there_is(graph: Graph, ears: Ears, recording: Recording) -> None:
    """And is tried again: the right one may be plugged in."""
    node = graph.start_node(NODE, {"file": str(recording.path), "serial_no": "_123"})
    sentence = f"is of Intel RealSense D435I {recording.serial}; the serial number asked for is '123'; trying again in"
    ears.client.wait(lambda: node.log.read_text().count(sentence) >= 2, 60.0, "two attempts")


@pytest.mark.parametrize(
    ("parameters", "status", "sentence"),
    [
        ({"colour_profile": "big"}, 2, "colour_profile is 'big'; it must be WIDTHxHEIGHTxFPS"),
        ({"filters.disparity": True}, 2, "the spatial and temporal filters do, and both are off"),
        ({"exposure.mode": "dark"}, 2, "it must be one of: auto, lock, fixed"),
        ({"retry_first_s": 2.0, "retry_longest_s": 1.0}, 2, "they are 2 s and 1 s"),
        ({"imu": True, "file": "OTHER"}, 1, "colour, depth, gyroscope, accelerometer must be in it"),
    ],
)
def test_what_cannot_work_ends_the_node(
    graph: Graph, other_recording: Recording, parameters: dict[str, Any], status: int, sentence: str
) -> None:
    """With a sentence, instead of trying for ever."""
    if "file" in parameters:
        parameters = {**parameters, "file": str(other_recording.path)}
    node = graph.start_node(NODE, parameters)
    node.process.wait(120.0)
    graph.processes.remove(node)
    assert sentence in node.log.read_text()
    assert node.process.returncode == status


def test_frames_of_the_camera_on_tf_static(graph: Graph, ears: Ears, recording: Recording) -> None:
    """As realsense-ros has them; the colour camera's place is the device's own."""
    tf_type = pytest.importorskip("tf2_msgs.msg").TFMessage
    graph.start_node(NODE, {"file": str(recording.path)})
    heard: list[Any] = []
    ears.client.node.create_subscription(tf_type, "/tf_static", heard.append, qos.LATCHED)
    ears.client.wait(lambda: bool(heard), 60.0, "transforms")
    found = {t.child_frame_id: (t.header.frame_id, t.transform) for t in heard[-1].transforms}
    assert {child: parent for child, (parent, _) in found.items()} == {
        "camera_depth_frame": "camera_link",
        "camera_depth_optical_frame": "camera_depth_frame",
        "camera_color_frame": "camera_link",
        OPTICAL: "camera_color_frame",
    }
    place = found["camera_color_frame"][1].translation
    expected = BODY_FROM_OPTICAL @ np.negative(DEPTH_FROM_COLOUR_M)
    np.testing.assert_allclose([place.x, place.y, place.z], expected, atol=1e-7)


@contextlib.contextmanager
def pose_stream(client: GraphClient, pose: SE3) -> Iterator[None]:
    """Publish the pose of an arm at rest, 100 times a second, as franka_ros2 does."""
    publisher = client.node.create_publisher(
        PoseStamped, "/franka_robot_state_broadcaster/current_pose", qos.POSE_STREAM
    )
    closing = threading.Event()

    def run() -> None:
        while not closing.wait(0.01):
            stamp = client.node.get_clock().now().to_msg()
            publisher.publish(messages.to_pose_stamped(pose, "base", stamp))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        thread.join()


def test_the_whole_chain_to_a_view(graph: Graph, connect: Callable[[], GraphClient], recording: Recording) -> None:
    """Camera node, pose stream and capture node: a posed view with the depth's mask and the metadata's exposure."""
    client = connect()
    base_from_camera = SE3.from_rotvec([0.0, 0.0, 0.3], [0.4, -0.1, 0.2])
    box_in_camera = SE3.from_rotvec([0.0, 0.0, 0.0], [-0.14, 0.0, (DEPTH_MM + 100) / 1e3])  # the second step
    box = base_from_camera @ box_in_camera
    graph.start_node(NODE, {"file": str(recording.path), "file_repeat": True, "file_restamp": True})
    graph.start_node(
        "eschernet_ros.nodes.capture",
        {
            "object.position": box.translation.tolist(),
            "object.rotation_xyzw": box.quaternion_xyzw.tolist(),
            "object.size": [0.16, 0.3, 0.12],
            "mask.method": "depth",
        },
    )
    with pose_stream(client, base_from_camera):
        client.wait(client._take_view.service_is_ready, 120.0, "the capture's start")
        deadline = time.monotonic() + 120.0
        while True:
            try:
                message = client.take_view()
                break
            except Exception:  # until the camera node has started
                if time.monotonic() > deadline:
                    raise
    view = messages.from_posed_view(message)
    assert message.base_frame == "base"
    assert messages.from_pose(message.ee_pose).is_close(base_from_camera, 1e-9)
    np.testing.assert_allclose(
        view.source_camera.matrix, [[230.4, 0, 160.5], [0, 230.6304, 119.6], [0, 0, 1]], rtol=1e-6
    )
    assert view.image_stamp_ns - view.stamp_ns == 4_000_000  # half of the 8 ms that the metadata tell
    age_s = (client.node.get_clock().now().nanoseconds - view.image_stamp_ns) / 1e9
    assert -0.1 < age_s < 60.0
    assert 0.02 < view.mask.mean() < 0.5
    rows, columns = np.nonzero(view.mask)
    assert abs(rows.mean() - 127.5) < 25  # aimed at the box
    assert abs(columns.mean() - 127.5) < 25
    assert (view.image[view.mask] < 250).mean() > 0.5
