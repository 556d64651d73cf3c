# SPDX-License-Identifier: Apache-2.0
"""A textured box on a textured floor, drawn exactly by ray casting: colour, depth and mask for tests."""

from __future__ import annotations

import cv2
import numpy as np

from eschernet_ros.checking.recording import CheckFrame
from eschernet_ros.geometry import SE3, PinholeCamera, look_at

CAMERA = PinholeCamera(320, 240, 300.0, 300.0, 160.2, 119.1)
HAND_EYE = SE3.from_rotvec([0.2, -0.1, -1.5], [0.06, -0.02, 0.04])
START_NS = 1_700_000_000_000_000_000
TARGET = np.array([0.0, 0.0, 0.04])

Rectangle = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]


def texture(seed: int, size: int = 256) -> np.ndarray:
    """[size, size, 3] uint8: blobs of several sizes."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size, size, 3), np.float32)
    for cells in (8, 24, 64):
        blobs = rng.random((cells, cells, 3), np.float32)
        total += cv2.resize(blobs, (size, size), interpolation=cv2.INTER_CUBIC)
    total -= total.min()
    return np.round(255.0 * total / total.max()).astype(np.uint8)


def rectangles(plain: bool = False) -> list[Rectangle]:
    """(corner, side, other side, texture, whether it belongs to the box) of the scene; plain: one grey each."""
    x, y, z = 0.09, 0.07, 0.10
    corners = [
        ([-0.35, -0.35, 0], [0.7, 0, 0], [0, 0.7, 0], False),
        ([-x, -y, z], [2 * x, 0, 0], [0, 2 * y, 0], True),
        ([-x, -y, 0], [2 * x, 0, 0], [0, 0, z], True),
        ([x, y, 0], [-2 * x, 0, 0], [0, 0, z], True),
        ([x, -y, 0], [0, 2 * y, 0], [0, 0, z], True),
        ([-x, y, 0], [0, -2 * y, 0], [0, 0, z], True),
    ]
    return [
        (
            np.array(corner, float),
            np.array(u, float),
            np.array(v, float),
            np.full((8, 8, 3), 90 + 20 * seed, np.uint8) if plain else texture(seed),
            on_box,
        )
        for seed, (corner, u, v, on_box) in enumerate(corners)
    ]


def draw(
    world_from_camera: SE3, scene: list[Rectangle], camera: PinholeCamera = CAMERA
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour [H, W, 3] uint8, depth [H, W] float32 metres and mask of the box [H, W] bool."""
    rays = camera.rays(camera.pixel_grid()) @ world_from_camera.matrix[:3, :3].T
    eye = world_from_camera.translation
    depth = np.full(rays.shape[:2], np.inf)
    colour = np.full((*rays.shape[:2], 3), 128, np.uint8)
    mask = np.zeros(rays.shape[:2], bool)
    for corner, u, v, paint, on_box in scene:
        normal = np.cross(u, v)
        slope = rays @ normal
        distance = ((corner - eye) @ normal) / np.where(np.abs(slope) > 1e-12, slope, 1e-12)
        local = eye + rays * distance[..., None] - corner
        a, b = local @ u / (u @ u), local @ v / (v @ v)
        seen = (distance > 0) & (distance < depth) & (a >= 0) & (a <= 1) & (b >= 0) & (b <= 1)
        size = paint.shape[0] - 1
        column, row = ((np.clip(part, 0, 1) * size).astype(np.float32) for part in (a, b))
        sampled = cv2.remap(paint, column, row, cv2.INTER_LINEAR)
        colour[seen], depth[seen], mask[seen] = sampled[seen], distance[seen], on_box
    return colour, np.where(np.isfinite(depth), depth, 0.0).astype(np.float32), mask


def camera_at(seconds: float) -> SE3:
    """Where the swinging camera is: 0.1 to 0.5 m/s, some 0.45 m from the box."""
    azimuth = 0.5 * np.sin(2.2 * seconds)
    elevation = 0.85 + 0.15 * np.sin(3.1 * seconds + 0.5)
    radius = 0.45 + 0.03 * np.sin(3.9 * seconds)
    direction = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    turn = SE3.from_rotvec([0.04 * np.sin(4.7 * seconds), 0.0, 0.25 * np.sin(2.9 * seconds + 1.0)], [0, 0, 0])
    return look_at(TARGET + radius * np.array(direction), TARGET) @ turn


def stamp(seconds: float) -> int:
    """A stamp in nanoseconds."""
    return START_NS + round(seconds * 1e9)


def frames_at(times: list[float], plain: bool = False) -> list[CheckFrame]:
    """Frames of the swinging camera at some times, named by their number."""
    scene = rectangles(plain)
    frames = []
    for number, seconds in enumerate(times):
        colour, depth, mask = draw(camera_at(seconds), scene)
        frames.append(CheckFrame(f"view{number}", colour, CAMERA, depth, mask, stamp_ns=stamp(seconds)))
    return frames
