# SPDX-License-Identifier: Apache-2.0
import mujoco
import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, PANDA_LIMITS, link_frames
from eschernet_ros.objects import CATALOGUE
from eschernet_ros.simulation import BenchConfig, NoPathError, SimulatedBench, UnreachableError
from eschernet_ros.simulation.scene import build_model

IN_THE_TABLE = np.array([0.0, 1.2, 0.0, -1.2, 0.0, 2.4, 0.8])


def test_mujoco_puts_every_link_where_the_table_does(mug_bench):
    model = build_model(mug_bench.config, mug_bench.mesh, mug_bench.base_from_object)
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for q in rng.uniform(*PANDA_LIMITS.arrays(), (10, 7)):
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        frames = link_frames(q)
        for i in range(8):
            body = data.body(f"link{i}")
            np.testing.assert_allclose(body.xpos, frames[i].translation, atol=1e-9)
            np.testing.assert_allclose(body.xmat.reshape(3, 3), frames[i].matrix[:3, :3], atol=1e-9)
        camera = data.camera("wrist")
        expected = mug_bench.base_from_camera_optical(q)
        np.testing.assert_allclose(camera.xpos, expected.translation, atol=1e-8)
        optical = camera.xmat.reshape(3, 3) @ np.diag([1.0, -1.0, -1.0])
        np.testing.assert_allclose(optical, expected.matrix[:3, :3], atol=1e-8)


def test_the_camera_hangs_on_the_end_effector_by_the_hand_eye_transform(mug_bench):
    q = mug_bench.home + 0.1
    through_ee = mug_bench.base_from_ee(q) @ mug_bench.ee_from_camera_optical
    assert through_ee.is_close(mug_bench.base_from_camera_optical(q), atol=1e-12)
    assert mug_bench.base_from_ee(q).is_close(link_frames(q)[-1] @ FLANGE_FROM_HAND_EE)


def test_every_viewpoint_is_reached_free_upright_and_sees_the_whole_object(mug_bench, mug_views):
    assert len(mug_views) >= 60
    azimuths = np.array([view.azimuth_deg for view in mug_views])
    assert np.diff(np.sort(azimuths), append=azimuths.min() + 360).max() <= 20
    for view in mug_views:
        metres, radians = mug_bench.base_from_camera_optical(view.q).distance_to(view.base_from_camera_optical)
        assert metres < 1e-4
        assert radians < np.radians(0.01)
        assert mug_bench.in_collision(view.q) == []
        assert not mug_bench.config.limits.violations(view.q)
        assert mug_bench.sees_whole_object(view.base_from_camera_optical)
        assert abs(view.base_from_camera_optical.matrix[2, 0]) < 1e-12  # the image's x axis is level
        assert 1.5 <= view.standoff <= 2.2
        standoff = mug_bench.object_frame.standoff(view.base_from_camera_optical)
        assert standoff == pytest.approx(view.standoff)


@pytest.mark.parametrize("name", sorted(set(CATALOGUE) - {"mug"}))
def test_every_object_has_five_references_and_twelve_more_spread_around(name):
    bench = SimulatedBench(name)
    views = bench.viewpoints(count=17, elevations_deg=(28.0, 55.0), azimuth_step_deg=30)
    azimuths = np.sort([view.azimuth_deg for view in views])
    assert len(views) == 17
    assert np.diff(azimuths, append=azimuths[0] + 360).max() <= 60
    assert all(bench.in_collision(view.q) == [] for view in views)
    assert all(bench.sees_whole_object(view.base_from_camera_optical) for view in views)


def test_the_panda_reaches_as_much(mug_bench):
    bench = SimulatedBench("mug", BenchConfig(limits=PANDA_LIMITS))
    assert len(bench.viewpoints(elevations_deg=(28.0, 55.0), azimuth_step_deg=30)) >= 20


def test_paths_between_viewpoints_are_free_on_a_fine_grid(mug_bench, mug_views):
    here = mug_bench.home
    for view in mug_views[::6]:
        trajectory = mug_bench.plan(here, view.q, max_speed=1.2)
        for t in np.linspace(0, trajectory.duration_s, 200):
            assert mug_bench.in_collision(trajectory.position(t)) == []
            assert np.abs(trajectory.velocity(t)).max() <= 1.2 + 1e-9
        np.testing.assert_allclose(trajectory.position(0), here)
        np.testing.assert_allclose(trajectory.position(trajectory.duration_s), view.q)
        here = view.q


def test_a_blocked_straight_path_becomes_a_detour(mug_bench, mug_views):
    ends = [(a.q, b.q) for a in mug_views for b in mug_views]
    blocked = (pair for pair in ends if not mug_bench._checker.is_path_free(*pair))
    start, goal = next(blocked)
    trajectory = mug_bench.plan(start, goal)
    assert len(trajectory.waypoints) > 2
    samples = [trajectory.position(t) for t in np.linspace(0, trajectory.duration_s, 400)]
    assert all(mug_bench.in_collision(q) == [] for q in samples)
    np.testing.assert_array_equal(mug_bench.plan(start, goal).waypoints, trajectory.waypoints)


def test_collisions_name_what_touches(mug_bench):
    assert mug_bench.in_collision(mug_bench.home) == []
    assert any("table" in pair for pair in mug_bench.in_collision(IN_THE_TABLE))
    with pytest.raises(NoPathError, match=r"goal of the path collides: .*table"):
        mug_bench.plan(mug_bench.home, IN_THE_TABLE)


def test_clearance_counts_as_contact(mug_views):
    wide = SimulatedBench("mug", BenchConfig(clearance=0.05))
    assert sum(bool(wide.in_collision(view.q)) for view in mug_views) > 5


def test_a_path_beyond_the_joint_limits_is_refused(mug_bench):
    with pytest.raises(EscherNetError, match=r"start of the path is beyond the joint limits: fr3_joint1"):
        mug_bench.plan(mug_bench.home + np.eye(7)[0] * 4, mug_bench.home)


def test_a_pose_out_of_reach_says_how_far(mug_bench):
    with pytest.raises(UnreachableError, match=r"out of reach: .* mm .*from the shoulder"):
        mug_bench.inverse_kinematics(mug_bench.look_at_object(180, 30, 12.0))


def test_a_pose_that_only_the_limits_forbid_says_so(mug_bench):
    with pytest.raises(UnreachableError, match="joint limits of the fr3"):
        mug_bench.inverse_kinematics(mug_bench.look_at_object(0, 12, 3.2))


def test_a_pose_inside_the_table_says_what_collides(mug_bench):
    low = SE3.from_rotvec([0, np.pi / 2, 0], [0.55, 0.0, 0.01])
    with pytest.raises(UnreachableError, match=r"collides: .*table"):
        mug_bench.inverse_kinematics(low)


def test_too_many_viewpoints_are_refused(mug_bench):
    with pytest.raises(EscherNetError, match=r"only .* of the wanted 99 viewpoints"):
        mug_bench.viewpoints(count=99, elevations_deg=(50.0,), azimuth_step_deg=90)


def test_the_object_stands_on_the_turntable(mug_bench):
    corners = mug_bench.base_from_object @ mug_bench.mesh.vertices
    assert corners[:, 2].min() == pytest.approx(mug_bench.config.turntable_height)
    assert mug_bench.object_size == mug_bench.mesh.size
