# SPDX-License-Identifier: Apache-2.0
"""The ways in which poses are commonly misread, as alternatives to be tried.

Wrong axes, inverted transforms, millimetres, degrees, a quaternion in another order, a calibration anchored to the
flange: each turns the given poses into others, and the one that fits the pictures is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from eschernet_ros.checking.recording import ArmPoses, CheckRecording
from eschernet_ros.geometry import GL_FROM_OPTICAL, SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE

BODY_FROM_OPTICAL = SE3(np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]))
"""Optical axes (x right, y down, z forward) in a body frame (x forward, y left, z up), REP 103."""


@dataclass(frozen=True, eq=False)
class Alternative:
    """Another reading of the same poses.

    Attributes:
        cause: what would have gone wrong, as the end of a sentence that begins with "it looks as if".
        remedy: what to do about it.
        world_from_camera: the poses read that way.
    """

    cause: str
    remedy: str
    world_from_camera: tuple[SE3, ...]


def alternatives(recording: CheckRecording) -> Iterator[Alternative]:
    """All alternative readings, one after the other."""
    if recording.arm is not None and recording.stamps_ns is not None:
        yield from _of_arm(recording.arm, recording.stamps_ns)
    else:
        yield from _of_poses(recording.world_from_camera)


def _of_poses(poses: Sequence[SE3]) -> Iterator[Alternative]:
    inverted = [pose.inverse() for pose in poses]
    as_optical = "convert the poses to optical axes (x right, y down, z forward)"
    for cause, remedy, readings in (
        ("the poses are inverted: world-to-camera where camera-to-world is expected", "invert the poses", inverted),
        ("the cameras' axes are OpenGL's (y up, looking along -z)", as_optical, [p @ GL_FROM_OPTICAL for p in poses]),
        (
            "the poses are inverted and the cameras' axes are OpenGL's",
            "invert the poses, then " + as_optical,
            [p @ GL_FROM_OPTICAL for p in inverted],
        ),
        (
            "the poses are those of a body frame (x forward, z up; camera_link), not of the optical frame",
            "use the optical frame: camera_color_optical_frame",
            [p @ BODY_FROM_OPTICAL for p in poses],
        ),
        (
            "the poses are inverted and those of a body frame",
            "invert the poses and use the optical frame",
            [p @ BODY_FROM_OPTICAL for p in inverted],
        ),
        (
            "the rotations are transposed, the positions are right",
            "transpose the rotations (a file or library that stores columns first)",
            [_from(p.rotation.inv(), p.translation) for p in poses],
        ),
        (
            "the translations are those of world-to-camera, the rotations those of camera-to-world",
            "use -R t as the position",
            [_from(p.rotation, -(p.matrix[:3, :3] @ p.translation)) for p in poses],
        ),
        ("the positions are in millimetres", "divide the positions by 1000", [_scaled(p, 1e-3) for p in poses]),
        (
            "the positions were divided by 1000 once too often",
            "give the positions in metres",
            [_scaled(p, 1e3) for p in poses],
        ),
    ):
        yield Alternative(cause, remedy, tuple(readings))
    angles = np.array([np.linalg.norm(p.rotvec) for p in poses])
    if len(poses) and angles.max() < np.radians(3.3):
        yield Alternative(
            "the angles are radians that were converted from degrees once too often",
            "leave that conversion out",
            tuple(_from(Rotation.from_rotvec(np.degrees(p.rotvec)), p.translation) for p in poses),
        )


def _of_arm(arm: ArmPoses, stamps_ns: Sequence[int]) -> Iterator[Alternative]:
    hand_eye = arm.ee_from_camera_optical
    bases = [arm.track.at(stamp) for stamp in stamps_ns]
    for cause, remedy, reading in _hand_eyes(hand_eye):
        yield Alternative(cause, remedy, tuple(base @ reading for base in bases))
    for cause, remedy, readings in (
        (
            "the arm's poses are inverted: end-effector-from-base where base-from-end-effector is expected",
            "publish O_T_EE, not its inverse",
            [base.inverse() for base in bases],
        ),
        ("the arm's positions are in millimetres", "publish metres", [_scaled(base, 1e-3) for base in bases]),
        ("the arm's rotations are transposed", "libfranka stores columns first", [_transposed(b) for b in bases]),
    ):
        yield Alternative(cause, remedy, tuple(base @ hand_eye for base in readings))


def _hand_eyes(hand_eye: SE3) -> Iterator[tuple[str, str, SE3]]:
    """Other readings of a hand-eye transform."""
    x, y, z, w = hand_eye.quaternion_xyzw
    turn, position = hand_eye.rotation, hand_eye.translation
    yield (
        "the hand-eye transform is inverted: end effector in the camera's frame where the camera in the end "
        "effector's is expected",
        "invert it",
        hand_eye.inverse(),
    )
    yield (
        "the hand-eye transform is that of camera_link (x forward), not of the optical frame",
        "multiply it with the transform from camera_link to camera_color_optical_frame",
        hand_eye @ BODY_FROM_OPTICAL,
    )
    yield (
        "the hand-eye transform's camera has OpenGL axes (y up, looking along -z)",
        "turn it by 180 degrees about x",
        hand_eye @ GL_FROM_OPTICAL,
    )
    yield (
        "the camera is mounted upside down compared with the hand-eye transform",
        "turn it by 180 degrees about the optical axis, or calibrate again (a symmetric board has this ambiguity)",
        hand_eye @ SE3.from_rotvec([0.0, 0.0, np.pi], [0.0, 0.0, 0.0]),
    )
    yield (
        "the hand-eye quaternion is in the order w, x, y, z and was read as x, y, z, w",
        "reorder it to x, y, z, w",
        SE3.from_quaternion_xyzw([y, z, w, x], position),
    )
    yield (
        "the hand-eye quaternion is in the order x, y, z, w and was read as w, x, y, z",
        "read it as x, y, z, w",
        SE3.from_quaternion_xyzw([w, x, y, z], position),
    )
    yield ("the hand-eye translation is in millimetres", "divide it by 1000", _scaled(hand_eye, 1e-3))
    yield ("the hand-eye translation was divided by 1000 once too often", "multiply it by 1000", _scaled(hand_eye, 1e3))
    yield (
        "the hand-eye transform starts at the flange, but the arm's poses are those of the hand's end effector",
        "multiply it with the inverse of F_T_EE",
        FLANGE_FROM_HAND_EE.inverse() @ hand_eye,
    )
    yield (
        "the hand-eye transform starts at the hand's end effector, but the arm's poses are those of the flange",
        "multiply F_T_EE with it",
        FLANGE_FROM_HAND_EE @ hand_eye,
    )
    angle = float(np.linalg.norm(hand_eye.rotvec))
    if 1e-6 < angle < np.radians(3.3):
        yield (
            "the hand-eye angles are radians that were converted from degrees once too often",
            "leave that conversion out",
            _from(Rotation.from_rotvec(np.degrees(hand_eye.rotvec)), position),
        )
    if angle > 1e-6:
        axis = turn.as_rotvec() / angle
        for winding in range(-29, 30):
            degrees = angle + 2.0 * np.pi * winding
            if 4.0 < abs(degrees) <= 180.0:
                yield (
                    "the hand-eye rotation vector is in degrees and was read as radians",
                    "convert it to radians",
                    _from(Rotation.from_rotvec(np.radians(degrees) * axis), position),
                )


def _from(rotation: Rotation, translation: np.ndarray) -> SE3:
    return SE3.from_rotation_translation(rotation, translation)


def _scaled(pose: SE3, factor: float) -> SE3:
    return SE3.from_rotation_translation(pose.matrix[:3, :3], pose.translation * factor)


def _transposed(pose: SE3) -> SE3:
    return _from(pose.rotation.inv(), pose.translation)
