# SPDX-License-Identifier: Apache-2.0
"""Which turns the samples hold, and which are still missing: hand-eye calibration lives on turns about several axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.geometry.se3 import FloatArray

WANTED_DEG = (40.0, 40.0, 60.0)
"""Turns wanted between the two samples farthest apart, about the camera's x, y and z axis (tilt, swing, roll)."""
WANTED_SAMPLES = 12
LEAST_SAMPLES = 4
LEAST_SECOND_AXIS_DEG = 4.0
"""Mean turn about a second axis below which nothing is calibrated."""

AXES = ("horizontal", "vertical", "viewing")
"""The camera's x, y and z axis in words."""

_HOW_IN_HAND = (
    "move the camera up or down around the board, so that it looks at it from above or below",
    "move the camera to the side around the board, so that it looks at it from the left or the right",
    "roll the camera about its viewing axis",
)
_HOW_TO_HAND = (
    "tilt the board forwards or backwards, as the camera sees it",
    "swing the board to the left or the right, as the camera sees it",
    "roll the board in the picture",
)


class TooFewRotationsError(EscherNetError):
    """The samples do not hold the turns that a calibration needs; the message names those that are missing."""


@dataclass(frozen=True)
class Diversity:
    """Turns between the samples, as the camera sees them.

    Attributes:
        samples: their number.
        spans_deg: largest turn between two samples about the camera's x, y, z axis. Every pair counts: between a view
            from the side and a rolled one there is a turn about the third axis, which the calibration lives on as well.
        second_axis_deg: mean turn (root of the mean square over pairs) about the axis with the second most turning.
        main_axis: unit vector [3] in the optical frame about which there is the most turning.
        eye_in_hand: the camera moves; otherwise the board does.
    """

    samples: int
    spans_deg: tuple[float, float, float]
    second_axis_deg: float
    main_axis: tuple[float, float, float]
    eye_in_hand: bool

    @property
    def missing(self) -> tuple[int, ...]:
        """Axes (0, 1, 2) with less turning than wanted, the most wanting first."""
        shares = [span / wanted for span, wanted in zip(self.spans_deg, WANTED_DEG, strict=True)]
        return tuple(sorted((axis for axis in range(3) if shares[axis] < 1.0), key=lambda axis: shares[axis]))

    @property
    def complete(self) -> bool:
        """Whether nothing more is wanted."""
        return not self.missing and self.second_axis_deg >= LEAST_SECOND_AXIS_DEG and self.samples >= WANTED_SAMPLES

    def sentence(self) -> str:
        """What there is and what should come next."""
        have = ", ".join(
            f"{span:.0f} deg about the {name} axis" for span, name in zip(self.spans_deg, AXES, strict=True)
        )
        text = f"{self.samples} sample{'s' if self.samples != 1 else ''}: turned by {have}. "
        if self.samples < 2:
            return text + "Next, turn the arm to another view of the board"
        if self.missing:
            axis = self.missing[0]
            how = (_HOW_IN_HAND if self.eye_in_hand else _HOW_TO_HAND)[axis]
            lack = WANTED_DEG[axis] - self.spans_deg[axis]
            return text + (
                f"Missing: {lack:.0f} deg about the {AXES[axis]} axis ({WANTED_DEG[axis]:.0f} are wanted). Next, {how}"
            )
        if self.second_axis_deg < LEAST_SECOND_AXIS_DEG:
            return text + "But all turns are about one slanting axis. Next, turn about one axis at a time"
        if self.samples < WANTED_SAMPLES:
            return text + f"Every turn is there; {WANTED_SAMPLES - self.samples} more samples would make it good"
        return text + "Every turn is there, and there are samples enough"


def diversity(camera_from_board: Sequence[SE3], eye_in_hand: bool = True) -> Diversity:
    """Measure the turns of samples by the board's poses in the camera."""
    if len(camera_from_board) < 2:
        return Diversity(len(camera_from_board), (0.0, 0.0, 0.0), 0.0, (0.0, 0.0, 1.0), eye_in_hand)
    turns = _turns(camera_from_board)
    spans = np.degrees(np.abs(turns).max(axis=0))
    values, vectors = np.linalg.eigh(turns.T @ turns / len(turns))
    x, y, z = vectors[:, 2]
    return Diversity(
        len(camera_from_board),
        (float(spans[0]), float(spans[1]), float(spans[2])),
        float(np.degrees(np.sqrt(max(values[1], 0.0)))),
        (float(x), float(y), float(z)),
        eye_in_hand,
    )


def check_diversity(camera_from_board: Sequence[SE3], eye_in_hand: bool = True) -> Diversity:
    """Measure the turns, and refuse samples that cannot be calibrated from.

    Raises:
        TooFewRotationsError: too few samples, hardly any turning, or turning about one axis only.
    """
    measured = diversity(camera_from_board, eye_in_hand)
    if measured.samples < LEAST_SAMPLES:
        raise TooFewRotationsError(
            f"{measured.samples} samples with the board in sight are too few: at least {LEAST_SAMPLES} are needed, "
            f"{WANTED_SAMPLES} are good"
        )
    what = "camera" if eye_in_hand else "board"
    how = _HOW_IN_HAND if eye_in_hand else _HOW_TO_HAND
    largest = max(measured.spans_deg)
    if largest < 2.0 * LEAST_SECOND_AXIS_DEG:
        raise TooFewRotationsError(
            f"the {what} was turned by at most {largest:.1f} deg between the samples, so its place cannot be found: "
            f"turns about the horizontal, the vertical and the viewing axis are missing. For example, {how[0]}"
        )
    if measured.second_axis_deg < LEAST_SECOND_AXIS_DEG:
        axis = int(np.argmax(np.abs(measured.main_axis)))
        aligned = abs(measured.main_axis[axis]) > 0.9
        name = f"the {AXES[axis]} axis" if aligned else "one slanting axis"
        others = [i for i in range(3) if i != axis]
        raise TooFewRotationsError(
            f"the {what} was turned about {name} only (by {measured.second_axis_deg:.1f} deg on average about any "
            "other), so its place along that axis cannot be found: turns about the "
            f"{AXES[others[0]]} and the {AXES[others[1]]} axis are missing. Take more samples: {how[others[0]]}, and "
            f"{how[others[1]]}"
        )
    return measured


def _turns(poses: Sequence[SE3]) -> FloatArray:
    """Rotation vectors [pairs, 3] (radians, optical frame) that lead from sample to sample."""
    rotations = np.stack([pose.matrix[:3, :3] for pose in poses])
    first, second = np.triu_indices(len(poses), 1)
    return np.asarray(Rotation.from_matrix(rotations[second] @ np.swapaxes(rotations[first], -1, -2)).as_rotvec())
