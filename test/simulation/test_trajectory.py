# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.kinematics import FR3_LIMITS
from eschernet_ros.simulation import JointTrajectory

POINTS = np.array([[0.0] * 7, [0.5, -0.2, 0, 0, 0, 0, 0.1], [0.6, 0.4, 0, 0, 0.3, 0, 0]])


@pytest.fixture
def trajectory():
    return JointTrajectory.through(POINTS, FR3_LIMITS, max_speed=0.8)


def test_it_passes_through_its_way_points_and_rests_at_the_ends(trajectory):
    times = np.linspace(0, trajectory.duration_s, 4001)
    positions = np.array([trajectory.position(t) for t in times])
    for point in POINTS:
        assert np.abs(positions - point).max(axis=1).min() < 1e-6
    for t in (-1.0, 0.0, trajectory.duration_s, trajectory.duration_s + 1.0):
        np.testing.assert_allclose(trajectory.velocity(t), 0, atol=1e-12)
    np.testing.assert_array_equal(trajectory.position(-1.0), POINTS[0])
    np.testing.assert_array_equal(trajectory.position(99.0), POINTS[-1])


def test_velocity_is_the_derivative_and_its_peak_is_the_speed_asked_for(trajectory):
    times = np.linspace(0, trajectory.duration_s, 4001)
    step = times[1]
    positions = np.array([trajectory.position(t) for t in times])
    velocities = np.array([trajectory.velocity(t) for t in times])
    np.testing.assert_allclose(np.gradient(positions, step, axis=0)[1:-1], velocities[1:-1], atol=5e-5)
    assert np.abs(velocities).max() == pytest.approx(0.8, rel=1e-4)
    accelerations = np.gradient(velocities, step, axis=0)
    assert (np.abs(accelerations).max(axis=0) <= FR3_LIMITS.acceleration).all()


def test_the_published_limits_bound_the_speed():
    trajectory = JointTrajectory.through(POINTS[:2], FR3_LIMITS, max_speed=1e3)
    times = np.linspace(0, trajectory.duration_s, 2001)
    velocities = np.array([trajectory.velocity(t) for t in times])
    accelerations = np.gradient(velocities, times[1], axis=0)
    assert (np.abs(velocities).max(axis=0) <= np.array(FR3_LIMITS.velocity) + 1e-9).all()
    assert (np.abs(accelerations).max(axis=0) <= np.array(FR3_LIMITS.acceleration) * 1.001).all()


def test_rest_stays_where_it_is():
    rest = JointTrajectory.rest(POINTS[1])
    assert rest.duration_s == 0.0
    np.testing.assert_array_equal(rest.position(3.0), POINTS[1])
    np.testing.assert_array_equal(rest.velocity(0.0), np.zeros(7))


def test_a_path_that_goes_nowhere_takes_no_time():
    still = JointTrajectory.through([POINTS[1], POINTS[1]], FR3_LIMITS, 1.0)
    assert still.duration_s == 0.0
    np.testing.assert_array_equal(still.position(0.0), POINTS[1])


def test_bad_numbers_are_refused():
    with pytest.raises(EscherNetError, match="max_speed"):
        JointTrajectory.through(POINTS, FR3_LIMITS, 0.0)
    with pytest.raises(EscherNetError, match="duration per segment"):
        JointTrajectory(POINTS, [1.0])
