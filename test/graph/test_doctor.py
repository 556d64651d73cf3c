# SPDX-License-Identifier: Apache-2.0
"""The doctor on graphs of real processes: each deliberate fault is found, named, and the rest is left alone."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eschernet_ros.doctor import Finding, Level
from eschernet_ros.doctor.graph_checks import check_graph
from eschernet_ros.doctor.topics import capture_names, watched
from eschernet_ros.nodes.doctor_probe import listen
from eschernet_ros.processes import Graph

PUBLISHERS = Path(__file__).parents[1] / "support" / "doctor_publishers.py"
COLOUR = "/camera/camera/color/image_raw"
POSE = "/franka_robot_state_broadcaster/current_pose"


@pytest.fixture
def publish(graph: Graph) -> Callable[..., None]:
    """Return a function that starts a process of publishers with the faults given, and waits for its start."""

    def start(**faults: Any) -> None:
        process = graph.start(faults.get("name", "driver"), [sys.executable, str(PUBLISHERS), json.dumps(faults)])
        deadline = time.monotonic() + 120.0
        while "at work" not in process.log.read_text():
            process.check()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    return start


def examine(graph: Graph, config: Path | None = None, discovery_s: float = 60.0, **names: str) -> list[Finding]:
    """Listen for 3 s and judge."""
    topics = watched({**capture_names(config), **names})
    findings = check_graph(topics, listen(topics, 3.0, discovery_s))
    graph.check()
    return findings


def seen(findings: list[Finding]) -> dict[str, str]:
    """Subject -> all that was seen of it."""
    found: dict[str, str] = {}
    for finding in findings:
        found[finding.subject] = f"{found.get(finding.subject, '')}{finding.seen}\n"
    return found


def troubles(findings: list[Finding]) -> dict[str, str]:
    """Subject -> what was seen, of errors and warnings; slowness is left out, because this machine may be busy."""
    slow = ("is too slow for a moving arm", "has a gap of", "old when it came")
    kept = [f for f in findings if f.level != Level.OK and not any(s in f.seen for s in slow)]
    return {finding.subject: finding.seen for finding in kept}


def test_a_healthy_graph(graph: Graph, publish: Callable[..., None]) -> None:
    """Nothing is wrong; rates, sizes, frames and the best-effort pose are told."""
    publish(topics=["colour", "camera_info", "depth", "pose", "object"], best_effort=["pose"])
    findings = examine(graph, **{"object.topic": "/object_box"})
    assert troubles(findings) == {}
    said = seen(findings)
    assert "64x48, frame 'camera_color_optical_frame', from /driver, reliable" in said["colour"]
    assert "frame 'base', from /driver, best effort (a default, reliable subscription receives nothing" in said["pose"]
    assert said["nodes"] == "1: /driver\n"
    assert said["object"].startswith("/object_box: 1 message, from /driver, reliable")
    assert "image stamps lie within the poses received" in said["camera and arm"]


@pytest.mark.timeout(600)  # five interpreters start; a busy machine took 280 s
def test_each_fault_is_named(graph: Graph, publish: Callable[..., None]) -> None:
    """By the command itself: a deaf subscriber, stamps 3 s off, a silent topic, and nobody for depth; exit code 2."""
    publish(topics=["colour", "camera_info"], silent=["camera_info"], stamp_offset_s={"colour": -3.0})
    publish(name="arm", topics=["pose"], best_effort=["pose"])
    publish(name="logger", topics=[], listen_reliable=["pose"])
    command = [sys.executable, "-m", "eschernet_ros", "doctor", "--json", "--seconds", "1", "--discovery", "10"]
    process = graph.start("doctor", command)
    process.process.wait(400.0)
    graph.processes.remove(process)
    said = process.log.read_text()
    assert process.process.returncode == 2, said
    result = json.loads(said[said.index("{") :])
    assert result["verdict"] == "error"
    errors = [f for f in result["findings"] if f["group"].startswith("Graph") and f["level"] == "error"]
    found = {finding["subject"]: finding["seen"] for finding in errors}
    assert (
        {"colour", "camera_info", "depth", "pose"}
        <= set(found)
        <= {"colour", "camera_info", "depth", "pose", "camera and arm"}
    ), said
    assert found["colour"].startswith(f"stamps of {COLOUR} are 3.0")
    assert "s behind this computer's clock" in found["colour"]
    assert "is announced by /driver, but no message came in 1 s" in found["camera_info"]
    assert "/camera/camera/aligned_depth_to_color/image_raw has no publisher" in found["depth"]
    assert f"of that type there are {COLOUR}" in found["depth"]
    assert found["pose"] == (
        f"/logger listens to {POSE} but receives nothing of /arm: it asks for reliable, and best effort is offered"
    )
    remedies = {finding["subject"]: finding["remedy"] for finding in errors}
    assert "align_depth.enable:=true" in remedies["depth"]
    assert "best effort" in remedies["pose"]
    assert "Synchronise" in remedies["colour"]


def test_two_publishers_and_a_depth_image_that_does_not_fit(graph: Graph, publish: Callable[..., None]) -> None:
    publish(depth_size=[80, 60])
    publish(name="other_arm", topics=["pose"])
    found = examine(graph)
    assert f"{POSE} has 2 publishers: " in seen(found)["pose"]
    assert {"/driver", "/other_arm"} <= set(re.findall(r"/\w+", seen(found)["pose"]))
    assert troubles(found)["depth"] == "depth is 80x60, colour 64x48"


def test_names_come_from_the_capture_nodes_file(graph: Graph, publish: Callable[..., None], tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(
        "/**:\n  ros__parameters:\n    colour_topic: /elsewhere\n    depth_topic: ''\n"
        "    pose_source: joint_states\n    joint_states:\n      topic: /my_joints\n"
    )
    publish()
    found = troubles(examine(graph, config, 5.0))
    assert set(found) == {"colour", "joint states"}
    assert "/elsewhere has no publisher" in found["colour"]
    assert "/my_joints has no publisher" in found["joint states"]


def test_two_parents_of_the_camera(graph: Graph, publish: Callable[..., None]) -> None:
    """The classic of hand-eye calibration: its transform goes to the optical frame, which the driver places too."""
    pytest.importorskip("tf2_msgs")
    publisher = (
        "import sys, time, rclpy; from rclpy.node import Node; from rclpy.qos import QoSProfile, DurabilityPolicy; "
        "from tf2_msgs.msg import TFMessage; from geometry_msgs.msg import TransformStamped; rclpy.init(); "
        "node = Node(sys.argv[1]); "
        "qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL); "
        "p = node.create_publisher(TFMessage, '/tf_static', qos); t = TransformStamped(); "
        "t.header.frame_id, t.child_frame_id = sys.argv[2:]; p.publish(TFMessage(transforms=[t])); time.sleep(300)"
    )
    publish()
    optical = "camera_color_optical_frame"
    for name, parent in (("driver_tf", "camera_color_frame"), ("hand_eye", "fr3_hand_tcp")):
        graph.start(name, [sys.executable, "-c", publisher, name, parent, optical])
    found = troubles(examine(graph))
    assert found["transforms"] == f"frame '{optical}' has 2 parents: 'camera_color_frame' and 'fr3_hand_tcp'"
