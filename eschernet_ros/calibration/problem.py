# SPDX-License-Identifier: Apache-2.0
"""The equation of hand-eye calibration, for both arrangements, and how far samples are from satisfying it.

Eye in hand:  base_from_flange . flange_from_camera . camera_from_board = base_from_board, the same for every sample.
Eye to hand:  flange_from_base . base_from_camera . camera_from_board = flange_from_board, likewise.

Both read A_k X B_k = W with the unknowns X (``mount_from_camera``) and W (``other_from_board``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from eschernet_ros.calibration.sample import CalibrationSample, corner_noise, moved
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.geometry.se3 import FloatArray

LEAST_NOISE_PX = 0.02
"""Corners are never taken to be better than this (standard deviation of a coordinate)."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """The two unknowns.

    Attributes:
        mount_from_camera: the calibration: flange (eye in hand) or base (eye to hand) from the camera's optical frame.
        other_from_board: the board in the base (eye in hand) or on the flange (eye to hand).
    """

    mount_from_camera: SE3
    other_from_board: SE3

    def stepped(self, step: FloatArray) -> Estimate:
        """After a step [12]: turn and shift of each."""
        return Estimate(moved(self.mount_from_camera, step[:6]), moved(self.other_from_board, step[6:12]))


@dataclass(frozen=True, eq=False)
class Problem:
    """Samples of one arrangement and one camera.

    Args:
        samples: views of the board with the arm's poses.
        camera: its intrinsics.
        eye_in_hand: the camera is on the flange; otherwise beside the robot, with the board on the flange.
    """

    samples: tuple[CalibrationSample, ...]
    camera: PinholeCamera
    eye_in_hand: bool = True

    def subset(self, chosen: Sequence[int] | NDArray[np.int64]) -> Problem:
        """The same with some of the samples."""
        return Problem(tuple(self.samples[int(i)] for i in chosen), self.camera, self.eye_in_hand)

    def without(self, index: int) -> Problem:
        """The same without one sample."""
        return Problem(self.samples[:index] + self.samples[index + 1 :], self.camera, self.eye_in_hand)

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the samples."""
        return tuple(sample.name for sample in self.samples)

    @cached_property
    def robot(self) -> FloatArray:
        """A: base_from_flange (eye in hand) or flange_from_base (eye to hand), [N, 4, 4]."""
        poses = np.stack([sample.base_from_flange.matrix for sample in self.samples])
        return poses if self.eye_in_hand else inverse(poses)

    @cached_property
    def boards(self) -> FloatArray:
        """B: camera_from_board [N, 4, 4]."""
        return np.stack([sample.view.camera_from_board.matrix for sample in self.samples])

    @cached_property
    def noise_px(self) -> float:
        """Noise of a corner's coordinate, standard deviation in pixels, as the views' own fits show it."""
        return max(corner_noise([sample.view for sample in self.samples]), LEAST_NOISE_PX)

    @cached_property
    def board_covariances(self) -> FloatArray:
        """[N, 6, 6] of camera_from_board: turns (rad) and shifts (m) in the optical frame."""
        return np.stack([sample.view.covariance for sample in self.samples]) * self.noise_px**2

    def discrepancy(self, estimate: Estimate, scale: float = 1.0) -> FloatArray:
        """What the arm would have to be moved by for each sample to fit, in the flange frame.

        Args:
            estimate: the unknowns.
            scale: of the board, 1 as stated.

        Returns:
            [N, 6] turns (radians) and shifts (metres).
        """
        boards = self.boards
        if scale != 1.0:
            boards = boards.copy()
            boards[:, :3, 3] *= scale
        x, w = estimate.mount_from_camera.matrix, estimate.other_from_board.matrix
        if self.eye_in_hand:
            left = inverse(self.robot) @ w @ inverse(boards) @ inverse(x)
        else:
            left = self.robot @ x @ boards @ inverse(w)
        return np.concatenate([Rotation.from_matrix(left[:, :3, :3]).as_rotvec(), left[:, :3, 3]], axis=1)

    def image_covariances(self, estimate: Estimate) -> FloatArray:
        """Share of the pictures' noise in the covariance of `discrepancy`, [N, 6, 6]."""
        x = estimate.mount_from_camera.matrix
        flange_from_camera = np.broadcast_to(x, self.robot.shape) if self.eye_in_hand else self.robot @ x
        rotation, translation = flange_from_camera[:, :3, :3], flange_from_camera[:, :3, 3]
        carry = np.zeros((len(self), 6, 6))
        carry[:, :3, :3] = carry[:, 3:, 3:] = rotation
        carry[:, 3:, :3] = _cross(translation) @ rotation
        return carry @ self.board_covariances @ np.swapaxes(carry, -1, -2)

    def predicted_board(self, index: int, estimate: Estimate) -> SE3:
        """camera_from_board of a sample as the arm's pose and the estimate have it."""
        arm = self.samples[index].base_from_flange
        other_from_mount = arm if self.eye_in_hand else arm.inverse()
        return (other_from_mount @ estimate.mount_from_camera).inverse() @ estimate.other_from_board

    def pixel_residuals(self, index: int, estimate: Estimate, scale: float = 1.0) -> FloatArray:
        """[M, 2] pixels between a sample's corners and where arm and estimate put them; NaN behind the camera."""
        view = self.samples[index].view
        pose = self.predicted_board(index, estimate)
        return self.camera.project(pose @ (view.points * scale)) - view.pixels

    @cached_property
    def _all_corners(self) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
        """Points [M, 3], pixels [M, 2] and sample numbers [M] of all corners."""
        views = [sample.view for sample in self.samples]
        owners = np.repeat(np.arange(len(views)), [len(view.ids) for view in views])
        return np.concatenate([v.points for v in views]), np.concatenate([v.pixels for v in views]), owners

    def all_pixel_residuals(self, estimate: Estimate) -> FloatArray:
        """[M, 2] pixels as `pixel_residuals`, of all samples' corners in one array."""
        points, pixels, owners = self._all_corners
        poses = inverse(self.robot @ estimate.mount_from_camera.matrix) @ estimate.other_from_board.matrix
        in_camera = np.einsum("mij,mj->mi", poses[owners, :3, :3], points) + poses[owners, :3, 3]
        return self.camera.project(in_camera) - pixels

    def rms_px(self, estimate: Estimate) -> float:
        """Reprojection error of all corners, the arm's poses as they are; infinite when one is behind the camera."""
        squares = (self.all_pixel_residuals(estimate) ** 2).sum(axis=1)
        return float(np.sqrt(squares.mean())) if np.isfinite(squares).all() else float("inf")

    def mean_board(self, mount_from_camera: SE3) -> Estimate:
        """The estimate with the board where the samples put it on average."""
        poses = self.robot @ mount_from_camera.matrix @ self.boards
        rotation = Rotation.from_matrix(poses[:, :3, :3]).mean()
        return Estimate(mount_from_camera, SE3.from_rotation_translation(rotation, poses[:, :3, 3].mean(axis=0)))


def inverse(poses: FloatArray) -> FloatArray:
    """Inverses of rigid transforms [..., 4, 4]."""
    result = np.zeros_like(poses)
    rotation = np.swapaxes(poses[..., :3, :3], -1, -2)
    result[..., :3, :3] = rotation
    result[..., :3, 3] = -(rotation @ poses[..., :3, 3, None])[..., 0]
    result[..., 3, 3] = 1.0
    return result


def _cross(vectors: FloatArray) -> FloatArray:
    """Matrices [N, 3, 3] that take the cross product with vectors [N, 3]."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
