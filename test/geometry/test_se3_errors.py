# SPDX-License-Identifier: Apache-2.0
"""What is not a rigid transform is refused with a sentence that helps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PoseError


def _pose() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec([0.3, -0.7, 1.1]).as_matrix()
    matrix[:3, 3] = [0.4, 0.5, 0.6]
    return matrix


def test_pose_errors_are_the_librarys_errors() -> None:
    assert issubclass(PoseError, EscherNetError)


@pytest.mark.parametrize("shape", [(3, 3), (16,), (4, 3), (2, 4, 4), ()])
def test_wrong_shapes_are_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(PoseError, match=r"must have shape \(4, 4\), this one has"):
        SE3.from_matrix(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_named_with_their_place(value: float) -> None:
    matrix = _pose()
    matrix[1, 3] = value
    with pytest.raises(PoseError, match=rf"not finite: entry \[1, 3\] is {value}"):
        SE3(matrix)
    with pytest.raises(PoseError, match="translation is not finite"):
        SE3.from_rotvec([0, 0, 0], [0, value, 0])


def test_words_are_not_numbers() -> None:
    with pytest.raises(PoseError, match="must be an array of numbers"):
        SE3.from_matrix([["a"] * 4] * 4)


def test_a_transposed_matrix_is_suspected() -> None:
    with pytest.raises(PoseError, match=r"the matrix is transposed .* pass matrix.T"):
        SE3(_pose().T)


def test_a_bottom_row_that_is_neither_is_shown() -> None:
    matrix = _pose()
    matrix[3, 3] = 2.0
    with pytest.raises(PoseError, match=r"must be \(0, 0, 0, 1\), it is \[0.0, 0.0, 0.0, 2.0\]"):
        SE3(matrix)


@pytest.mark.parametrize("scale", [1000.0, 0.001, 0.9])
def test_a_scaled_matrix_names_its_scale_and_the_remedy(scale: float) -> None:
    matrix = _pose()
    matrix[:3] *= scale
    with pytest.raises(PoseError, match=rf"a rotation times {scale:g}\. .*millimetres to metres in the trans"):
        SE3(matrix)


def test_a_sheared_matrix_names_deviation_and_determinant_but_no_scale() -> None:
    matrix = _pose()
    matrix[0, 1] += 0.05
    with pytest.raises(PoseError, match=r"deviates from the identity by 0.\d+ .* determinant is") as caught:
        SE3(matrix)
    assert "scale" not in str(caught.value)


def test_a_singular_matrix_names_its_determinant() -> None:
    with pytest.raises(PoseError, match="determinant is 0"):
        SE3.from_rotation_translation(np.zeros((3, 3)), np.zeros(3))


def test_a_mirrored_matrix_is_no_rotation() -> None:
    matrix = _pose()
    matrix[0, :3] *= -1.0
    with pytest.raises(PoseError, match=r"determinant -1.0+: it mirrors space"):
        SE3(matrix)


def test_quaternions_that_are_none() -> None:
    with pytest.raises(PoseError, match=r"norm 0 instead of 1: the message was never filled in"):
        SE3.from_quaternion_xyzw([0, 0, 0, 0], [0, 0, 0])
    with pytest.raises(PoseError, match=r"norm 2 .* the order is x, y, z, w"):
        SE3.from_quaternion_xyzw([0, 0, 0, 2], [0, 0, 0])
    with pytest.raises(PoseError, match=r"quaternion must have shape \(4,\)"):
        SE3.from_quaternion_xyzw([0, 0, 1], [0, 0, 0])


def test_a_quaternion_typed_by_hand_is_normalised() -> None:
    pose = SE3.from_quaternion_xyzw([0.0, 0.0, 0.707, 0.707], [0, 0, 0])
    assert pose.rotvec == pytest.approx([0.0, 0.0, np.pi / 2])


def test_stacks_of_rotations_and_wrong_vectors_are_refused() -> None:
    with pytest.raises(PoseError, match="a stack of 3"):
        SE3.from_rotation_translation(Rotation.identity(3), [0, 0, 0])
    with pytest.raises(PoseError, match=r"translation must have shape \(3,\), this one has \(4,\)"):
        SE3.from_rotation_translation(np.eye(3), [0, 0, 0, 1])
    with pytest.raises(PoseError, match=r"rotation matrix must have shape \(3, 3\)"):
        SE3.from_rotation_translation(np.eye(4), [0, 0, 0])


def test_a_raw_matrix_is_not_taken_for_points_nor_multiplied_from_the_left() -> None:
    with pytest.raises(PoseError, match=r"shape \(4, 4\); wrap a 4x4 matrix with SE3.from_matrix"):
        SE3.identity() @ np.eye(4)
    with pytest.raises(TypeError):
        np.eye(4) @ SE3.identity()
