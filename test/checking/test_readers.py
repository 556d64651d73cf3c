# SPDX-License-Identifier: Apache-2.0
"""Data set folders and RGB-D folders to be checked; the real recordings where they lie beside the checkout."""

from __future__ import annotations

import json
from pathlib import Path

import drawn_scene
import numpy as np
import pytest
from PIL import Image

from eschernet_ros.checking.from_dataset import dataset_recording
from eschernet_ros.checking.judge import judge
from eschernet_ros.checking.rgbd_folder import DEPTH_UNIT_M, is_rgbd_folder, read_depth, rgbd_recording
from eschernet_ros.cli.main import main
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, look_at_origin, model_camera, world_from_camera_optical

DATA = Path(__file__).parents[3] / "shared" / "data"
SCENE, ELEPHANT = DATA / "apc_realsense_wrist" / "scene-0000", DATA / "gso_elephant"


def block(heading: str, matrix: np.ndarray) -> str:
    return f"# {heading}\n" + "\n".join("\t".join(f"{v:.9e}" for v in row) for row in matrix) + "\n\n"


def write_rgbd(folder: Path, frames, poses) -> None:
    """A folder in the layout of the APC toolbox."""
    folder.mkdir(exist_ok=True)
    text = "# Environment: test\n" + block("Color camera intrinsic matrix", drawn_scene.CAMERA.matrix)
    for number, (frame, pose) in enumerate(zip(frames, poses, strict=True)):
        name = f"frame-{number:06d}"
        Image.fromarray(frame.image).save(folder / f"{name}.color.png")
        units = np.round(frame.depth / DEPTH_UNIT_M).astype(np.uint16)
        rotated = (units << 3) | (units >> 13)
        Image.fromarray(rotated).save(folder / f"{name}.depth.png")
        text += block(f"Camera-to-world extrinsic matrix (camera pose) for {name}", pose.matrix)
    (folder / "cam.info.txt").write_text(text)


@pytest.fixture(scope="module")
def folder(box_frames, swing, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rgbd") / "scene"
    write_rgbd(folder, box_frames, swing().cameras_at([frame.stamp_ns for frame in box_frames]))
    return folder


def test_rgbd_folder_is_read(folder, box_frames):
    assert is_rgbd_folder(folder)
    recording = rgbd_recording(folder)
    assert [frame.name for frame in recording.frames[:2]] == ["frame-000000", "frame-000001"]
    np.testing.assert_array_equal(recording.frames[3].image, box_frames[3].image)
    np.testing.assert_allclose(recording.frames[3].depth, box_frames[3].depth, atol=DEPTH_UNIT_M)
    assert recording.frames[3].camera == drawn_scene.CAMERA
    fewer = rgbd_recording(folder, 4)
    assert len(fewer.frames) == 4
    assert "4 of 9 frames" in fewer.notes[0]


def test_check_command_judges_an_rgbd_folder(folder, tmp_path, capsys):
    assert main(["check", str(folder), "--frames", "6", "--output", str(tmp_path / "out")]) == 0
    assert "PASS" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "check.json").read_text())["depth_mm"] < 1.0


def test_damaged_rgbd_folders_are_named(folder, tmp_path, box_frames):
    (tmp_path / "cam.info.txt").write_text("# Color camera intrinsic matrix\n1 0 x\n")
    with pytest.raises(EscherNetError, match="cannot be read"):
        rgbd_recording(tmp_path)
    (tmp_path / "cam.info.txt").write_text("# nothing\n1 0 0\n")
    with pytest.raises(EscherNetError, match=r"holds no frame-000000\.color\.png"):
        rgbd_recording(tmp_path)
    write_rgbd(tmp_path, box_frames[:2], [SE3.identity()] * 2)
    text = (tmp_path / "cam.info.txt").read_text()
    (tmp_path / "cam.info.txt").write_text(text.replace("for frame-000001", "for frame-000009"))
    with pytest.raises(EscherNetError, match=r"has no '# Camera-to-world extrinsic matrix .* for frame-000001'"):
        rgbd_recording(tmp_path)


def test_data_set_folder_keeps_sizes_and_poses(tmp_path):
    camera = model_camera(96)
    scene = [(4.0 * corner - [0, 0, 0.2], 4.0 * u, 4.0 * v, paint, box) for corner, u, v, paint, box in
             drawn_scene.rectangles()[1:]]  # fmt: skip
    for number in range(5):
        pose = look_at_origin(0.7 * number, 1.0, 1.6)
        colour, _, mask = drawn_scene.draw(world_from_camera_optical(pose), scene, camera)
        Image.fromarray(np.dstack([colour, np.where(mask, 255, 0).astype(np.uint8)])).save(
            tmp_path / f"{number:03d}.png"
        )
        np.save(tmp_path / f"{number:03d}.npy", pose.matrix[:3])
    recording = dataset_recording(tmp_path)
    assert recording.length_unit_m is None
    assert recording.frames[2].camera == camera
    assert recording.frames[2].background_is_blank
    judgement = judge(recording)
    assert judgement.verdict == "pass"
    assert judgement.silhouette > 0.95
    assert len(dataset_recording(tmp_path, count=3).frames) == 3


@pytest.mark.skipif(not SCENE.exists(), reason="the APC recording is not beside the checkout")
def test_real_recording_with_poor_poses_is_bad():
    judgement = judge(rgbd_recording(SCENE))
    assert judgement.verdict == "bad"
    assert judgement.epipolar_px > 2.0
    assert judgement.floor_px < 0.6
    assert {frame.name for frame in judgement.flagged} >= {f"frame-{i:06d}" for i in (2, 3, 6, 8, 10, 11)}
    assert [cause.kind for cause in judgement.causes] == ["none"]
    assert judgement.carried_matches > 1000  # the gripper
    assert read_depth(SCENE / "frame-000002.depth.png").max() > 0.4


@pytest.mark.skipif(not ELEPHANT.exists(), reason="the GSO elephant is not beside the checkout")
def test_textureless_render_passes_by_its_silhouettes():
    judgement = judge(dataset_recording(ELEPHANT))
    assert judgement.verdict == "pass"
    assert judgement.silhouette > 0.96
    assert all(frame.level is not None for frame in judgement.frames)
