# SPDX-License-Identifier: Apache-2.0
"""The hand-eye transform in the frame of the poses, whatever frame the calibration is in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, forward_kinematics
from eschernet_ros.streams import CAPTURE_PARAMETERS as PARAMETERS
from eschernet_ros.streams import frame_from_camera, needs_flange_from_ee

GIVEN = SE3.from_rotvec([0.1, -0.2, 1.4], [0.06, -0.03, 0.05])
FLANGE_FROM_EE = SE3.from_rotvec([0.0, 0.1, -0.5], [0.01, 0.0, 0.15])


def parameters(transform: SE3 = GIVEN, **changes: Any) -> dict[str, Any]:
    """Return the capture node's parameters with a hand-eye transform and F_T_EE; two underscores are a dot."""
    values: dict[str, Any] = {parameter.name: parameter.default for parameter in PARAMETERS}
    values["hand_eye.translation"], values["hand_eye.rotation_xyzw"] = transform.translation, transform.quaternion_xyzw
    values["flange_from_ee.translation"] = FLANGE_FROM_EE.translation
    values["flange_from_ee.rotation_xyzw"] = FLANGE_FROM_EE.quaternion_xyzw
    return values | {name.replace("__", "."): value for name, value in changes.items()}


@pytest.mark.parametrize("parent", ["ee", "flange"])
@pytest.mark.parametrize("pose_of", ["ee", "flange"])
def test_the_camera_is_in_the_same_place_by_every_way(parent: str, pose_of: str) -> None:
    """One camera, described in either frame, on poses of either frame."""
    flange_from_camera = GIVEN
    described = flange_from_camera if parent == "flange" else FLANGE_FROM_EE.inverse() @ flange_from_camera
    found, origin = frame_from_camera(parameters(described, hand_eye__parent=parent), pose_of)
    base_from_flange = forward_kinematics([0.1, -0.4, 0.2, -1.9, 0.3, 1.7, 0.6])
    base_from_frame = base_from_flange if pose_of == "flange" else base_from_flange @ FLANGE_FROM_EE
    assert (base_from_frame @ found).is_close(base_from_flange @ flange_from_camera, 1e-12)
    assert f"in the {parent} frame from parameters, for poses of the {pose_of}" in origin
    assert ("converted with F_T_EE (10.0, 0.0, 150.0) mm" in origin) == (parent != pose_of)
    assert needs_flange_from_ee(parameters(hand_eye__parent=parent), pose_of) == (parent != pose_of)


def test_what_the_robot_tells_goes_before_the_parameters() -> None:
    told = SE3.from_rotvec([0.0, 0.0, 0.3], [0.0, 0.02, 0.2])
    found, origin = frame_from_camera(parameters(GIVEN, hand_eye__parent="flange"), "ee", told)
    assert (told @ found).is_close(GIVEN, 1e-12)
    assert "F_T_EE (0.0, 20.0, 200.0) mm" in origin and "(the robot's)" in origin


def test_the_default_is_the_franka_hand() -> None:
    values = {parameter.name: parameter.default for parameter in PARAMETERS}
    found, _ = frame_from_camera({**values, "hand_eye.parent": "flange"}, "ee")
    assert found.is_close(FLANGE_FROM_HAND_EE.inverse(), 1e-12)


CALIB = """parameters: {name: wrist, calibration_type: eye_in_hand, robot_base_frame: fr3_link0,
  robot_effector_frame: fr3_link8, tracking_base_frame: camera_color_optical_frame, tracking_marker_frame: board}
transform:
  translation: {x: 0.06, y: -0.03, z: 0.05}
  rotation: {x: 0.0, y: 0.0, z: 0.0, w: 1.0}
"""


def test_a_calibration_file_goes_before_the_parameters(tmp_path: Path) -> None:
    """It is anchored to the flange."""
    file = tmp_path / "wrist.calib"
    file.write_text(CALIB)
    flange_from_camera = SE3.from_rotvec([0, 0, 0], [0.06, -0.03, 0.05])
    on_flange, origin = frame_from_camera(parameters(hand_eye__file=str(file)), "flange")
    assert on_flange.is_close(flange_from_camera, 1e-12) and str(file) in origin
    on_ee, _ = frame_from_camera(parameters(hand_eye__file=str(file)), "ee")
    assert (FLANGE_FROM_EE @ on_ee).is_close(flange_from_camera, 1e-12)
    with pytest.raises(EscherNetError, match="no calibration file"):
        frame_from_camera(parameters(hand_eye__file=str(tmp_path / "none.calib")), "ee")
