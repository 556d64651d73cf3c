# SPDX-License-Identifier: Apache-2.0
"""The hand-eye publisher: what it lacks, and with the real tf2 what it puts on /tf_static."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray

from eschernet_ros.calibration.frame_names import D435I_ROOT_FROM_OPTICAL
from eschernet_ros.calibration.hand_eye_file import FORMAT, transform_to_plain
from eschernet_ros.capture.message_fields import transform_of
from eschernet_ros.demo.client import GraphClient
from eschernet_ros.geometry import BODY_FROM_OPTICAL, SE3
from eschernet_ros.nodes import qos
from eschernet_ros.nodes.hand_eye_publisher import PARAMETERS
from eschernet_ros.nodes.messages import to_transform_stamped
from eschernet_ros.processes import Graph, NodeProcess

FLANGE, ROOT, OPTICAL = "fr3_link8", "camera_link", "camera_color_optical_frame"
FLANGE_FROM_CAMERA = SE3.from_rotvec([0.02, -0.03, np.pi / 2], [0.06, -0.035, 0.045])
ELSEWHERE = SE3.from_rotvec([0.0, 0.0, 0.1], [0.01, 0.0, 0.0])


@pytest.fixture
def calibration_file(tmp_path: Path) -> Path:
    """Return a calibration that tells the camera's root frame."""
    path = tmp_path / "wrist.yaml"
    document = {
        "format": FORMAT,
        "version": 1,
        "name": "wrist",
        "calibration_type": "eye_in_hand",
        "frames": {"flange": FLANGE, "camera_optical": OPTICAL, "camera_root": ROOT},
        "flange_from_camera_optical": transform_to_plain(FLANGE_FROM_CAMERA),
        "camera_root_from_camera_optical": transform_to_plain(D435I_ROOT_FROM_OPTICAL),
    }
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def start(graph: Graph, calibration_file: Path) -> Callable[..., NodeProcess]:
    """Return a function that starts the publisher on the calibration."""

    def run(tf_timeout_s: float) -> NodeProcess:
        parameters = {"calibration_file": str(calibration_file), "tf_timeout_s": tf_timeout_s}
        return graph.start_node("eschernet_ros.nodes.hand_eye_publisher", parameters)

    return run


def test_publisher_says_what_it_lacks(graph: Graph) -> None:
    """No file: a sentence and status 2."""
    process = graph.start_node("eschernet_ros.nodes.hand_eye_publisher", {"tf_timeout_s": 0.2})
    assert process.process.wait(120.0) == 2
    assert "parameter 'calibration_file' is empty" in process.log.read_text()


def test_default_rotation_is_that_of_a_camera_body() -> None:
    """Optical axes in a body frame, REP 103."""
    (default,) = [p.default for p in PARAMETERS if p.name == "camera_root.rotation_xyzw"]
    assert SE3.from_quaternion_xyzw(default, [0.0, 0.0, 0.0]).is_close(BODY_FROM_OPTICAL, 1e-12)


def test_publishes_to_the_root_frame(start: Callable[..., NodeProcess], connect: Callable[[], GraphClient]) -> None:
    """Flange to camera_link, and the optical frame comes out where it was calibrated."""
    kind = pytest.importorskip("tf2_msgs.msg").TFMessage
    node = start(0.5)
    client = connect()
    client.wait(lambda: "published" in node.log.read_text(), 60.0, "the transform")
    received: list[Any] = []  # latched: who comes late gets it, too
    client.node.create_subscription(kind, "/tf_static", lambda m: received.extend(m.transforms), qos.TF_STATIC)
    client.wait(lambda: bool(received), 60.0, "the transform's arrival")
    (transform,) = received
    assert (transform.header.frame_id, transform.child_frame_id) == (FLANGE, ROOT)
    assert (transform_of(transform.transform) @ D435I_ROOT_FROM_OPTICAL).is_close(FLANGE_FROM_CAMERA, 1e-9)
    assert "optical frame in it from the file" in node.log.read_text()


def test_tf2_puts_the_optical_frame_where_it_was_calibrated(
    start: Callable[..., NodeProcess], connect: Callable[[], GraphClient]
) -> None:
    """The driver's own transforms go before the file's; who publishes the same or a second parent later is named."""
    tf2_ros = pytest.importorskip("tf2_ros")
    from rclpy.time import Time

    client = connect()
    stamp = client.node.get_clock().now().to_msg()
    root_from_colour = SE3.from_rotvec([0.01, 0.0, 0.02], [0.001, 0.0147, 0.0])
    driver = tf2_ros.StaticTransformBroadcaster(client.node)
    driver.sendTransform(
        [
            to_transform_stamped(ROOT, "camera_color_frame", root_from_colour, stamp),
            to_transform_stamped("camera_color_frame", OPTICAL, BODY_FROM_OPTICAL, stamp),
        ]
    )
    arm = tf2_ros.StaticTransformBroadcaster(client.node)
    arm.sendTransform(to_transform_stamped("fr3_link7", FLANGE, SE3.from_rotvec([0, 0, 0], [0, 0, 0.107]), stamp))
    node = start(30.0)
    buffer = tf2_ros.Buffer(node=client.node)
    listener = tf2_ros.TransformListener(buffer, client.node)
    client.wait(lambda: buffer.can_transform("fr3_link7", OPTICAL, Time()), 60.0, "the whole tree")
    found = transform_of(buffer.lookup_transform(FLANGE, OPTICAL, Time()).transform)
    assert found.is_close(FLANGE_FROM_CAMERA, 1e-9)
    client.wait(lambda: "optical frame in it from TF" in node.log.read_text(), 30.0, "the sentence on the log")
    listener.unregister()

    told: dict[str, str] = {}

    def on_diagnostics(message: Any) -> None:
        told.update({status.name: status.message for status in message.status})

    client.node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10)
    client.wait(lambda: f"'{FLANGE}' -> '{ROOT}'" in told.get("/hand_eye_publisher", ""), 30.0, "good diagnostics")
    driver.sendTransform(to_transform_stamped("world", ROOT, ELSEWHERE, stamp))
    wanted = f"'{ROOT}' has got a second parent: 'world' beside '{FLANGE}'"
    client.wait(lambda: told.get("/hand_eye_publisher") == wanted, 30.0, "the second parent's name")
    assert wanted in node.log.read_text()


@pytest.mark.parametrize(
    ("parent", "sentence"),
    [
        ("world", f"'{ROOT}' has the parent 'world' already, so '{FLANGE}' would be its second one"),
        (FLANGE, f"somebody else publishes '{FLANGE}' -> '{ROOT}', "),
    ],
    ids=["another-parent", "another-calibration"],
)
def test_another_publisher_is_refused(
    parent: str, sentence: str, start: Callable[..., NodeProcess], connect: Callable[[], GraphClient]
) -> None:
    """Somebody publishes camera_link already, elsewhere or by another calibration: the node ends and says so."""
    tf2_msgs = pytest.importorskip("tf2_msgs.msg")
    client = connect()
    publisher = client.node.create_publisher(tf2_msgs.TFMessage, "/tf_static", qos.LATCHED)
    stamp = client.node.get_clock().now().to_msg()
    publisher.publish(tf2_msgs.TFMessage(transforms=[to_transform_stamped(parent, ROOT, ELSEWHERE, stamp)]))
    node = start(5.0)  # listens as long: the other must have been discovered
    assert node.process.wait(120.0) == 1
    assert sentence in node.log.read_text()
