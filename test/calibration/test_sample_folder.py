# SPDX-License-Identifier: Apache-2.0
"""Folders of samples: ours there and back, ViSP's as its tools write it, and what must be refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml
from board_pictures import CAMERA, looks_at_board, picture
from PIL import Image

from eschernet_ros.calibration.board import Chessboard, board_text
from eschernet_ros.calibration.sample_folder import (
    Entry,
    SampleFolder,
    problem_of,
    read_camera,
    read_sample_folder,
    write_camera,
    write_samples,
)
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE

BOARD = Chessboard(9, 6, 0.024)
ARM = SE3.from_rotvec([3.0, 0.1, 0.2], [0.4, 0.1, 0.3])


@pytest.fixture
def folder(tmp_path):
    """Return a written folder with one picture of the board, one without, and one pose found elsewhere."""
    rng = np.random.default_rng(0)
    pose = looks_at_board(1, rng)[0]
    Image.fromarray(picture(BOARD, pose, rng)).save(tmp_path / "001.png")
    Image.fromarray(np.full((480, 640), 90, np.uint8)).save(tmp_path / "002.png")
    content = SampleFolder(
        folder=tmp_path,
        layout="samples",
        camera=CAMERA,
        entries=(
            Entry("001", ARM @ FLANGE_FROM_HAND_EE, False, picture=tmp_path / "001.png"),
            Entry("002", ARM, True, picture=tmp_path / "002.png"),
            Entry("003", ARM, True, camera_from_board=pose),
        ),
        eye_in_hand=True,
        board=board_text(BOARD),
        flange_from_ee=FLANGE_FROM_HAND_EE,
        base_frame="base",
        camera_frame="camera_color_optical_frame",
    )
    write_samples(content)
    return content


def change(folder: SampleFolder, **keys):
    """Change keys of samples.yaml."""
    path = folder.folder / "samples.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | keys))


def test_own_layout_there_and_back(folder):
    back = read_sample_folder(folder.folder)
    assert back.camera == CAMERA
    for name in ("layout", "eye_in_hand", "board", "base_frame", "camera_frame"):
        assert getattr(back, name) == getattr(folder, name)
    assert back.flange_from_ee.is_close(FLANGE_FROM_HAND_EE)
    for read, written in zip(back.entries, folder.entries, strict=True):
        assert read.base_from_arm.is_close(written.base_from_arm)
        assert (read.name, read.of_flange, read.picture) == (written.name, written.of_flange, written.picture)


def test_poses_are_brought_to_the_flange_and_boards_found(folder):
    problem, without = problem_of(read_sample_folder(folder.folder), BOARD, True, FLANGE_FROM_HAND_EE)
    assert without == ("002",)
    assert problem.names == ("001", "003")
    for sample in problem.samples:
        assert sample.base_from_flange.is_close(ARM, 1e-9)
    seen, given = (sample.view.camera_from_board for sample in problem.samples)
    assert seen.distance_to(given)[0] < 2e-4
    with pytest.raises(
        EscherNetError, match="holds poses of the end effector, and a calibration is anchored to the flange"
    ):
        problem_of(read_sample_folder(folder.folder), BOARD, True, None)


@pytest.mark.parametrize("distortion", [(), (0.1, -0.2, 0.001, 0.0, 0.01), (0.1, 0.2, 0.0, 0.0, 0.1, 0.2, 0.1, 0.05)])
def test_camera_file_there_and_back(tmp_path, distortion):
    camera = replace(CAMERA, distortion=distortion)
    write_camera(tmp_path / "camera.yaml", camera, "camera")
    assert read_camera(tmp_path / "camera.yaml") == camera


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"version": 9}, "version 9; eschernet_ros/hand_eye_samples version 1 is needed"),
        ({"calibration_type": "wrist"}, "calibration_type is 'wrist'; it must be eye_in_hand or eye_on_base"),
        ({"samples": []}, "lists no samples"),
        ({"samples": ["a"]}, "sample 0 must hold keys"),
        ({"samples": [{"name": "a", "image": "1.png"}]}, "sample a must hold either base_from_flange or base_from_ee"),
        (
            {"samples": [{"name": "a", "base_from_ee": {"translation_m": [0, 0, 0], "rotation_xyzw": [0, 0, 0, 1]}}]},
            "sample a must hold either image or camera_from_board",
        ),
        (
            {"samples": [{"name": "a", "image": "1.png", "base_from_ee": {"translation_m": [0, 0, 0]}}]},
            "'base_from_ee of sample a' is no rigid transform",
        ),
    ],
)
def test_bad_lists_are_refused(folder, keys, sentence):
    change(folder, **keys)
    with pytest.raises(EscherNetError, match=sentence):
        read_sample_folder(folder.folder)


def test_picture_of_another_resolution_is_refused(folder):
    Image.fromarray(np.zeros((240, 320), np.uint8)).save(folder.folder / "001.png")
    with pytest.raises(
        EscherNetError, match=r"001.png has 320x240 pixels, but the camera's intrinsics are for 640x480"
    ):
        problem_of(read_sample_folder(folder.folder), BOARD, True, FLANGE_FROM_HAND_EE)
    (folder.folder / "001.png").write_bytes(b"no picture")
    with pytest.raises(EscherNetError, match=r"001.png cannot be read"):
        problem_of(read_sample_folder(folder.folder), BOARD, True, FLANGE_FROM_HAND_EE)


def test_unknown_folders_are_refused(tmp_path):
    with pytest.raises(EscherNetError, match=r"holds neither samples.yaml with camera.yaml"):
        read_sample_folder(tmp_path)
    with pytest.raises(EscherNetError, match="is no folder"):
        read_sample_folder(tmp_path / "none")


# ViSP


@pytest.fixture
def visp(tmp_path):
    """Return a folder as ViSP's acquisition leaves it, and the arm's pose in it."""
    for number in (1, 2, 10):
        values = [0.3, 0.1 * number, 0.2, 1.0, 2.0, 0.5]
        rows = "\n".join(f"  - [{value}]" for value in values)
        (tmp_path / f"franka_pose_rPe_{number}.yaml").write_text(f"rows: 6\ncols: 1\ndata: \n{rows}\n")
        Image.fromarray(np.zeros((480, 640), np.uint8)).save(tmp_path / f"franka_image-{number}.png")
    model = "<px>600.5</px><py>601</py><u0>320</u0><v0>240</v0>"
    (tmp_path / "franka_camera.xml").write_text(
        "<root><camera><name>Camera</name><image_width>640</image_width><image_height>480</image_height>"
        f"<model><type>perspectiveProjWithoutDistortion</type>{model}</model>"
        f"<model><type>perspectiveProjWithDistortion</type>{model}<kud>-0.05</kud><kdu>0.05</kdu></model>"
        "</camera></root>"
    )
    return tmp_path


def test_visp_layout(visp):
    folder = read_sample_folder(visp)
    assert folder.layout == "visp"
    assert folder.camera == PinholeCamera(640, 480, 600.5, 601.0, 320.0, 240.0, (-0.05, 0.0, 0.0, 0.0, 0.0))
    assert [entry.name for entry in folder.entries] == ["1", "2", "10"]
    assert folder.needs_flange_from_ee
    assert folder.entries[2].base_from_arm.is_close(SE3.from_rotvec([1.0, 2.0, 0.5], [0.3, 1.0, 0.2]))
    assert (folder.eye_in_hand, folder.board, folder.flange_from_ee) == (None, None, None)


def test_damaged_visp_folders_are_refused(visp):
    (visp / "franka_image-2.png").unlink()
    with pytest.raises(EscherNetError, match=r"pose_rPe_2.yaml has 0 pictures \*image-2"):
        read_sample_folder(visp)
    (visp / "franka_pose_rPe_2.yaml").write_text("data: [1, 2]\n")
    Image.fromarray(np.zeros((480, 640), np.uint8)).save(visp / "franka_image-2.png")
    with pytest.raises(EscherNetError, match="must hold 6 numbers under 'data'"):
        read_sample_folder(visp)
    (visp / "franka_pose_rPe_2.yaml").unlink()
    (visp / "franka_camera.xml").write_text((visp / "franka_camera.xml").read_text().replace("640", "1280"))
    with pytest.raises(EscherNetError, match="holds no perspective camera for pictures of 640x480"):
        read_sample_folder(visp)
    (visp / "franka_camera.xml").unlink()
    with pytest.raises(EscherNetError, match=r"holds 0 files \*camera.xml"):
        read_sample_folder(visp)
