# SPDX-License-Identifier: Apache-2.0
"""Forward kinematics by the published Denavit-Hartenberg table (Craig's convention).

The table is the manufacturer's ("Robot and interface specifications" of the Franka Control Interface
documentation); Panda and Franka Research 3 share it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

JOINTS = 7
"""Number of joints."""

DH_A = (0.0, 0.0, 0.0, 0.0825, -0.0825, 0.0, 0.088)
"""Link lengths a (metres): along the previous x axis."""

DH_D = (0.333, 0.0, 0.316, 0.0, 0.384, 0.0, 0.0)
"""Link offsets d (metres): along the joint's z axis."""

DH_ALPHA = (0.0, -np.pi / 2, np.pi / 2, np.pi / 2, -np.pi / 2, np.pi / 2, np.pi / 2)
"""Link twists alpha (radians): about the previous x axis."""

FLANGE_D = 0.107
"""The flange lies this far (metres) along the z axis of link 7."""

FLANGE_FROM_HAND_EE = SE3.from_rotvec([0.0, 0.0, -np.pi / 4], [0.0, 0.0, 0.1034])
"""End effector of the Franka hand (between the finger tips) in the flange frame: the default F_T_EE."""


def joint_vector(q: ArrayLike) -> NDArray[np.float64]:
    """Seven finite joint angles (radians) as float64 [7].

    Raises:
        EscherNetError: when there are not seven or one is not finite.
    """
    vector = np.asarray(q, dtype=np.float64)
    if vector.shape != (JOINTS,):
        raise EscherNetError(
            f"the arm has {JOINTS} joints, but the joint vector has shape {vector.shape}; pass one angle per "
            "joint in radians"
        )
    if not np.isfinite(vector).all():
        raise EscherNetError(f"joint angles must be finite, got {vector.tolist()}")
    return vector


def base_from_links(q: ArrayLike) -> NDArray[np.float64]:
    """Frames of all links for many joint vectors at once.

    Args:
        q: [..., 7] joint angles, radians.

    Returns:
        [..., 9, 4, 4] homogeneous matrices base_from_link: link 0 (the base), links 1 to 7, flange.
    """
    angles = np.asarray(q, dtype=np.float64)
    if angles.shape[-1:] != (JOINTS,):
        raise EscherNetError(f"joint angles must be [..., {JOINTS}], got shape {angles.shape}")
    frames = np.zeros((*angles.shape[:-1], JOINTS + 2, 4, 4))
    frames[..., 0, :, :] = np.eye(4)
    cos_q, sin_q = np.cos(angles), np.sin(angles)
    for i in range(JOINTS):
        cos_a, sin_a = np.cos(DH_ALPHA[i]), np.sin(DH_ALPHA[i])
        step = np.zeros((*angles.shape[:-1], 4, 4))
        step[..., 0, 0] = cos_q[..., i]
        step[..., 0, 1] = -sin_q[..., i]
        step[..., 0, 3] = DH_A[i]
        step[..., 1, 0] = sin_q[..., i] * cos_a
        step[..., 1, 1] = cos_q[..., i] * cos_a
        step[..., 1, 2] = -sin_a
        step[..., 1, 3] = -sin_a * DH_D[i]
        step[..., 2, 0] = sin_q[..., i] * sin_a
        step[..., 2, 1] = cos_q[..., i] * sin_a
        step[..., 2, 2] = cos_a
        step[..., 2, 3] = cos_a * DH_D[i]
        step[..., 3, 3] = 1.0
        frames[..., i + 1, :, :] = frames[..., i, :, :] @ step
    frames[..., JOINTS + 1, :, :] = frames[..., JOINTS, :, :]
    frames[..., JOINTS + 1, :3, 3] += FLANGE_D * frames[..., JOINTS, :3, 2]
    return frames


def forward_kinematics(q: ArrayLike) -> SE3:
    """Pose of the flange, ``base_from_flange``.

    Args:
        q: [7] joint angles, radians.

    Raises:
        EscherNetError: when there are not seven finite angles.
    """
    return SE3.from_matrix(base_from_links(joint_vector(q))[-1])


def link_frames(q: ArrayLike) -> tuple[SE3, ...]:
    """Poses ``base_from_link`` of link 0 (the base), links 1 to 7 and the flange, at ``q`` [7] (radians)."""
    return tuple(SE3.from_matrix(frame) for frame in base_from_links(joint_vector(q)))


def flange_jacobian(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geometric Jacobian of the flange in the base frame.

    Args:
        frames: [..., 9, 4, 4] from ``base_from_links``.

    Returns:
        [..., 6, 7]: rows are linear velocity (m/rad) then angular velocity (rad/rad).
    """
    axes = frames[..., 1 : JOINTS + 1, :3, 2]
    lever = frames[..., JOINTS + 1, None, :3, 3] - frames[..., 1 : JOINTS + 1, :3, 3]
    return np.swapaxes(np.concatenate([np.cross(axes, lever), axes], axis=-1), -1, -2)
