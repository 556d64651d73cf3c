# SPDX-License-Identifier: Apache-2.0
"""A robot bench without a robot (MuJoCo): arm, wrist camera, table, textured objects, sensor noise."""

from eschernet_ros.simulation.arm_motion import ArmMotion
from eschernet_ros.simulation.bench import HOME, RenderedFrame, SimulatedBench, UnreachableError
from eschernet_ros.simulation.config import WRIST_CAMERA, BenchConfig, default_hand_eye
from eschernet_ros.simulation.graphics import GraphicsError, choose_backend, load_mujoco
from eschernet_ros.simulation.noise import SensorModel, SensorNoise, depth_to_millimetres, expose
from eschernet_ros.simulation.planning import NoPathError
from eschernet_ros.simulation.render_process import RenderProcess
from eschernet_ros.simulation.trajectory import JointTrajectory
from eschernet_ros.simulation.viewpoints import Viewpoint

__all__ = [
    "HOME",
    "WRIST_CAMERA",
    "ArmMotion",
    "BenchConfig",
    "GraphicsError",
    "JointTrajectory",
    "NoPathError",
    "RenderProcess",
    "RenderedFrame",
    "SensorModel",
    "SensorNoise",
    "SimulatedBench",
    "UnreachableError",
    "Viewpoint",
    "choose_backend",
    "default_hand_eye",
    "depth_to_millimetres",
    "expose",
    "load_mujoco",
]
