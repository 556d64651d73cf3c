# SPDX-License-Identifier: Apache-2.0
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FR3_LIMITS, PANDA_LIMITS, forward_kinematics, solve_flange_pose


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=15)
def test_a_reachable_pose_is_reached_within_the_limits(seed):
    rng = np.random.default_rng(seed)
    lower, upper = PANDA_LIMITS.arrays(0.1)
    target = forward_kinematics(rng.uniform(lower, upper))
    found = solve_flange_pose(target, rng.uniform(lower, upper, (30, 7)), PANDA_LIMITS)
    assert found.converged.any()
    for q in found.q[found.converged]:
        metres, radians = forward_kinematics(q).distance_to(target)
        assert metres < 1e-5
        assert radians < 2e-5
    assert all(not PANDA_LIMITS.violations(q) for q in found.q)


def test_a_seed_that_is_the_answer_comes_back():
    q = np.array([0.1, -0.4, 0.2, -2.0, 0.3, 1.8, 0.5])
    found = solve_flange_pose(forward_kinematics(q), q, FR3_LIMITS)
    np.testing.assert_allclose(found.q[0], q, atol=1e-9)


def test_a_pose_beyond_reach_leaves_its_distance_as_residual():
    target = SE3.from_rotvec([np.pi, 0, 0], [3.0, 0.0, 0.333])
    seeds = np.random.default_rng(0).uniform(*PANDA_LIMITS.arrays(), (20, 7))
    found = solve_flange_pose(target, seeds, PANDA_LIMITS)
    assert not found.converged.any()
    assert found.position_error.min() > 3.0 - 0.855 - 0.107 - 0.1


def test_limits_name_the_joint_the_value_and_the_range():
    q = [0.0, 0.0, 0.0, -0.05, 0.0, 1.0, 0.0]
    assert PANDA_LIMITS.violations(q) == ("panda_joint4 at -0.0500 rad is outside [-3.0718, -0.0698]",)
    assert FR3_LIMITS.joint_names[0] == "fr3_joint1"
    assert not FR3_LIMITS.unlimited().violations(q)
