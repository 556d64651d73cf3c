# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the data set tests: frames to record and an independent loader of the published layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.datasets import FrameRecord, PoseInterpolation
from eschernet_ros.geometry import SE3, ObjectFrame, look_at_origin, model_camera

SIZE = 16


@pytest.fixture(scope="session")
def object_frame():
    """An object 12 cm high that stands turned by 30 deg in front of the robot."""
    return ObjectFrame(SE3.from_rotvec([0.0, 0.0, np.pi / 6], [0.5, 0.1, 0.06]), (0.08, 0.1, 0.12))


@pytest.fixture(scope="session")
def record_of(object_frame):
    """Function: pose in model units -> its record, as the capture would make it."""

    def make(pose: SE3, number: int = 0, /, **changes) -> FrameRecord:
        base_from_camera = object_frame.denormalise(pose)
        fields = {
            "camera_gl_from_object": object_frame.normalise(base_from_camera),
            "base_from_camera_optical": base_from_camera,
            "object_frame": object_frame,
            "camera": model_camera(SIZE),
            "source_camera": model_camera(48),
            "image_stamp_ns": 1_700_000_000_123_456_789 + number,
            "stamp_ns": 1_700_000_000_118_456_789 + number,
            "interpolation": PoseInterpolation(1_000_000, 400_000, 0.02, 0.1),
            "warnings": (),
        }
        return FrameRecord(**{**fields, **changes})

    return make


@pytest.fixture(scope="session")
def image_of():
    """Function: number -> an RGB image that differs from every other number's, and its mask."""

    def make(number: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(number)
        mask = np.zeros((SIZE, SIZE), dtype=bool)
        mask[3:12, 4:13] = True
        image = np.full((SIZE, SIZE, 3), 255, dtype=np.uint8)
        image[mask] = rng.integers(0, 255, (int(mask.sum()), 3))
        return image, mask

    return make


@pytest.fixture(scope="session")
def upright():
    """Function: (azimuth, polar, radius) -> upright camera that looks at the object."""
    return look_at_origin


@pytest.fixture(scope="session")
def published_loader():
    """The published rule for Franka16, written anew from its description; no code under test in it.

    Function: folder -> (RGBA images in the order of their names, world-to-camera poses [N,4,4]).
    """

    def load(folder: Path) -> tuple[list[np.ndarray], np.ndarray]:
        images = [np.array(Image.open(path)) for path in sorted((folder / "images_rgba").glob("*.png"))]
        poses = []
        for azimuth, elevation in np.load(folder / "angles.npy"):
            phi, th, r = np.deg2rad(np.rad2deg(azimuth) - 180), np.deg2rad(90 - np.rad2deg(elevation)), 1.5
            z = np.array([np.sin(th) * np.cos(phi), np.sin(th) * np.sin(phi), np.cos(th)])
            x = np.array([-np.sin(phi), np.cos(phi), 0.0])
            pose = np.eye(4)
            pose[:3, :3] = [x, np.cross(z, x), z]
            pose[:3, 3] = -pose[:3, :3] @ (r * z)
            poses.append(pose)
        assert len(images) == len(poses)
        return images, np.array(poses).reshape(-1, 4, 4)

    return load


@pytest.fixture(scope="session")
def journal_frames():
    """Function: folder -> the entries of the journal's frames."""

    def read(folder: Path) -> list[dict]:
        entries = [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]
        return [entry for entry in entries if entry["kind"] == "frame"]

    return read


@pytest.fixture
def edit_journal():
    """Function: (folder, change) -> rewrites the journal after ``change(entries)``."""

    def edit(folder: Path, change) -> None:
        path = folder / "frames.jsonl"
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        change(entries)
        path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))

    return edit


@pytest.fixture
def edit_json():
    """Function: (file, change) -> rewrites the file after ``change(content)``."""

    def edit(path: Path, change) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


@pytest.fixture(scope="session")
def gso_object():
    """Function: (folder, number of views) -> writes a GSO30 object there; returns poses and RGBA images."""

    def write(folder: Path, count: int = 3, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
        model = folder / "render_mvs_25" / "model"
        model.mkdir(parents=True)
        rng = np.random.default_rng(count)
        poses, images = [], []
        for number in range(count):
            pose = look_at_origin(0.7 * number, 1.1, 1.8).matrix
            rgba = rng.integers(0, 256, (size, size, 4), dtype=np.uint8)
            rgba[:, : size // 2, 3] = 0
            rgba[:, size // 2 :, 3] = 255
            Image.fromarray(rgba).save(model / f"{number:03d}.png")
            np.save(model / f"{number:03d}.npy", pose[:3])
            poses.append(pose)
            images.append(rgba)
        return np.array(poses), np.array(images)

    return write
