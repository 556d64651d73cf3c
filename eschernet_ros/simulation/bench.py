# SPDX-License-Identifier: Apache-2.0
"""The simulated bench: an arm with a wrist camera looks at an object on a turntable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import (
    SE3,
    STANDOFF_RANGE,
    ObjectFrame,
    PinholeCamera,
    farthest_point_order,
    look_at,
)
from eschernet_ros.kinematics import (
    FLANGE_FROM_HAND_EE,
    JOINTS,
    forward_kinematics,
    joint_vector,
    solve_flange_pose,
)
from eschernet_ros.objects import ObjectMesh, bench_object
from eschernet_ros.simulation.collision import CollisionChecker
from eschernet_ros.simulation.config import BenchConfig
from eschernet_ros.simulation.graphics import OffscreenRenderer, load_mujoco
from eschernet_ros.simulation.planning import find_path
from eschernet_ros.simulation.scene import build_model
from eschernet_ros.simulation.trajectory import JointTrajectory
from eschernet_ros.simulation.viewpoints import Viewpoint, short_tour

HOME = (0.0, 0.0, 0.0, -1.55, 0.0, 1.56, np.pi / 4)
"""Joint angles (radians) at rest: the camera looks down at the object from behind it."""

SHOULDER = (0.0, 0.0, 0.333)
REACH = 0.855
"""Metres from the shoulder to the flange at most, as published."""

AZIMUTH_STEP_DEG = 20
ELEVATIONS_DEG = (12.0, 28.0, 44.0, 60.0)
IMAGE_MARGIN = 6.0
"""Pixels that stay free between the object and the image's border."""


class UnreachableError(EscherNetError):
    """The arm cannot bring the camera to a pose; the message says why."""


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """One picture of the wrist camera.

    Attributes:
        colour: [H, W, 3] uint8 RGB.
        depth: [H, W] float32, metres along the optical axis; 0 where there is nothing.
        mask: [H, W] bool, exactly the pixels that show the object.
    """

    colour: NDArray[np.uint8]
    depth: NDArray[np.float32]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Search:
    """Outcome of an inverse kinematics search: joint angles, or what stood in the way."""

    q: NDArray[np.float64] | None
    collisions: set[str]
    position_error: float
    rotation_error: float


class SimulatedBench:
    """An arm, a wrist camera, a table and one object; nothing moves by itself, every call names joint angles.

    Kinematics, planning and collision checks may be called from any thread. Rendering belongs to the thread
    that renders first; close the bench in that thread, or use it as a context manager.

    Args:
        object_name: one of ``eschernet_ros.objects.CATALOGUE``, or an ``ObjectMesh`` of your own.
        config: layout, robot and camera.

    Attributes:
        config: the configuration.
        mesh: the object.
        base_from_object: pose of the object frame (centre of the box, z up, front +x) in the base frame.
        object_size: side lengths (x, y, z) of its box, metres.
        ee_from_camera_optical: the true hand-eye transform.
        camera: the wrist camera's intrinsics.
        home: [7] joint angles at rest.

    Raises:
        EscherNetError: no such object.
        MissingDependencyError: mujoco is not installed.
    """

    def __init__(self, object_name: str | ObjectMesh = "mug", config: BenchConfig | None = None) -> None:
        self.config = config or BenchConfig()
        self.mesh = bench_object(object_name) if isinstance(object_name, str) else object_name
        height = self.config.turntable_height + self.mesh.size[2] / 2
        self.base_from_object = SE3.from_rotvec(
            [0.0, 0.0, np.radians(self.config.object_yaw_deg)], [*self.config.object_xy, height]
        )
        self.object_size = self.mesh.size
        self.object_frame = ObjectFrame(self.base_from_object, self.object_size)
        self.ee_from_camera_optical = self.config.ee_from_camera_optical
        self.camera: PinholeCamera = self.config.camera
        lower, upper = self.config.limits.arrays(0.05)
        self.home = np.clip(np.array(HOME), lower, upper)
        self._flange_from_camera = FLANGE_FROM_HAND_EE @ self.ee_from_camera_optical
        self._mj = load_mujoco(graphics=False)
        self._model = build_model(self.config, self.mesh, self.base_from_object)
        self._checker = CollisionChecker(self._model, self.config.clearance)
        self._renderer: OffscreenRenderer | None = None
        self._render_data: Any = None

    # Kinematics -----------------------------------------------------------------------------------------

    def base_from_ee(self, q: ArrayLike) -> SE3:
        """Pose of the end effector (what the robot's controller reports as O_T_EE) at ``q`` [7] radians."""
        return forward_kinematics(q) @ FLANGE_FROM_HAND_EE

    def base_from_camera_optical(self, q: ArrayLike) -> SE3:
        """Pose of the wrist camera's optical frame at ``q`` [7] radians."""
        return forward_kinematics(q) @ self._flange_from_camera

    def inverse_kinematics(self, base_from_camera_optical: SE3, seed_q: ArrayLike | None = None) -> NDArray:
        """Collision-free joint angles [7] that bring the camera to a pose, as near to the seed as found.

        The pose is met within 0.01 mm and 0.0012 deg. The same call gives the same answer.

        Args:
            base_from_camera_optical: the wanted pose.
            seed_q: [7] radians where the search starts; the home position by default.

        Raises:
            UnreachableError: beyond the arm's reach (with the residual), beyond the joint limits, or only
                reachable in collision (with what collides).
        """
        seed = self.home if seed_q is None else joint_vector(seed_q)
        found = self._search(base_from_camera_optical, seed)
        if found.q is not None:
            return found.q
        if found.collisions:
            raise UnreachableError(
                "every joint solution found for this camera pose collides: "
                f"{', '.join(sorted(found.collisions))}; choose another viewpoint"
            )
        raise UnreachableError(self._why_not(base_from_camera_optical, found))

    def _search(self, base_from_camera_optical: SE3, seed: NDArray[np.float64]) -> _Search:
        """One attempt from the seed, then many from all over, taken in the order of their distance to it."""
        target = base_from_camera_optical @ self._flange_from_camera.inverse()
        limits = self.config.limits
        first = solve_flange_pose(target, seed, limits)
        if first.converged[0] and self._checker.is_free(first.q[0]):
            return _Search(first.q[0], set(), 0.0, 0.0)
        lower, upper = limits.arrays()
        rng = np.random.default_rng(0)
        near = seed + 0.6 * rng.standard_normal((12, JOINTS))
        seeds = np.vstack([self.home, near, rng.uniform(lower, upper, (28, JOINTS))])
        found = solve_flange_pose(target, seeds, limits, iterations=60)
        solutions = found.q[found.converged]
        collisions: set[str] = set()
        for q in solutions[np.argsort(np.abs(solutions - seed).max(axis=1), kind="stable")]:
            touching = self._checker.contacts(q)
            if not touching:
                return _Search(q, set(), 0.0, 0.0)
            collisions.update(touching)
        best = int(np.argmin(found.position_error + 0.3 * found.rotation_error))
        return _Search(None, collisions, found.position_error[best], found.rotation_error[best])

    def _why_not(self, base_from_camera_optical: SE3, found: _Search) -> str:
        target = base_from_camera_optical @ self._flange_from_camera.inverse()
        limits = self.config.limits
        residual = f"{found.position_error * 1e3:.1f} mm and {np.degrees(found.rotation_error):.1f} deg"
        seeds = np.random.default_rng(0).uniform(-np.pi, np.pi, (24, JOINTS))
        if solve_flange_pose(target, seeds, limits.unlimited()).converged.any():
            return (
                f"the joint limits of the {limits.robot} keep the camera {residual} away from this pose; "
                "choose another viewpoint"
            )
        distance = float(np.linalg.norm(target.translation - SHOULDER))
        return (
            f"the pose is out of reach: the camera gets no nearer than {residual}; the flange would be "
            f"{distance:.2f} m from the shoulder, and the arm reaches {REACH} m; come closer to the base"
        )

    # Collisions and paths -------------------------------------------------------------------------------

    def in_collision(self, q: ArrayLike) -> list[str]:
        """What touches, or comes closer than the clearance, at ``q`` [7]: ``link6 / table``; empty when free."""
        return self._checker.contacts(joint_vector(q))

    def plan(self, q_from: ArrayLike, q_to: ArrayLike, max_speed: float = 1.0) -> JointTrajectory:
        """A collision-free trajectory between two joint vectors [7] (radians), at rest at both ends.

        Args:
            q_from: start.
            q_to: goal.
            max_speed: no joint moves faster than this (rad/s), nor than its published limit.

        Raises:
            EscherNetError: joint limits violated.
            NoPathError: an end collides, or no way was found.
        """
        start, goal = joint_vector(q_from), joint_vector(q_to)
        for name, q in (("start", start), ("goal", goal)):
            beyond = self.config.limits.violations(q, tolerance=1e-6)
            if beyond:
                raise EscherNetError(f"the {name} of the path is beyond the joint limits: {'; '.join(beyond)}")
        path = find_path(start, goal, self._checker, self.config.limits)
        return JointTrajectory.through(np.array(path), self.config.limits, max_speed)

    # Viewpoints -----------------------------------------------------------------------------------------

    def look_at_object(self, azimuth_deg: float, elevation_deg: float, standoff: float) -> SE3:
        """``base_from_camera_optical`` of a camera on the dome that looks at the object's centre, without roll.

        Args:
            azimuth_deg: in the object frame, from +x (the object's front) towards +y.
            elevation_deg: above the horizontal plane through the object's centre, below 90.
            standoff: distance in model units (the object's longest side).
        """
        azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
        direction = np.array(
            [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
        )
        eye = self.base_from_object @ (standoff * self.mesh.longest_side * direction)
        return look_at(eye, self.base_from_object.translation)

    def sees_whole_object(self, base_from_camera_optical: SE3, margin: float = IMAGE_MARGIN) -> bool:
        """Whether the whole object is in the image, ``margin`` pixels from its border, and none of it too near.

        Too near is what lies within ``config.nearest_depth``: a real sensor measures no depth there.
        """
        points = base_from_camera_optical.inverse() @ (self.base_from_object @ self.mesh.vertices)
        pixels = self.camera.project(points)
        inside = (pixels >= margin) & (pixels <= np.array([self.camera.width, self.camera.height]) - 1 - margin)
        return bool(inside.all() and points[:, 2].min() >= self.config.nearest_depth)

    def fitting_standoff(self, elevations_deg: Sequence[float] = ELEVATIONS_DEG) -> float:
        """The smallest stand-off of 1.8, 1.85 .. 2.2 from which ``sees_whole_object`` holds all around.

        Raises:
            EscherNetError: when it does not hold even from 2.2.
        """
        for standoff in np.arange(1.8, STANDOFF_RANGE[1] + 1e-9, 0.05):
            poses = (
                self.look_at_object(azimuth, elevation, float(standoff))
                for elevation in elevations_deg
                for azimuth in range(0, 360, 10)
            )
            if all(self.sees_whole_object(pose) for pose in poses):
                return round(float(standoff), 2)
        raise EscherNetError(
            f"the object '{self.mesh.name}' of size {self.object_size} m does not fit the camera's image, or comes "
            f"nearer than {self.config.nearest_depth} m, even from {STANDOFF_RANGE[1]} times its longest side; use a "
            "camera with a wider view for a larger object, or a larger object"
        )

    def viewpoints(
        self,
        count: int | None = None,
        standoff: float | None = None,
        elevations_deg: Sequence[float] = ELEVATIONS_DEG,
        azimuth_step_deg: float = AZIMUTH_STEP_DEG,
    ) -> tuple[Viewpoint, ...]:
        """Reachable viewpoints on a dome, in an order that makes a short tour from the home position.

        Args:
            count: how many, spread as far apart as possible; all that are reachable by default.
            standoff: in model units; by default ``fitting_standoff``.
            elevations_deg: rings of the dome; every other ring is turned by half a step.
            azimuth_step_deg: spacing on a ring.

        Raises:
            EscherNetError: when fewer than ``count`` are reachable.
        """
        distance = self.fitting_standoff(elevations_deg) if standoff is None else standoff
        found: list[Viewpoint] = []
        seed = self.home
        rings = np.arange(0.0, 360.0 - 1e-9, azimuth_step_deg)
        for ring, elevation in enumerate(elevations_deg):
            turned = (rings + (ring % 2) * azimuth_step_deg / 2 + 180.0) % 360.0 - 180.0
            for azimuth in sorted(turned, reverse=bool(ring % 2)):
                pose = self.look_at_object(azimuth, elevation, distance)
                if not self.sees_whole_object(pose):
                    continue
                q = self._search(pose, seed).q
                if q is not None:
                    found.append(Viewpoint(float(azimuth), float(elevation), distance, pose, q))
                    seed = q
        if count is not None:
            if len(found) < count:
                raise EscherNetError(
                    f"only {len(found)} of the wanted {count} viewpoints are reachable around "
                    f"'{self.mesh.name}' at stand-off {distance}; use a finer azimuth_step_deg"
                )
            directions = np.array(
                [v.base_from_camera_optical.translation - self.base_from_object.translation for v in found]
            )
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            found = [found[i] for i in farthest_point_order(directions)[:count]]
        if not found:
            return ()
        return tuple(found[i] for i in short_tour(np.array([v.q for v in found]), self.home))

    # Pictures -------------------------------------------------------------------------------------------

    def render(self, q: ArrayLike) -> RenderedFrame:
        """Colour, depth and mask of the wrist camera at ``q`` [7] (radians).

        Raises:
            GraphicsError: no OpenGL here, or called from another thread than the first time.
        """
        colour = self.render_colour(q)
        depth, mask = self._depth_and_mask(q, True, True)
        assert depth is not None and mask is not None
        return RenderedFrame(colour, depth, mask)

    def render_colour(self, q: ArrayLike) -> NDArray[np.uint8]:
        """Colour [H, W, 3] uint8 RGB of the wrist camera at ``q`` [7]."""
        renderer = self._posed(q)
        return renderer.colour(self._render_data, self._camera_id("wrist"), self._size)

    def render_depth(self, q: ArrayLike) -> NDArray[np.float32]:
        """Depth [H, W] float32 of the wrist camera at ``q`` [7], metres along the optical axis, 0 = nothing."""
        depth, _ = self._depth_and_mask(q, True, False)
        assert depth is not None
        return depth

    def render_mask(self, q: ArrayLike) -> NDArray[np.bool_]:
        """Mask [H, W] bool of the object as the wrist camera sees it at ``q`` [7], occlusions respected."""
        _, mask = self._depth_and_mask(q, False, True)
        assert mask is not None
        return mask

    def render_overview(self, q: ArrayLike) -> NDArray[np.uint8]:
        """The whole bench from outside at ``q`` [7]: RGB of ``config.overview_size``, anti-aliased."""
        wide, high = self.config.overview_size
        renderer = self._posed(q)
        picture = renderer.colour(self._render_data, self._camera_id("overview"), (2 * wide, 2 * high))
        blocks = picture.reshape(high, 2, wide, 2, 3).astype(np.uint16)
        return ((blocks.sum(axis=(1, 3)) + 2) // 4).astype(np.uint8)

    @property
    def _size(self) -> tuple[int, int]:
        return self.camera.width, self.camera.height

    def _camera_id(self, name: str) -> int:
        return int(self._model.camera(name).id)

    def _posed(self, q: ArrayLike) -> OffscreenRenderer:
        """The renderer, with the render thread's own data at ``q``."""
        if self._renderer is None:
            self._renderer = OffscreenRenderer(self._model)
            self._render_data = self._mj.MjData(self._model)
        self._render_data.qpos[:7] = joint_vector(q)
        self._mj.mj_kinematics(self._model, self._render_data)
        self._mj.mj_camlight(self._model, self._render_data)
        return self._renderer

    def _depth_and_mask(self, q: ArrayLike, depth: bool, mask: bool) -> Any:
        renderer = self._posed(q)
        geom = int(self._model.geom("object").id)
        return renderer.depth_and_mask(self._render_data, self._camera_id("wrist"), self._size, geom, depth, mask)

    def close(self) -> None:
        """Free the OpenGL context, in the thread that rendered. Kinematics keep working."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def __enter__(self) -> SimulatedBench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
