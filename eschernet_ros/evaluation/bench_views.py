# SPDX-License-Identifier: Apache-2.0
"""Pictures of a bench object from any pose: the bench's lights and materials, without the arm and the table."""

from __future__ import annotations

from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.geometry import GL_FROM_OPTICAL, SE3, ObjectFrame, model_camera, resample
from eschernet_ros.objects import ObjectMesh, bench_object
from eschernet_ros.simulation.config import BenchConfig
from eschernet_ros.simulation.graphics import OffscreenRenderer, load_mujoco
from eschernet_ros.simulation.scene import build_model

_FINER = 4
"""Pixels drawn across each pixel of the picture, averaged: MuJoCo's own anti-aliasing would blur the mask."""

_HIDDEN_GROUP = 3
"""MuJoCo's geom group that is not drawn by default."""


class BenchViews:
    """Draws a bench object as ``SimulatedBench`` lights it, from poses that no arm need reach.

    Rendering belongs to the thread that made the object. Close it before another one is made: an OpenGL context that
    the garbage collector frees takes pictures away from the one in use.

    Args:
        object_name: one of ``eschernet_ros.objects.CATALOGUE``, or an ``ObjectMesh`` of your own.
        size: side of the pictures in pixels.

    Raises:
        EscherNetError: no such object.
        GraphicsError: no OpenGL here.
        MissingDependencyError: mujoco is not installed.
    """

    def __init__(self, object_name: str | ObjectMesh, size: int) -> None:
        mesh = bench_object(object_name) if isinstance(object_name, str) else object_name
        self._camera, self._target = model_camera(size).scaled(_FINER), model_camera(size)
        config = BenchConfig(camera=self._camera, overview_size=(1, 1))
        height = config.turntable_height + mesh.size[2] / 2
        heading = [0.0, 0.0, np.radians(config.object_yaw_deg)]
        base_from_object = SE3.from_rotvec(heading, [*config.object_xy, height])
        self._frame = ObjectFrame(base_from_object, mesh.size)
        mujoco = load_mujoco()
        self._model = build_model(config, mesh, base_from_object)
        self._geom = int(self._model.geom("object").id)
        self._model.geom_group[:] = _HIDDEN_GROUP
        self._model.geom_group[self._geom] = 0
        self._data = mujoco.MjData(self._model)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        self._renderer = OffscreenRenderer(self._model)

    def __call__(self, camera_gl_from_world: SE3) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The picture on white, uint8 [size, size, 3], and the object's mask, bool [size, size].

        Args:
            camera_gl_from_world: pose of the model's camera; the object's centre is the origin, its longest side 1.
        """
        base_from_camera = self._frame.denormalise(camera_gl_from_world) @ GL_FROM_OPTICAL
        camera = int(self._model.camera("wrist").id)
        self._data.cam_xpos[camera] = base_from_camera.translation
        self._data.cam_xmat[camera] = base_from_camera.matrix[:3, :3].ravel()
        size = self._camera.width, self._camera.height
        colour = self._renderer.colour(self._data, camera, size)
        _, mask = self._renderer.depth_and_mask(self._data, camera, size, self._geom, depth=False)
        assert mask is not None
        drawn = resample(colour, self._camera, self._target, mask)
        return drawn.image, drawn.mask

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()

    def __enter__(self) -> BenchViews:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
