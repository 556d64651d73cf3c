# SPDX-License-Identifier: Apache-2.0
"""Mistakes in scenes of any world, and where only texture tells."""

from __future__ import annotations

import json
from pathlib import Path

import blob_object
import drawn_scene
import numpy as np

from eschernet_ros.checking.recording import CheckFrame, CheckRecording
from eschernet_ros.dataset_tools.consistency import judge_consistency
from eschernet_ros.dataset_tools.readings import matrix_readings
from eschernet_ros.dataset_tools.validate import validate_object
from eschernet_ros.datasets import open_dataset
from eschernet_ros.datasets.pose_forms import POSE_FORMS
from eschernet_ros.datasets.write_dataset import write_dataset
from eschernet_ros.geometry import world_from_camera_optical
from eschernet_ros.geometry.frames import camera_gl_from_world


def mistakes(folder: Path) -> str:
    """The texts of the likely mistakes."""
    dataset = open_dataset(folder)
    (name,) = dataset.objects
    findings = validate_object(dataset, name).findings
    return " ".join(finding.text for finding in findings if finding.topic == "likely mistake")


def test_a_transforms_file_with_opencv_axes(tmp_path: Path) -> None:
    """As OpenCV's users write it; the fix is for the file, since the reader places the object by the poses."""
    views = open_dataset(blob_object.write_renders(tmp_path / "blob", blob_object.poses(8))).read(image_size=None)
    write_dataset([views], tmp_path / "scene", "nerfstudio")
    assert mistakes(tmp_path / "scene") == ""
    path = tmp_path / "scene/transforms.json"
    content = json.loads(path.read_text())
    for frame in content["frames"]:
        frame["transform_matrix"] = (np.array(frame["transform_matrix"]) * (1, -1, -1, 1)).tolist()
    path.write_text(json.dumps(content))
    text = mistakes(tmp_path / "scene")
    assert "hold camera-to-world with OpenCV axes" in text
    assert text.endswith("Negate the second and third columns of every matrix.")


def test_colmaps_quaternions_in_another_order(tmp_path: Path) -> None:
    """x, y, z, w, as most libraries have them."""
    views = open_dataset(blob_object.write_renders(tmp_path / "blob", blob_object.poses(8))).read(image_size=None)
    write_dataset([views], tmp_path / "scene", "colmap-text")
    path = tmp_path / "scene/sparse/0/images.txt"
    lines = []
    for line in path.read_text().splitlines():
        words = line.split(" ")
        if len(words) == 10 and not line.startswith("#"):
            words[1:5] = [*words[2:5], words[1]]
        lines.append(" ".join(words))
    path.write_text("\n".join(lines) + "\n")
    text = mistakes(tmp_path / "scene")
    assert "the quaternions are in the order x, y, z, w" in text
    assert "Reorder them to w, x, y, z" in text


def test_texture_tells_where_there_are_no_masks() -> None:
    """Epipolar lines: right poses pass, those of another form are named, others are only called wrong."""
    times = [0.15, 0.55, 1.0, 1.4, 1.9]
    frames = tuple(
        CheckFrame(frame.name, frame.image, frame.camera, mask=None) for frame in drawn_scene.frames_at(times)
    )
    right = [camera_gl_from_world(drawn_scene.camera_at(seconds)) for seconds in times]
    no_masks = [False] * len(frames)

    def judged(poses: list) -> tuple[str, float, str]:
        recording = CheckRecording("box", "drawn", frames, tuple(world_from_camera_optical(pose) for pose in poses))
        outcome = judge_consistency(recording, list(matrix_readings(poses, "nerfstudio")), no_masks)
        return outcome.measure, outcome.value, outcome.findings[0].text

    measure, value, text = judged(right)
    assert (measure, value < 1.0) == ("epipolar", True)
    assert "poses and pictures fit each other" in text
    expected, given = POSE_FORMS["c2w-opengl"], POSE_FORMS["w2c-opengl"]
    measure, value, text = judged([expected.pose(given.stored(pose)) for pose in right])
    assert (measure, value > 2.0) == ("epipolar", True)
    assert "the files hold world-to-camera with OpenGL axes" in text
    _, value, text = judged([right[row] for row in (1, 3, 0, 4, 2)])
    assert value > 2.0
    assert "no other reading of the poses" in text
