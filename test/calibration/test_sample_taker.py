# SPDX-License-Identifier: Apache-2.0
"""Taking samples: when the arm rests at a new place, or on request; never while it moves."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from board_pictures import CAMERA

from eschernet_ros.calibration.board import Chessboard, Corners
from eschernet_ros.calibration.sample_taker import Picture, SampleTaker
from eschernet_ros.capture import PoseBuffer
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE

STEP = 10_000_000
BOARD_POSE = SE3.from_rotvec([0.1, 0.2, 0.0], [0.0, 0.0, 0.4])


class FakeBoard(Chessboard):
    """Finds the board where it is told; a picture of zeros has none."""

    def detect(self, picture):
        """The corners of BOARD_POSE, or None."""
        if not picture.any():
            return None
        pixels = CAMERA.project(BOARD_POSE @ self.points)
        return Corners(np.arange(len(pixels)), pixels)


class Arm:
    """An arm whose pose stream and pictures are made up: time goes on by calls."""

    def __init__(self, **options):
        self.poses = PoseBuffer(60.0)
        self.taken, self.refused = [], []
        self.time_ns = 1_000_000_000
        self.pose = SE3.from_rotvec([3.0, 0.0, 0.0], [0.4, 0.0, 0.4])
        self.taker = SampleTaker(FakeBoard(9, 6, 0.02), self.poses, self.taken.append, self.refused.append, **options)

    def rest(self, seconds=1.0):
        """Stand still."""
        for _ in range(round(seconds * 100)):
            self.time_ns += STEP
            self.poses.add(self.time_ns, self.pose)

    def move(self, shift=0.05, steps=50):
        """Go to the side."""
        for _ in range(steps):
            self.pose = SE3.from_rotvec([0, 0, 0.004], [shift / steps, 0, 0]) @ self.pose
            self.rest(0.01)

    def look(self, seen=True, camera=CAMERA):
        """Offer a picture of now and let it be looked at."""
        before = self.taker.counts["pictures"]
        pixels = np.full((4, 4, 3), 255 if seen else 0, np.uint8)
        self.taker.offer(Picture(self.time_ns, lambda: (pixels, camera)))
        deadline = time.monotonic() + 20
        while self.taker.counts["pictures"] == before and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(0.05)


@pytest.fixture
def arm():
    """Return an arm at rest, and end its taker."""
    made = []

    def make(**options):
        made.append(Arm(**options))
        made[-1].rest()
        return made[-1]

    yield make
    for item in made:
        item.taker.close()


def wait(condition):
    """Wait, bounded."""
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert condition()


def test_one_sample_per_place(arm):
    robot = arm(ee_from_flange=FLANGE_FROM_HAND_EE.inverse())
    for _ in range(3):
        robot.look()
    wait(lambda: len(robot.taken) == 1)
    robot.move()
    robot.rest()
    robot.look()
    wait(lambda: len(robot.taken) == 2)
    first, second = robot.taken
    assert (first.sample.name, second.sample.name) == ("001", "002")
    assert second.sample.base_from_flange.is_close(robot.pose @ FLANGE_FROM_HAND_EE.inverse(), 1e-9)
    assert second.sample.view.camera_from_board.is_close(BOARD_POSE, 1e-6)
    assert second.guidance.startswith("2 samples: turned by 0 deg about the horizontal axis")
    assert robot.refused == []


def test_nothing_is_taken_while_the_arm_moves(arm):
    robot = arm()
    robot.look()
    wait(lambda: len(robot.taken) == 1)
    robot.move()
    request = robot.taker.request(0.2)
    robot.look()
    with pytest.raises(EscherNetError, match=r"no sample was taken: the arm moved by \d+\.\d mm .* must stand still"):
        request.result(20)
    assert len(robot.taken) == 1


def test_request_takes_one_where_one_was_taken(arm):
    robot = arm(auto=False)
    robot.look()
    assert robot.taken == []
    for count in (1, 2):
        request = robot.taker.request()
        robot.look()
        assert request.result(20).startswith(f"{count} sample")
    assert len(robot.taker.samples) == 2
    assert robot.taker.drop_last() == "002"
    assert robot.taker.drop_last() == "001"
    assert robot.taker.drop_last() is None


def test_a_place_without_the_board_is_spoken_of_once(arm):
    robot = arm()
    for _ in range(3):
        robot.look(seen=False)
    assert robot.refused == ["the chessboard of 9x6 inner corners, squares of 20 mm is not in sight, or not wholly"]
    robot.move()
    robot.rest()
    robot.look(seen=False)
    wait(lambda: len(robot.refused) == 2)


def test_changed_intrinsics_are_refused(arm):
    robot = arm()
    robot.look()
    wait(lambda: len(robot.taken) == 1)
    robot.move()
    robot.rest()
    robot.look(camera=CAMERA.scaled(2))
    wait(lambda: bool(robot.refused))
    assert "intrinsics changed since the first sample" in robot.refused[0]


def test_no_picture_and_no_poses_are_said(arm):
    robot = arm()
    with pytest.raises(EscherNetError, match="no sample was taken: no picture came"):
        robot.taker.request(0.05).result(20)
    robot.time_ns += 10 * 1_000_000_000
    request = robot.taker.request(0.1)
    robot.look()
    with pytest.raises(EscherNetError, match="after the newest pose"):
        request.result(20)


def test_open_requests_end_with_the_taker(arm):
    robot = arm()
    request = robot.taker.request(60.0)
    threading.Thread(target=robot.taker.close).start()
    with pytest.raises(EscherNetError, match="the program is ending"):
        request.result(20)
