# SPDX-License-Identifier: Apache-2.0
"""The record of a state: everything comes back, and what is no pose is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from eschernet_ros.arms.franka_state import decode, encode
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, forward_kinematics

Q = (0.1, -0.5, 0.3, -2.0, 0.2, 1.7, 0.8)


def robot_state(base_from_ee: np.ndarray, flange_from_ee: np.ndarray, q: tuple[float, ...] = Q) -> SimpleNamespace:
    """A state as pylibfranka gives it: matrices by columns."""
    return SimpleNamespace(
        time=SimpleNamespace(to_sec=lambda: 123.456),
        robot_mode="RobotMode.UserStopped",
        q=list(q),
        dq=[0.1] * 7,
        tau_J=[2.0] * 7,
        O_T_EE=base_from_ee.T.ravel().tolist(),
        F_T_EE=flange_from_ee.T.ravel().tolist(),
    )


def test_everything_comes_back() -> None:
    base_from_ee = forward_kinematics(Q) @ FLANGE_FROM_HAND_EE
    source = robot_state(base_from_ee.matrix.astype(np.float32), FLANGE_FROM_HAND_EE.matrix)
    state = decode(encode(source, 1_800_000_000_123_456_789, 7, 3, 1))
    assert (state.stamp_ns, state.robot_time_ms) == (1_800_000_000_123_456_789, 123_456)
    assert (state.received, state.missed, state.clock_restarts) == (7, 3, 1)
    assert (state.q, state.velocity, state.torque, state.mode) == (Q, (0.1,) * 7, (2.0,) * 7, "UserStopped")
    assert state.base_from_ee.is_close(base_from_ee, 1e-6)  # single precision, as the protocol
    assert state.flange_from_ee.is_close(FLANGE_FROM_HAND_EE, 1e-12)
    metres, radians = state.kinematics_error()
    assert metres < 1e-6
    assert radians < 1e-6


def test_an_unchanged_flange_transform_is_not_made_again() -> None:
    first = decode(encode(robot_state(np.eye(4), FLANGE_FROM_HAND_EE.matrix), 1, 1, 0, 0))
    second = decode(encode(robot_state(np.eye(4), FLANGE_FROM_HAND_EE.matrix), 2, 2, 0, 0), first)
    other = decode(encode(robot_state(np.eye(4), np.eye(4)), 3, 3, 0, 0), second)
    assert second.flange_from_ee is first.flange_from_ee
    assert other.flange_from_ee.is_close(SE3.identity(), 1e-12)


def test_what_is_no_state_is_refused() -> None:
    for source, sentence in (
        (robot_state(np.zeros((4, 4)), np.eye(4)), "bottom row"),
        (robot_state(np.eye(4), np.full((4, 4), np.nan)), "finite"),
        (robot_state(np.eye(4), np.eye(4), (np.nan, *Q[1:])), "not finite"),
    ):
        with pytest.raises(EscherNetError, match=sentence):
            decode(encode(source, 1, 1, 0, 0))
