# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms. Rotation arithmetic is scipy's; this file adds the translation and the checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from eschernet_ros.errors import EscherNetError

FloatArray = NDArray[np.float64]

ROTATION_TOLERANCE = 1e-3
"""Largest accepted entry of |R R^T - I|: a matrix printed with three decimals still passes."""

EXACT_ROTATION = 1e-12
"""Below this deviation a rotation is kept bit for bit; above it, it is moved to the nearest rotation."""

QUATERNION_TOLERANCE = 1e-2
"""Largest accepted deviation of a quaternion's norm from 1 (it is normalised afterwards)."""

_BOTTOM_ROW = np.array([0.0, 0.0, 0.0, 1.0])
_IDENTITY3 = np.eye(3)


class PoseError(EscherNetError):
    """A matrix, quaternion or vector that does not describe a rigid transform."""


@dataclass(frozen=True, eq=False, repr=False)
class SE3:
    """A rigid transform (rotation, then translation) of 3D space, stored as a read-only 4x4 matrix.

    A transform named ``a_from_b`` maps coordinates in frame ``b`` to coordinates in frame ``a``, so chains
    read from right to left: ``a_from_c = a_from_b @ b_from_c`` and ``points_a = a_from_b @ points_b``.

    Args:
        matrix: [4, 4] homogeneous matrix, translation in metres unless the name says model units. It is
            copied. A rotation part within `ROTATION_TOLERANCE` of orthonormal is moved to the nearest
            rotation, so that products of accepted transforms stay rigid.

    Raises:
        PoseError: wrong shape, not finite, bottom row not (0, 0, 0, 1), scaled, mirrored or sheared.
    """

    matrix: FloatArray

    def __post_init__(self) -> None:
        matrix = np.array(_numbers(self.matrix, "pose matrix"))
        if matrix.shape != (4, 4):
            raise PoseError(
                f"a pose matrix must have shape (4, 4), this one has {matrix.shape}; "
                "SE3.from_matrix also takes (3, 4), SE3.from_rotation_translation takes (3, 3) and (3,)"
            )
        if not np.array_equal(matrix[3], _BOTTOM_ROW):
            _check_bottom_row(matrix)
            matrix[3] = _BOTTOM_ROW
        matrix[:3, :3] = _nearest_rotation(matrix[:3, :3])
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    # Constructors

    @classmethod
    def identity(cls) -> SE3:
        """The transform that changes nothing."""
        return cls._trusted(np.eye(4))

    @classmethod
    def from_matrix(cls, matrix: ArrayLike) -> SE3:
        """From a [4, 4] homogeneous matrix, or its upper [3, 4] part.

        Raises:
            PoseError: as the constructor.
        """
        values = _numbers(matrix, "pose matrix")
        if values.shape == (3, 4):
            values = np.vstack([values, _BOTTOM_ROW])
        return cls(values)

    @classmethod
    def from_rotation_translation(cls, rotation: Rotation | ArrayLike, translation: ArrayLike) -> SE3:
        """From a single scipy Rotation or a [3, 3] rotation matrix, and a [3] translation.

        Raises:
            PoseError: wrong shapes, values not finite, or a matrix that is no rotation.
        """
        if isinstance(rotation, Rotation):
            if not rotation.single:
                raise PoseError(f"one rotation is needed, this is a stack of {len(rotation)}")
            rotation_matrix = rotation.as_matrix()
        else:
            values = _numbers(rotation, "rotation matrix")
            if values.shape != (3, 3):
                raise PoseError(f"a rotation matrix must have shape (3, 3), this one has {values.shape}")
            rotation_matrix = _nearest_rotation(values)
        return cls._trusted(_assemble(rotation_matrix, _vector(translation, 3, "translation")))

    @classmethod
    def from_quaternion_xyzw(cls, quaternion: ArrayLike, translation: ArrayLike) -> SE3:
        """From a quaternion in ROS order (x, y, z, w) and a [3] translation; the norm may be off by 1 %.

        Raises:
            PoseError: wrong shapes, values not finite, a zero quaternion or one far from norm 1.
        """
        values = _vector(quaternion, 4, "quaternion")
        norm = float(np.linalg.norm(values))
        if abs(norm - 1.0) > QUATERNION_TOLERANCE:
            hint = (
                "the message was never filled in"
                if norm == 0.0
                else "the order is x, y, z, w, and a rotation has norm 1"
            )
            raise PoseError(f"quaternion {values.tolist()} has norm {norm:.6g} instead of 1: {hint}")
        rotation = Rotation.from_quat(values)
        return cls._trusted(_assemble(rotation.as_matrix(), _vector(translation, 3, "translation")))

    @classmethod
    def from_rotvec(cls, rotvec: ArrayLike, translation: ArrayLike) -> SE3:
        """From a rotation vector (axis times angle, radians, [3]) and a [3] translation.

        Raises:
            PoseError: wrong shapes or values not finite.
        """
        rotation = Rotation.from_rotvec(_vector(rotvec, 3, "rotation vector"))
        return cls._trusted(_assemble(rotation.as_matrix(), _vector(translation, 3, "translation")))

    @classmethod
    def _trusted(cls, matrix: FloatArray) -> SE3:
        """Wrap a fresh matrix that is rigid by construction."""
        matrix.setflags(write=False)
        transform = object.__new__(cls)
        object.__setattr__(transform, "matrix", matrix)
        return transform

    # Parts

    @cached_property
    def rotation(self) -> Rotation:
        """The rotation as a scipy Rotation."""
        return Rotation.from_matrix(self.matrix[:3, :3].copy())  # scipy 1.11 takes no read-only array

    @property
    def translation(self) -> FloatArray:
        """The translation [3], read-only."""
        return self.matrix[:3, 3]

    @property
    def quaternion_xyzw(self) -> FloatArray:
        """The rotation as a unit quaternion (x, y, z, w) with w >= 0."""
        quaternion = self.rotation.as_quat()
        return -quaternion if quaternion[3] < 0.0 else quaternion

    @property
    def rotvec(self) -> FloatArray:
        """The rotation as axis times angle [3], radians, angle in [0, pi]."""
        return self.rotation.as_rotvec()

    # Arithmetic

    def inverse(self) -> SE3:
        """``b_from_a`` of ``a_from_b``."""
        rotation = self.matrix[:3, :3].T
        return SE3._trusted(_assemble(rotation, -rotation @ self.translation))

    @overload
    def __matmul__(self, other: SE3) -> SE3: ...

    @overload
    def __matmul__(self, other: ArrayLike) -> FloatArray: ...

    def __matmul__(self, other: SE3 | ArrayLike) -> SE3 | FloatArray:
        """Compose with another transform, or transform points [..., 3].

        Raises:
            PoseError: points whose last axis is not 3 (a 4x4 array is not composed by accident).
        """
        if isinstance(other, SE3):
            return SE3._trusted(self.matrix @ other.matrix)
        points = np.asarray(other, dtype=np.float64)
        if points.ndim == 0 or points.shape[-1] != 3:
            raise PoseError(
                f"an SE3 transforms points of shape [..., 3] or another SE3, not an array of shape "
                f"{points.shape}; wrap a 4x4 matrix with SE3.from_matrix first"
            )
        return points @ self.matrix[:3, :3].T + self.translation

    __array_ufunc__ = None  # so that `array @ transform` is an error instead of an object array

    def interpolate(self, other: SE3, fraction: float) -> SE3:
        """The pose ``fraction`` of the way to ``other``: shortest rotation at constant rate, straight line.

        Half-turns (angle pi) have two shortest ways; scipy's choice of axis is used.

        Raises:
            PoseError: a fraction outside 0..1 (nothing is extrapolated).
        """
        if not 0.0 <= fraction <= 1.0:
            raise PoseError(f"the interpolation fraction must lie in 0..1, it is {fraction}")
        if fraction == 0.0:
            return self
        if fraction == 1.0:
            return other
        start = self.matrix[:3, :3]
        turn = Rotation.from_matrix(start.T @ other.matrix[:3, :3]).as_rotvec()
        rotation = start @ Rotation.from_rotvec(fraction * turn).as_matrix()
        translation = (1.0 - fraction) * self.translation + fraction * other.translation
        return SE3._trusted(_assemble(rotation, translation))

    def distance_to(self, other: SE3) -> tuple[float, float]:
        """Distance between the origins (metres) and angle between the orientations (radians, 0..pi)."""
        metres = float(np.linalg.norm(other.translation - self.translation))
        turn = Rotation.from_matrix(self.matrix[:3, :3].T @ other.matrix[:3, :3])
        return metres, float(turn.magnitude())

    def is_close(self, other: SE3, atol: float = 1e-9) -> bool:
        """Whether no entry of the two matrices differs by more than ``atol``."""
        return bool(np.abs(self.matrix - other.matrix).max() <= atol)

    def __repr__(self) -> str:
        translation = ", ".join(f"{value:.4f}" for value in self.translation)
        rotvec = ", ".join(f"{value:.2f}" for value in np.degrees(self.rotvec))
        return f"SE3(translation=({translation}), rotvec_deg=({rotvec}))"

    def __reduce__(self) -> tuple[Any, ...]:
        return SE3, (np.array(self.matrix),)


def stack_matrices(poses: Iterable[SE3]) -> FloatArray:
    """The matrices of N transforms as one [N, 4, 4] array."""
    return np.array([pose.matrix for pose in poses], dtype=np.float64).reshape(-1, 4, 4)


def _assemble(rotation: FloatArray, translation: FloatArray) -> FloatArray:
    matrix = np.empty((4, 4))
    matrix[:3, :3] = rotation
    matrix[:3, 3] = translation
    matrix[3] = _BOTTOM_ROW
    return matrix


def _numbers(values: ArrayLike, name: str) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PoseError(f"a {name} must be an array of numbers: {error}") from error
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))[0].tolist()
        raise PoseError(f"the {name} is not finite: entry {bad} is {array[tuple(bad)]}")
    return array


def _vector(values: ArrayLike, length: int, name: str) -> FloatArray:
    array = _numbers(values, name)
    if array.shape != (length,):
        raise PoseError(f"a {name} must have shape ({length},), this one has {array.shape}")
    return array


def _check_bottom_row(matrix: FloatArray) -> None:
    if np.allclose(matrix[3], _BOTTOM_ROW, rtol=0.0, atol=1e-9):
        return
    if np.allclose(matrix[:, 3], _BOTTOM_ROW, rtol=0.0, atol=1e-9):
        raise PoseError(
            f"the bottom row of the pose matrix is {matrix[3].tolist()} and its last column is (0, 0, 0, 1): "
            "the matrix is transposed (libfranka and some files store columns first); pass matrix.T"
        )
    raise PoseError(f"the bottom row of a pose matrix must be (0, 0, 0, 1), it is {matrix[3].tolist()}")


def _nearest_rotation(rotation: FloatArray) -> FloatArray:
    deviation = float(np.abs(rotation @ rotation.T - _IDENTITY3).max())
    determinant = float(np.linalg.det(rotation))
    if deviation <= EXACT_ROTATION and determinant > 0.0:
        return rotation
    if deviation > ROTATION_TOLERANCE:
        raise PoseError(_not_orthonormal(rotation, deviation, determinant))
    if determinant < 0.0:
        raise PoseError(
            f"the rotation part has determinant {determinant:.6f}: it mirrors space. One axis has the wrong "
            "sign; changing between camera conventions negates two axes, never one"
        )
    u, _, vt = np.linalg.svd(rotation)
    return u @ vt


def _not_orthonormal(rotation: FloatArray, deviation: float, determinant: float) -> str:
    message = (
        f"the rotation part is not orthonormal: R R^T deviates from the identity by {deviation:.4g} "
        f"(limit {ROTATION_TOLERANCE:g}) and the determinant is {determinant:.6g}"
    )
    scale = float(np.cbrt(abs(determinant)))
    if scale > 0.0:
        unscaled = rotation / scale
        if np.abs(unscaled @ unscaled.T - _IDENTITY3).max() <= ROTATION_TOLERANCE:
            message += (
                f"; it is a rotation times {scale:.6g}. A rigid transform carries no scale: divide the 3x3 "
                "part by it, and convert millimetres to metres in the translation only"
            )
    return message
