# SPDX-License-Identifier: Apache-2.0
"""Frames of the simulated bench as a camera measures them, with the truth beside each: what measurements start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera
from eschernet_ros.simulation import SensorNoise, SimulatedBench, depth_to_millimetres


@dataclass(frozen=True, eq=False)
class BenchFrame:
    """One frame of the wrist camera with sensor noise.

    Attributes:
        colour: [H, W, 3] uint8 RGB, noisy.
        depth: [H, W] float32 metres, noisy, in whole millimetres, 0 = no measurement.
        mask: [H, W] bool, exact.
        camera: intrinsics.
        base_from_camera_optical: exact pose, metres.
        object_frame: the object's exact box.
    """

    colour: NDArray[np.uint8]
    depth: NDArray[np.float32]
    mask: NDArray[np.bool_]
    camera: PinholeCamera
    base_from_camera_optical: SE3
    object_frame: ObjectFrame

    @property
    def object_from_camera_optical(self) -> SE3:
        """Pose of the camera in the object frame, metres."""
        return self.object_frame.base_from_object.inverse() @ self.base_from_camera_optical


def bench_frames(object_name: str, count: int, seed: int = 0) -> Iterator[BenchFrame]:
    """Frames of an object from ``count`` viewpoints spread over what the arm reaches.

    Args:
        object_name: one of ``eschernet_ros.objects.CATALOGUE``.
        count: number of viewpoints.
        seed: of the sensor noise.

    Raises:
        EscherNetError: no such object, or fewer viewpoints in reach.
        GraphicsError: no OpenGL here.
    """
    noise = SensorNoise(seed)
    with SimulatedBench(object_name) as bench:
        for viewpoint in bench.viewpoints(count):
            shot = bench.render(viewpoint.q)
            depth = depth_to_millimetres(noise.depth(shot.depth, bench.camera)).astype(np.float32) * np.float32(1e-3)
            yield BenchFrame(
                noise.colour(shot.colour),
                depth,
                shot.mask,
                bench.camera,
                bench.base_from_camera_optical(viewpoint.q),
                bench.object_frame,
            )
