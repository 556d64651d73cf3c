# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import (
    FLANGE_FROM_HAND_EE,
    PANDA_LIMITS,
    base_from_links,
    flange_jacobian,
    forward_kinematics,
    link_frames,
)

REAL = Path(__file__).parents[2].parent / "shared/data/kvasios_franka_joints/captured-data"

joints = st.tuples(*(st.floats(low, high) for low, high in zip(PANDA_LIMITS.lower, PANDA_LIMITS.upper, strict=True)))


def test_flange_of_the_stretched_arm_adds_up_the_published_lengths():
    flange = forward_kinematics(np.zeros(7))
    np.testing.assert_allclose(flange.translation, [0.088, 0, 0.333 + 0.316 + 0.384 - 0.107], atol=1e-12)
    np.testing.assert_allclose(flange.matrix[:3, :3], np.diag([1.0, -1.0, -1.0]), atol=1e-12)


def test_hand_of_the_ready_pose_is_where_the_manufacturer_puts_it():
    ready = [0, -np.pi / 4, 0, -3 * np.pi / 4, 0, np.pi / 2, np.pi / 4]
    base_from_ee = forward_kinematics(ready) @ FLANGE_FROM_HAND_EE
    np.testing.assert_allclose(base_from_ee.translation, [0.30689, 0.0, 0.48688], atol=1e-5)
    np.testing.assert_allclose(base_from_ee.matrix[:3, :3], np.diag([1.0, -1.0, -1.0]), atol=1e-12)


@pytest.mark.skipif(not REAL.is_dir(), reason="the recorded robot samples are not beside this checkout")
def test_recorded_robot_poses_are_reproduced_to_the_printed_digits():
    samples = [json.loads(file.read_text()) for file in sorted(REAL.glob("pose_*/data.json"))]
    assert len(samples) == 12
    for sample in samples:
        recorded = np.reshape(sample["O_T_EE"], (4, 4))
        flange = forward_kinematics(sample["joint_pose"])
        computed = (flange @ FLANGE_FROM_HAND_EE).matrix
        np.testing.assert_allclose(computed[:3, 3], recorded[:3, 3], atol=1e-9)
        np.testing.assert_allclose(computed[:3, :3], recorded[:3, :3], atol=1e-5)
        # The controller holds the -45 deg with four digits; with the same four the rotation is as exact.
        turn = np.array([[0.7071, 0.7071, 0.0], [-0.7071, 0.7071, 0.0], [0.0, 0.0, 1.0]])
        np.testing.assert_allclose(flange.matrix[:3, :3] @ turn, recorded[:3, :3], atol=3e-8)


@given(joints)
@settings(deadline=None, max_examples=25)
def test_neighbouring_links_stay_their_distance_apart(q):
    frames = link_frames(q)
    gaps = [frames[i].distance_to(frames[i + 1])[0] for i in range(8)]
    expected = [0.333, 0, 0.316, 0.0825, np.hypot(0.0825, 0.384), 0, 0.088, 0.107]
    np.testing.assert_allclose(gaps, expected, atol=1e-12)
    assert frames[0].is_close(SE3.identity())
    assert frames[-1].is_close(forward_kinematics(q))


@given(joints)
@settings(deadline=None, max_examples=25)
def test_jacobian_is_the_derivative_of_the_flange(q):
    q = np.array(q)
    step = 1e-6
    jacobian = flange_jacobian(base_from_links(q))
    for j in range(7):
        shift = np.zeros(7)
        shift[j] = step
        after, before = forward_kinematics(q + shift), forward_kinematics(q - shift)
        linear = (after.translation - before.translation) / (2 * step)
        angular = (after.rotation * before.rotation.inv()).as_rotvec() / (2 * step)
        np.testing.assert_allclose(jacobian[:, j], np.concatenate([linear, angular]), atol=1e-8)


def test_many_joint_vectors_at_once_equal_one_by_one():
    q = np.random.default_rng(0).uniform(-1, 1, (2, 3, 7))
    stacked = base_from_links(q)
    assert stacked.shape == (2, 3, 9, 4, 4)
    np.testing.assert_array_equal(stacked[1, 2], base_from_links(q[1, 2]))


@pytest.mark.parametrize(
    ("q", "sentence"), [([0.0] * 6, "7 joints"), ([0.0] * 6 + [np.nan], "finite"), ([[0.0] * 7], "shape")]
)
def test_bad_joint_vectors_are_refused(q, sentence):
    with pytest.raises(EscherNetError, match=sentence):
        forward_kinematics(q)
