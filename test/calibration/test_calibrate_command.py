# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros calibrate`` from a folder: its files read back, its picture, and its errors."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml
from PIL import Image

from eschernet_ros.calibration import FixedCamera, HandEye, read_calibration, read_hand_eye
from eschernet_ros.calibration.board import board_text
from eschernet_ros.calibration.frame_names import D435I_ROOT_FROM_OPTICAL
from eschernet_ros.calibration.sample_folder import Entry, SampleFolder, write_samples
from eschernet_ros.cli.main import main
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE


@pytest.fixture
def write(make_rig, tmp_path):
    """Return a function that writes a rig's folder of board poses, and returns it with the truth."""

    def put(eye_in_hand=True, of_flange=True, count=6, **keys):
        rig = make_rig(eye_in_hand=eye_in_hand, pixel_noise=0.05, count=count)
        after = FLANGE_FROM_HAND_EE if not of_flange else FLANGE_FROM_HAND_EE @ FLANGE_FROM_HAND_EE.inverse()
        entries = tuple(
            Entry(s.name, s.base_from_flange @ after, of_flange, camera_from_board=s.view.camera_from_board)
            for s in rig.problem.samples
        )
        folder = tmp_path / "samples"
        folder.mkdir()
        options = {"eye_in_hand": eye_in_hand, "board": board_text(rig.board), "base_frame": "base"} | keys
        write_samples(SampleFolder(folder, "samples", rig.problem.camera, entries, **options))
        return folder, rig

    return put


def test_hand_eye_files(write, tmp_path, capsys):
    folder, rig = write(of_flange=False, flange_from_ee=FLANGE_FROM_HAND_EE)
    output = tmp_path / "out" / "wrist"
    assert main(["calibrate", str(folder), "--output", str(output), "--camera-root-from-optical", "d435i"]) == 0
    text = capsys.readouterr().out
    assert "6 samples, chessboard of 9x6 inner corners, squares of 24 mm, eye in hand" in text
    assert "park" in text and "in the end effector (F_T_EE as given)" in text
    ours = read_hand_eye(output.with_suffix(".yaml"))
    assert rig.error(ours.flange_from_camera_optical)[0] < 0.2
    assert ours.flange_from_ee is not None and ours.flange_from_ee.is_close(FLANGE_FROM_HAND_EE)
    assert ours.info.rms_px is not None and ours.info.rms_px < 0.3
    assert ours.info.translation_spread_m is not None and ours.info.translation_spread_m < 1e-3
    assert (ours.info.base_frame, ours.info.flange_frame, ours.info.camera_root_frame) == (
        "base",
        "fr3_link8",
        "camera_link",
    )
    theirs = yaml.safe_load(output.with_suffix(".calib").read_text())
    assert theirs["parameters"]["tracking_base_frame"] == "camera_link"
    back = read_hand_eye(output.with_suffix(".calib"), camera_root_from_camera_optical=D435I_ROOT_FROM_OPTICAL)
    assert back.flange_from_camera_optical.is_close(ours.flange_from_camera_optical, 1e-9)
    document = yaml.safe_load(output.with_suffix(".yaml").read_text())
    assert set(document["methods"]) >= {"refined", "reprojection", "tsai", "park", "horaud", "andreff", "daniilidis"}
    assert [sample["name"] for sample in document["samples"]] == [f"{i:03d}" for i in range(1, 7)]
    assert all(sample["left_out"]["px"] < 1.0 for sample in document["samples"])
    with Image.open(output.with_suffix(".png")) as picture:
        assert np.asarray(picture.convert("L")).std() > 20
    # it is there now
    assert main(["calibrate", str(folder), "--output", str(output)]) == 2
    assert "exist; choose another --output, or --overwrite" in capsys.readouterr().err


def test_fixed_camera_files(write, tmp_path, capsys):
    folder, rig = write(eye_in_hand=False)
    output = tmp_path / "fixed"
    assert main(["calibrate", str(folder), "--output", str(output), "--method", "daniilidis"]) == 0
    text = capsys.readouterr().out
    assert "easy_handeye2's publisher would give that frame two parents" in text
    for suffix in (".yaml", ".calib"):
        camera = read_calibration(output.with_suffix(suffix))
        assert isinstance(camera, FixedCamera) and not isinstance(camera, HandEye)
        assert rig.error(camera.base_from_camera_optical)[0] < 0.5
        assert camera.info.camera_frame == "camera_color_optical_frame"


@pytest.mark.parametrize(
    ("keys", "options", "sentence"),
    [
        ({"of_flange": False}, [], "poses of the end effector without F_T_EE.*give --flange-from-ee hand"),
        ({"board": None}, [], "does not record which board it shows: give --board"),
        ({}, ["--eye-to-hand"], "records eye in hand, but --eye-to-hand was given"),
        ({"count": 3}, [], "3 samples with the board in sight are too few"),
    ],
)
def test_errors_are_sentences(write, tmp_path, capsys, keys, options, sentence):
    folder, _ = write(**keys)
    assert main(["calibrate", str(folder), "--output", str(tmp_path / "x"), *options]) == 2
    assert re.search(sentence, capsys.readouterr().err)
    assert not (tmp_path / "x.yaml").exists()


def test_a_source_must_be_given(capsys):
    assert main(["calibrate"]) == 2
    assert "give either a FOLDER with samples, or --live DIR" in capsys.readouterr().err


def test_transforms_on_the_command_line(capsys):
    with pytest.raises(SystemExit):
        main(["calibrate", "x", "--flange-from-ee", "0,0,0.1"])
    assert "'0,0,0.1' is no transform x,y,z,qx,qy,qz,qw: 3 numbers instead of 7" in capsys.readouterr().err
