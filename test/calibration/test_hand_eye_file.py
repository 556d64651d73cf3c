# SPDX-License-Identifier: Apache-2.0
"""Reading calibrations: what easy_handeye2 writes, what we write, and what must be refused."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import yaml

from eschernet_ros.calibration import (
    CalibrationFileError,
    CalibrationInfo,
    FixedCamera,
    HandEye,
    read_calibration,
    read_hand_eye,
)
from eschernet_ros.calibration.hand_eye_file import transform_to_plain
from eschernet_ros.geometry import BODY_FROM_OPTICAL, SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE

CAMERA = SE3.from_rotvec([0.01, -0.02, 1.57], [0.05, -0.03, 0.06])


def calib(transform=CAMERA, **parameters):
    """What rosidl_runtime_py's message_to_yaml makes of easy_handeye2_msgs/HandeyeCalibration."""
    x, y, z = map(float, transform.translation)
    qx, qy, qz, qw = map(float, transform.quaternion_xyzw)
    return {
        "parameters": {
            "name": "wrist",
            "calibration_type": "eye_in_hand",
            "robot_base_frame": "fr3_link0",
            "robot_effector_frame": "fr3_link8",
            "tracking_base_frame": "camera_color_optical_frame",
            "tracking_marker_frame": "board",
            "freehand_robot_movement": True,
            "move_group_namespace": "/",
            "move_group": "manipulator",
        }
        | parameters,
        "transform": {"translation": {"x": x, "y": y, "z": z}, "rotation": {"x": qx, "y": qy, "z": qz, "w": qw}},
    }


def ours(**changes):
    """The least that our own YAML holds."""
    return {
        "format": "eschernet_ros/hand_eye",
        "version": 1,
        "name": "wrist",
        "calibration_type": "eye_in_hand",
        "frames": {"base": "fr3_link0", "flange": "fr3_link8", "camera_optical": "camera_color_optical_frame"},
        "flange_from_camera_optical": transform_to_plain(CAMERA),
        "flange_from_ee": transform_to_plain(FLANGE_FROM_HAND_EE),
        "residuals": {"rms_px": 0.4, "spread": {"translation_m": 1e-4, "rotation_rad": 1e-3}},
    } | changes


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a document and returns its path."""

    def put(document, name="wrist.calib"):
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
        return path

    return put


@pytest.mark.parametrize(
    ("effector", "flange_from_effector"),
    [
        ("fr3_link8", SE3.identity()),
        ("panda_link8", SE3.identity()),
        ("fr3_flange", SE3.identity()),
        ("fr3_hand_tcp", FLANGE_FROM_HAND_EE),
        ("fer_hand", SE3.from_rotvec([0, 0, -np.pi / 4], [0, 0, 0])),
    ],
)
def test_calib_is_brought_to_the_flange(write, effector, flange_from_effector):
    hand_eye = read_hand_eye(write(calib(robot_effector_frame=effector)))
    assert hand_eye.flange_from_camera_optical.is_close(flange_from_effector @ CAMERA)
    assert hand_eye.flange_from_ee is None
    assert (hand_eye.info.name, hand_eye.info.base_frame) == ("wrist", "fr3_link0")
    assert hand_eye.info.camera_frame == "camera_color_optical_frame"


def test_calib_of_the_colour_body_frame_is_turned_to_the_optical_frame(write):
    hand_eye = read_hand_eye(write(calib(tracking_base_frame="camera_color_frame")))
    assert hand_eye.flange_from_camera_optical.is_close(CAMERA @ BODY_FROM_OPTICAL)


def test_calib_of_camera_link_needs_the_unit_s_own_transform(write):
    path = write(calib(tracking_base_frame="camera_link"))
    with pytest.raises(CalibrationFileError, match=r"'camera_link', which is no optical frame.*tf2_echo camera_link"):
        read_hand_eye(path)
    link = SE3.from_rotvec([0.001, 0.0, 0.0], [0.0, 0.0148, 0.0002]) @ BODY_FROM_OPTICAL
    hand_eye = read_hand_eye(path, camera_root_from_camera_optical=link)
    assert hand_eye.flange_from_camera_optical.is_close(CAMERA @ link)
    assert hand_eye.info.camera_root_frame == "camera_link"


def test_calib_of_an_unknown_effector_needs_its_place(write):
    path = write(calib(robot_effector_frame="tool0"))
    with pytest.raises(CalibrationFileError, match=r"'tool0', and its name does not tell.*give F_T_EE"):
        read_hand_eye(path)
    tool = SE3.from_rotvec([0, 0, 0.3], [0, 0, 0.2])
    assert read_hand_eye(path, flange_from_effector=tool).flange_from_camera_optical.is_close(tool @ CAMERA)


def test_eye_on_base_is_another_thing(write):
    path = write(calib(calibration_type="eye_on_base"))
    camera = read_calibration(path)
    assert isinstance(camera, FixedCamera)
    assert camera.base_from_camera_optical.is_close(CAMERA)
    with pytest.raises(CalibrationFileError, match=r"wrist.calib is the calibration of a camera beside the robot"):
        read_hand_eye(path)


def test_own_file(write):
    hand_eye = read_hand_eye(write(ours(), "wrist.yaml"))
    assert hand_eye.flange_from_camera_optical.is_close(CAMERA)
    assert hand_eye.flange_from_ee is not None
    assert hand_eye.flange_from_ee.is_close(FLANGE_FROM_HAND_EE)
    assert hand_eye.info.rms_px == 0.4
    assert hand_eye.info.rotation_spread_rad == 1e-3


def test_changed_end_effector_is_noticed_on_load(write, caplog):
    path = write(ours(), "wrist.yaml")
    with caplog.at_level(logging.WARNING):
        assert read_hand_eye(path, FLANGE_FROM_HAND_EE).info.notes == ()
        assert not caplog.records
        longer = SE3.from_rotvec([0, 0, 0], [0, 0, 0.02]) @ FLANGE_FROM_HAND_EE
        hand_eye = read_hand_eye(path, longer)
    sentence = "F_T_EE has changed since the calibration 'wrist': the end effector moved 20.00 mm and turned 0.00 deg"
    assert sentence in caplog.text
    assert hand_eye.info.notes[0].startswith(sentence)
    # anchored to the flange: in the base frame the camera stays where it was
    assert (longer @ hand_eye.ee_from_camera_optical(longer)).is_close(CAMERA)


def test_controller_s_four_digits_are_no_change():
    rounded = np.round(FLANGE_FROM_HAND_EE.matrix, 4)
    assert HandEye(CAMERA, FLANGE_FROM_HAND_EE).change_of_ee(SE3.from_matrix(rounded)) == ""
    assert HandEye(CAMERA, None).change_of_ee(FLANGE_FROM_HAND_EE) == ""
    assert HandEye(CAMERA, None).info == CalibrationInfo()


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("", "holds no keys; it is empty or cut off"),
        ("a: [1", "is no YAML"),
        ({"a": 1}, "is no calibration: neither .* but a"),
        (
            calib(calibration_type="eye_to_hand"),
            "calibration_type is 'eye_to_hand'; it must be eye_in_hand or eye_on_b",
        ),
        (
            calib(SE3.from_rotvec([0, 0, 1], [57.0, 0, 0])),
            "57 m from the flange, more than 1 m: are the .* millimetres",
        ),
        (calib(SE3.identity()), "never filled in"),
        (calib() | {"transform": {"translation": {"x": 0}}}, "'transform.translation' must hold x, y, z"),
        (
            calib() | {"transform": calib()["transform"] | {"rotation": dict.fromkeys("xyzw", 0.0)}},
            "'transform' is no rigid transform: quaternion .* norm 0",
        ),
        (calib() | {"parameters": [1]}, "must hold keys of their own"),
        (ours(version=2), "version 2 of the format, this program reads 1"),
        (ours(flange_from_camera_optical=None), "'flange_from_camera_optical' must hold translation_m and rotation"),
        (ours(flange_from_ee={"translation_m": [0, 0], "rotation_xyzw": [0, 0, 0, 1]}), "'flange_from_ee' is no rigid"),
        (ours(residuals={"rms_px": "low"}), "'residuals.rms_px' must be a number, it is 'low'"),
        (ours(frames="base"), "'frames' must hold keys of its own"),
    ],
)
def test_bad_files_are_refused_by_name(write, document, sentence):
    path = write(document)
    with pytest.raises(CalibrationFileError, match=sentence) as error:
        read_hand_eye(path)
    assert "wrist.calib" in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(CalibrationFileError, match=r"there is no calibration file .*lost.calib"):
        read_hand_eye(tmp_path / "lost.calib")
