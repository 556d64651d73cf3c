# SPDX-License-Identifier: Apache-2.0
"""Other readings of a data set's poses, one for each mistake that is commonly made when such files are written.

They are told in the terms of the layout, so that its user knows what is wrong in the files: what is right for one
layout is a mistake in another. ``checking.conventions`` does the same for an arm's pose stream.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from eschernet_ros.datasets.pose_forms import LAYOUT_FORMS, POSE_FORMS, REREADABLE, PoseForm, taken_for
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, franka16_poses, world_from_camera_optical

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reading:
    """Another reading of all poses.

    Attributes:
        mistake: what would be wrong in the files, as the end of a sentence that begins with "it looks as if".
        fix: what to do about it, a sentence of its own without its full stop.
        world_from_camera: one ``world_from_camera_optical`` a view, read that way.
    """

    mistake: str
    fix: str
    world_from_camera: tuple[SE3, ...]


def matrix_readings(poses: Sequence[SE3], layout: str) -> Iterator[Reading]:
    """Readings of stored matrices: another form, transposed, mixed up.

    Args:
        poses: ``camera_gl_from_world`` as they were read.
        layout: the layout's name. One whose files store no matrices has none of these.
    """
    expected = POSE_FORMS.get(LAYOUT_FORMS.get(layout, ""))
    if expected is None:
        return
    for form in POSE_FORMS.values():
        if form is expected:
            continue
        yield Reading(
            f"the files hold {form.words}, where the layout {layout} stores {expected.words}",
            _conversion(form, expected, layout),
            _optical(taken_for(pose, expected, form) for pose in poses),
        )
    stored = [expected.stored(pose) for pose in poses]
    for mistake, fix, changed in (
        (
            "the rotations are transposed, the translations are right",
            "Transpose the rotations: they were written by a library that stores columns first",
            [_with(pose.rotation.inv(), pose.translation) for pose in stored],
        ),
        (
            "the rotations are right, the translations are those of the inverse",
            "Store the camera's centre as the translation"
            if expected.camera_to_world
            else "Store -R times the camera's centre as the translation",
            [_with(pose.rotation, -(pose.matrix[:3, :3] @ pose.translation)) for pose in stored],
        ),
    ):
        yield Reading(mistake, fix, _optical(expected.pose(pose) for pose in changed))
    if layout == "colmap":
        yield Reading(
            "the quaternions are in the order x, y, z, w, where COLMAP stores w, x, y, z",
            "Reorder them to w, x, y, z",
            _optical(expected.pose(_reordered(pose)) for pose in stored),
        )


def angle_readings(angles: FloatArray, name: str = "angles.npy") -> Iterator[Reading]:
    """Readings of azimuth and elevation [N, 2]: degrees, exchanged columns, other signs, the polar angle.

    Args:
        angles: as stored; the layout wants radians.
        name: of the file they are in.
    """
    azimuth, elevation = angles[:, 0], angles[:, 1]
    right = math.pi / 2
    for mistake, fix, columns in (
        ("the angles of {} are in degrees", "Convert both columns to radians", np.radians([azimuth, elevation])),
        ("the azimuths of {} are in degrees", "Convert the first column to radians", [np.radians(azimuth), elevation]),
        (
            "the elevations of {} are in degrees",
            "Convert the second column to radians",
            [azimuth, np.radians(elevation)],
        ),
        ("the columns of {} are exchanged", "Store (azimuth, elevation)", [elevation, azimuth]),
        (
            "the columns of {} are exchanged and in degrees",
            "Store (azimuth, elevation) in radians",
            np.radians([elevation, azimuth]),
        ),
        (
            "the angles of {} were converted from degrees to radians twice",
            "Leave one conversion out",
            np.degrees([azimuth, elevation]),
        ),
        ("the azimuths of {} run clockwise", "Change the sign of the first column", [-azimuth, elevation]),
        ("the elevations of {} are positive downwards", "Change the sign of the second column", [azimuth, -elevation]),
        (
            "the second column of {} is the polar angle from the z axis",
            "Store 90 deg minus it, the elevation",
            [azimuth, right - elevation],
        ),
        (
            "the second column of {} is the polar angle from the z axis, and both are in degrees",
            "Store the azimuth and 90 deg minus the polar angle, in radians",
            [np.radians(azimuth), right - np.radians(elevation)],
        ),
    ):
        try:
            poses = franka16_poses(np.column_stack(list(columns)))
        except EscherNetError:  # elevations beyond the poles: it cannot have been meant so
            continue
        yield Reading(mistake.format(name), fix, _optical(poses))


def load_angles(path: Path) -> FloatArray | None:
    """The angles [N, 2] of a file; None where it holds no such thing."""
    try:
        angles = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if not isinstance(angles, np.ndarray) or angles.ndim != 2 or angles.shape[1] != 2 or angles.dtype.kind not in "fiu":
        return None
    values = angles.astype(np.float64)
    return values if np.isfinite(values).all() else None


def _optical(poses: Iterable[SE3]) -> tuple[SE3, ...]:
    return tuple(world_from_camera_optical(pose) for pose in poses)


def _with(rotation: Rotation, translation: FloatArray) -> SE3:
    return SE3.from_rotation_translation(rotation, translation)


def _reordered(pose: SE3) -> SE3:
    """The pose of a quaternion x, y, z, w that was read as w, x, y, z."""
    x, y, z, w = pose.quaternion_xyzw
    return SE3.from_quaternion_xyzw([w, x, y, z], pose.translation)


def _conversion(true: PoseForm, expected: PoseForm, layout: str) -> str:
    """What makes a matrix of form ``true`` one of form ``expected``, and the command that does it, if there is one."""
    steps = []
    if true.opencv_axes != expected.opencv_axes:
        steps.append(f"negate the second and third {'columns' if true.camera_to_world else 'rows'} of every matrix")
    if true.camera_to_world != expected.camera_to_world:
        steps.append("invert it" if steps else "invert every matrix")
    text = ", then ".join(steps)
    text = text[0].upper() + text[1:]
    if layout not in REREADABLE:
        return text
    return f"{text}; `eschernet-ros dataset convert SRC DST --to FORMAT --poses-are {true.name}` does that"
