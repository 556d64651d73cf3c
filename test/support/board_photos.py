# SPDX-License-Identifier: Apache-2.0
"""Photos of a painted cube that stands on a ChArUco board, drawn with known cameras."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from board_pictures import CAMERA, picture
from numpy.typing import NDArray

from eschernet_ros.calibration.board import CharucoBoard
from eschernet_ros.geometry import SE3, PinholeCamera, look_at

BOARD = CharucoBoard(10, 8, 0.03, 0.022, "DICT_5X5_100")
SIDE = 0.07
"""Of the cube, metres."""

_BASE_FROM_BOARD = SE3(np.diag([1.0, -1.0, -1.0, 1.0]))
_CORNERS = np.array(list(itertools.product((-0.5, 0.5), (-0.5, 0.5), (0.0, 1.0)))) * SIDE
_FACES = (
    ((0, 1, 3, 2), (200, 40, 40)),
    ((4, 5, 7, 6), (40, 160, 60)),
    ((0, 1, 5, 4), (40, 60, 200)),
    ((2, 3, 7, 6), (220, 180, 40)),
    ((1, 3, 7, 5), (180, 60, 180)),
)


def looks(count: int) -> list[SE3]:
    """Poses base_from_camera_optical around the cube; the base is the middle of the board, z up."""
    poses = []
    for number in range(count):
        azimuth, polar = 2.0 * np.pi * number / count, 0.55 + 0.09 * (number % 4)
        eye = 0.42 * np.array([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)])
        poses.append(look_at(eye, (0.01, -0.01, 0.02)))
    return poses


def photo(base_from_camera: SE3, camera: PinholeCamera = CAMERA) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The picture [H,W,3] and the exact mask [H,W] of the cube."""
    camera_from_base = base_from_camera.inverse()
    grey = picture(BOARD, camera_from_base @ _BASE_FROM_BOARD, np.random.default_rng(0), camera, noise=1.0)
    colours = np.repeat(grey[..., None], 3, axis=2).copy()
    mask = np.zeros(grey.shape, np.uint8)
    pixels = camera.project(camera_from_base @ _CORNERS)
    eye = base_from_camera.translation
    for corners, colour in sorted(_FACES, key=lambda face: -np.linalg.norm(_CORNERS[list(face[0])].mean(axis=0) - eye)):
        outline = np.round(pixels[list(corners)] * 16).astype(np.int32)
        cv2.fillConvexPoly(colours, outline, colour, cv2.LINE_AA, 4)
        cv2.fillConvexPoly(mask, outline, 1, cv2.LINE_8, 4)
    return colours, mask.astype(bool)
