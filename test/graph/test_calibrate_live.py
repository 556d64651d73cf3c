# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros calibrate --live`` as a process on a graph."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from board_pictures import CAMERA, looks_at_board, picture
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from eschernet_ros.calibration import read_hand_eye
from eschernet_ros.calibration.board import Chessboard
from eschernet_ros.demo.client import GraphClient
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph

BOARD = Chessboard(9, 6, 0.024)
FLANGE_FROM_CAMERA = SE3.from_rotvec([0.02, -0.03, np.pi / 2], [0.06, -0.035, 0.045])
BASE_FROM_BOARD = SE3.from_rotvec([3.1, 0.05, 0.1], [0.5, 0.05, 0.02])
OPTICAL = "camera_color_optical_frame"

pytestmark = pytest.mark.timeout(900)


class Robot:
    """Publishes colour, camera_info and current_pose, as realsense-ros and franka_ros2 do, of an arm at rest."""

    def __init__(self, client: GraphClient) -> None:
        node = client.node
        self._clock = node.get_clock()
        self._image = node.create_publisher(Image, "/camera/camera/color/image_raw", qos.CAMERA_IMAGE)
        self._info = node.create_publisher(CameraInfo, "/camera/camera/color/camera_info", qos.CAMERA_INFO)
        self._pose = node.create_publisher(PoseStamped, "/franka_robot_state_broadcaster/current_pose", qos.POSE_STREAM)
        self._rng = np.random.default_rng(3)
        self._ended = threading.Event()
        self.place(SE3.from_rotvec([0.0, 0.0, 0.0], [0.0, 0.0, 0.42]))
        self._thread = threading.Thread(target=self._stream, daemon=True)
        self._thread.start()

    def place(self, camera_from_board: SE3) -> None:
        """Put the arm where the camera sees the board so."""
        pixels = np.repeat(picture(BOARD, camera_from_board, self._rng)[..., None], 3, axis=2)
        base_from_flange = BASE_FROM_BOARD @ camera_from_board.inverse() @ FLANGE_FROM_CAMERA.inverse()
        self._now = (base_from_flange @ FLANGE_FROM_HAND_EE, pixels, time.monotonic() + 0.6)

    def _stream(self) -> None:
        tick = 0
        while not self._ended.wait(0.02):
            ee, pixels, rested = self._now
            stamp = self._clock.now().to_msg()
            self._pose.publish(messages.to_pose_stamped(ee, "base", stamp))
            tick += 1
            if tick % 10 == 0 and time.monotonic() > rested:
                self._info.publish(messages.to_camera_info(CAMERA, OPTICAL, stamp))
                self._image.publish(messages.to_image(pixels, OPTICAL, stamp))

    def close(self) -> None:
        """End the stream."""
        self._ended.set()
        self._thread.join()


@pytest.fixture
def robot(connect: Callable[[], GraphClient]) -> Any:
    """Return a client and a robot."""
    client = connect()
    made = Robot(client)
    yield client, made
    made.close()


def test_samples_are_taken_live_and_calibrated(graph: Graph, robot: Any, tmp_path: Path) -> None:
    """One sample per place, unasked and by the service; then files that hold the truth."""
    client, arm = robot
    places = looks_at_board(6, np.random.default_rng(7))
    command = [sys.executable, "-m", "eschernet_ros", "calibrate", "--live", str(tmp_path / "samples")]
    command += ["--board", "chessboard:9x6:0.024", "--flange-from-ee", "hand", "--samples", str(len(places) + 1)]
    command += ["--camera-root-from-optical", "d435i", "--output", str(tmp_path / "wrist")]
    process = graph.start("calibrate", command)

    def says(text: str) -> bool:
        return text in process.log.read_text()

    def go(place: SE3, number: int) -> None:
        arm.place(place)
        client.wait(lambda: says(f"{number:03d}: 54 corners"), 240.0, f"sample {number}")

    for number, place in enumerate(places[:-1], start=1):
        go(place, number)
    assert says("2 samples: turned by")
    service = client.node.create_client(Trigger, "calibrate/take_sample")
    client.wait(service.service_is_ready, 30.0, "the service")
    for _ in range(6):  # a machine with no time to spare may not look at a picture within the time of one request
        answer = service.call_async(Trigger.Request())
        client.wait(answer.done, 60.0, "the answer")
        if answer.result().success:
            break
    assert answer.result().message.startswith(f"{len(places)} samples: turned by"), answer.result().message
    go(places[-1], len(places) + 1)
    assert process.process.wait(240.0) == 0, process.log.read_text()
    hand_eye = read_hand_eye(tmp_path / "wrist.yaml")
    metres, radians = FLANGE_FROM_CAMERA.distance_to(hand_eye.flange_from_camera_optical)
    assert metres < 5e-4
    assert np.degrees(radians) < 0.1
    assert (hand_eye.info.base_frame, hand_eye.info.camera_frame) == ("base", OPTICAL)
    assert len(yaml.safe_load((tmp_path / "samples" / "samples.yaml").read_text())["samples"]) == 7


def test_silent_topics_are_named(graph: Graph, tmp_path: Path, connect: Callable[[], GraphClient]) -> None:
    """Nothing is published: the terminal says so, topic by topic."""
    command = [sys.executable, "-m", "eschernet_ros", "calibrate", "--live", str(tmp_path / "samples")]
    command += ["--board", "chessboard:9x6:0.024", "--flange-from-ee", "hand", "--samples", "3"]
    process = graph.start("calibrate", command)
    client = connect()
    expected = "waiting: /camera/camera/color/image_raw has no publisher"
    client.wait(lambda: expected in process.log.read_text(), 240.0, "the sentence")
    assert "current_pose has no publisher (is the robot's state broadcaster running?)" in process.log.read_text()
