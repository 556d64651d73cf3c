# SPDX-License-Identifier: Apache-2.0
"""The camera's place on the arm follows F_T_EE where it is needed, and only there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from eschernet_ros.capture import PoseBuffer
from eschernet_ros.geometry import SE3
from eschernet_ros.streams import CAPTURE_PARAMETERS, CameraOnArm

FLANGE_FROM_CAMERA = SE3.from_rotvec([0.1, -0.2, 1.4], [0.06, -0.03, 0.05])


class Arm:
    """A camera on an arm, and how often it was told that its place changed."""

    def __init__(self, pose_of: str, parent: str = "flange", topic: str = "/f_t_ee") -> None:
        p: dict[str, Any] = {parameter.name: parameter.default for parameter in CAPTURE_PARAMETERS}
        p |= {"hand_eye.parent": parent, "flange_from_ee.topic": topic}
        p["hand_eye.translation"] = FLANGE_FROM_CAMERA.translation
        p["hand_eye.rotation_xyzw"] = FLANGE_FROM_CAMERA.quaternion_xyzw
        self.changes = 0
        self.poses = PoseBuffer()
        self.poses.add(0, SE3.identity())
        self.camera = CameraOnArm(p, pose_of, self.poses, self.count)

    def count(self) -> None:
        self.changes += 1

    def tell(self, pose: SE3, w: float | None = None) -> None:
        """Deliver F_T_EE; another ``w`` makes it no rotation."""
        assert self.camera.input is not None
        x, y, z, real = (float(value) for value in pose.quaternion_xyzw)
        turn = SimpleNamespace(x=x, y=y, z=z, w=real if w is None else w)
        point = SimpleNamespace(**dict(zip("xyz", map(float, pose.translation), strict=True)))
        self.camera.input.take(SimpleNamespace(pose=SimpleNamespace(position=point, orientation=turn)), 0)


@pytest.mark.parametrize(("pose_of", "parent"), [("ee", "ee"), ("flange", "flange")])
def test_where_it_is_not_needed_it_is_not_asked(pose_of: str, parent: str) -> None:
    arm = Arm(pose_of, parent)
    assert arm.camera.input is None and arm.camera.hand_eye is not None
    assert arm.camera.hand_eye.is_close(FLANGE_FROM_CAMERA, 1e-12)


def test_without_a_topic_it_is_the_parameters() -> None:
    arm = Arm("ee", topic="")
    assert arm.camera.input is None and arm.camera.hand_eye is not None


@pytest.mark.parametrize(("pose_of", "kept"), [("ee", 0), ("flange", 1)])
def test_it_is_followed(pose_of: str, kept: int, caplog: pytest.LogCaptureFixture) -> None:
    """Poses of another end effector are dropped, the flange's stay."""
    arm = Arm(pose_of, "flange" if pose_of == "ee" else "ee")
    assert arm.camera.hand_eye is None and arm.camera.input is not None and arm.camera.input.latched
    for number, told in enumerate((SE3.identity(), SE3.from_rotvec([0.0, 0.0, 0.5], [0.0, 0.0, 0.2])), 1):
        arm.tell(told)
        wanted = told.inverse() @ FLANGE_FROM_CAMERA if pose_of == "ee" else told @ FLANGE_FROM_CAMERA
        assert arm.camera.hand_eye is not None and arm.camera.hand_eye.is_close(wanted, 1e-12)
        arm.tell(told)
        assert (arm.changes, len(arm.poses)) == (number, 1 if number == 1 else kept)
    assert ("F_T_EE changed: the end effector is another point" in caplog.text) == (pose_of == "ee")


def test_one_that_is_none_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    arm = Arm("ee")
    arm.tell(SE3.identity(), w=0.0)
    assert (arm.camera.hand_eye, arm.changes) == (None, 0)
    assert "F_T_EE on /f_t_ee not used: " in caplog.text
