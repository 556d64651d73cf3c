# SPDX-License-Identifier: Apache-2.0
"""Fits one constant error to all poses at once: of the hand-eye calibration, of the clocks, or of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from eschernet_ros.checking.evidence import Evidence
from eschernet_ros.checking.recording import CheckRecording
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

FloatArray = NDArray[np.float64]

LARGEST_OFFSET_S = 0.25
OFFSET_STEP_S = 0.01
BOOTSTRAPS = 400
MIN_FEATURES = 200
"""With fewer residuals of features, surfaces take part from the start."""
ROUNDS, LAST_ROUNDS = 15, 7
_STEP_RAD, _STEP_LENGTH, _STEP_S = 1e-4, 1e-4, 2e-3
"""Steps of the central differences; the one of time spans some samples of a pose stream."""


@dataclass(frozen=True, eq=False)
class PoseFit:
    """The constant errors that fit the pictures best.

    Attributes:
        given_camera_from_true: what the camera poses must be multiplied with, on the right: a hand-eye error in the
            camera's frame. The identity where it was not fitted.
        time_offset_s: to be added to the frames' times; 0 where it was not fitted.
        world_from_camera: the corrected poses.
        cost: robust mean residual that is left, px (``Evidence.cost``).
        offset_interval_s: 95 % interval of the offset; None where it was not fitted.
        rotation_sigma_rad, translation_sigma: standard deviation of the correction's length, from the bootstrap.
    """

    given_camera_from_true: SE3
    time_offset_s: float
    world_from_camera: tuple[SE3, ...]
    cost: float
    offset_interval_s: tuple[float, float] | None = None
    rotation_sigma_rad: float = float("nan")
    translation_sigma: float = float("nan")

    @property
    def angle_rad(self) -> float:
        """Angle of the correction."""
        return float(np.linalg.norm(self.given_camera_from_true.rotvec))

    @property
    def length(self) -> float:
        """Length of the correction's translation, in the poses' unit."""
        return float(np.linalg.norm(self.given_camera_from_true.translation))


class PoseFitter:
    """Fits constant errors of one recording.

    Args:
        recording: the frames and their poses.
        evidence: of the same frames.
    """

    def __init__(self, recording: CheckRecording, evidence: Evidence) -> None:
        self._recording = recording
        self._evidence = evidence
        self._stamps = recording.stamps_ns
        self._kept: tuple[float, Sequence[SE3]] = (0.0, recording.world_from_camera)

    @property
    def can_fit_time(self) -> bool:
        """Whether there is a pose stream behind the frames."""
        return self._recording.arm is not None and self._stamps is not None

    def poses(self, correction: SE3, time_offset_s: float = 0.0) -> list[SE3]:
        """The poses with both errors taken out."""
        return [pose @ correction for pose in self._base(time_offset_s)]

    def _base(self, time_offset_s: float) -> Sequence[SE3]:
        if time_offset_s == 0.0 or self._recording.arm is None or self._stamps is None:
            return self._recording.world_from_camera
        if self._kept[0] != time_offset_s:  # the Jacobian asks for the same time again and again
            self._kept = (time_offset_s, self._recording.arm.cameras_at(self._stamps, time_offset_s))
        return self._kept[1]

    def offset_costs(self, correction: SE3 | None = None) -> tuple[FloatArray, FloatArray]:
        """Offsets (s) of a coarse grid and the cost at each."""
        steps = round(LARGEST_OFFSET_S / OFFSET_STEP_S)
        offsets = OFFSET_STEP_S * np.arange(-steps, steps + 1, dtype=np.float64)
        surfaces = self._evidence.feature_count < MIN_FEATURES
        identity = correction or SE3.identity()
        costs = [self._evidence.cost(self.poses(identity, float(offset)), surfaces) for offset in offsets]
        return np.asarray(offsets, dtype=np.float64), np.array(costs)

    def fit(self, hand_eye: bool, time: bool, start: PoseFit | None = None) -> PoseFit:
        """Fit the chosen errors by robust least squares, from ``start`` or from none.

        A time offset starts at the best one of the grid.

        Raises:
            EscherNetError: no evidence, or an offset of a recording without a pose stream.
        """
        if not len(self._evidence):
            raise EscherNetError(f"'{self._recording.name}': nothing in the pictures can be compared with the poses")
        if time and not self.can_fit_time:
            raise EscherNetError(
                f"'{self._recording.name}' has no pose stream with stamps: a time offset cannot be found in it"
            )
        x = np.zeros(7)
        if start is not None:
            x[:3], x[3:6] = start.given_camera_from_true.rotvec, start.given_camera_from_true.translation
            x[6] = start.time_offset_s
        free = np.array([hand_eye] * 6 + [time])
        if time and start is None:
            offsets, costs = self.offset_costs()
            x[6] = offsets[int(np.argmin(costs))]
        length = self._length()
        steps = np.array([_STEP_RAD] * 3 + [_STEP_LENGTH * length] * 3 + [_STEP_S])[free]

        def residuals(values: FloatArray, surfaces: bool = True) -> FloatArray:
            full = x.copy()
            full[free] = values
            poses = self.poses(SE3.from_rotvec(full[:3], full[3:6]), float(full[6]))
            return self._evidence.residuals(poses, surfaces)

        def jacobian(values: FloatArray, surfaces: bool = True) -> FloatArray:
            columns = []
            for index, step in enumerate(steps):
                shift = np.zeros(len(steps))
                shift[index] = step
                columns.append(
                    (residuals(values + shift, surfaces) - residuals(values - shift, surfaces)) / (2.0 * step)
                )
            return np.stack(columns, axis=1)

        scale = np.array([0.01] * 3 + [0.01 * length] * 3 + [0.01])[free]
        # Far from the answer a wide loss finds the way, by features where there are some: surfaces slide along each
        # other. Then all evidence, with a loss that wrong matches cannot pull, gives the precision.
        by_features = self._evidence.feature_count >= MIN_FEATURES
        stages = [
            ("soft_l1", 8.0, not by_features, ROUNDS),
            ("soft_l1", 1.0, not by_features, ROUNDS),
            ("cauchy", 1.0, True, LAST_ROUNDS),
        ]
        values = x[free]
        for loss, width, surfaces, rounds in stages:
            found = least_squares(
                residuals,
                values,
                jac=jacobian,
                loss=loss,
                f_scale=width,
                x_scale=scale,
                max_nfev=rounds,
                kwargs={"surfaces": surfaces},
            )
            values = found.x
        x[free] = values
        deviations = self._bootstrap(residuals(values), jacobian(values))
        correction = SE3.from_rotvec(x[:3], x[3:6])
        poses = self.poses(correction, float(x[6]))
        interval = None
        if time:
            low, high = np.percentile(deviations[:, -1], [2.5, 97.5])
            interval = (float(x[6] + low), float(x[6] + high))
        spread = deviations.std(axis=0)
        return PoseFit(
            given_camera_from_true=correction,
            time_offset_s=float(x[6]),
            world_from_camera=tuple(poses),
            cost=self._evidence.cost(poses),
            offset_interval_s=interval,
            rotation_sigma_rad=float(np.linalg.norm(spread[:3])) if hand_eye else float("nan"),
            translation_sigma=float(np.linalg.norm(spread[3:6])) if hand_eye else float("nan"),
        )

    def _length(self) -> float:
        """A length of the scene: how far the cameras' places are spread."""
        centres = np.array([pose.translation for pose in self._recording.world_from_camera])
        return max(float(np.linalg.norm(np.ptp(centres, axis=0))), 1e-6)

    def _bootstrap(self, residuals: FloatArray, jacobian: FloatArray, seed: int = 0) -> FloatArray:
        """How the answer would have moved [B, P] with other frames: drawn with repeats, a pair counts as often as both.

        One Gauss-Newton step each from the answer; pairs that share a frame share its error, so pairs alone, drawn
        one by one, would promise too much.
        """
        rng = np.random.default_rng(seed)
        weight = 1.0 / (1.0 + residuals**2)
        groups, count = self._evidence.groups, self._evidence.group_count
        size = jacobian.shape[1]
        normal, right = np.zeros((count, size, size)), np.zeros((count, size))
        np.add.at(normal, groups, weight[:, None, None] * jacobian[:, :, None] * jacobian[:, None, :])
        np.add.at(right, groups, weight[:, None] * jacobian * residuals[:, None])
        frames = len(self._recording.frames)
        first, second = self._evidence.group_frames.T
        moves = []
        for _ in range(BOOTSTRAPS):
            drawn = np.bincount(rng.integers(0, frames, frames), minlength=frames).astype(float)
            share = drawn[first] * drawn[second]
            matrix = np.tensordot(share, normal, 1)
            if np.linalg.matrix_rank(matrix) == size:
                moves.append(-np.linalg.solve(matrix, share @ right))
        return np.array(moves) if moves else np.full((1, size), np.nan)
