# SPDX-License-Identifier: Apache-2.0
"""Camera axis conventions and directions.

* *optical*: x right, y down, z forward. ROS optical frames (REP 103) and OpenCV are the same thing.
* *body*: x forward, y left, z up. ROS frames of solid things (REP 103), also of cameras without ``_optical``.
* *gl*: x right, y up, the camera looks along -z. OpenGL and Blender.

EscherNet's 6DoF poses are world-to-camera in gl axes, ``camera_gl_from_world`` (world z up). Camera-to-world
and world-to-camera are each other's `SE3.inverse`.
"""

from __future__ import annotations

import numpy as np

from eschernet_ros.geometry.se3 import SE3

GL_FROM_OPTICAL = SE3(np.diag([1.0, -1.0, -1.0, 1.0]))
"""Optical camera axes to gl camera axes; its own inverse."""

BODY_FROM_OPTICAL = SE3(
    np.array([[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
)
"""Optical camera axes to those of a ROS body frame (x forward, z up; REP 103): ``camera_color_frame``."""


def camera_gl_from_world(world_from_camera_optical: SE3) -> SE3:
    """EscherNet's pose (world-to-camera, gl axes) from the ROS pose (camera-to-world, optical axes)."""
    return GL_FROM_OPTICAL @ world_from_camera_optical.inverse()


def world_from_camera_optical(camera_gl_from_world: SE3) -> SE3:
    """The ROS pose (camera-to-world, optical axes) of a camera posed as in EscherNet."""
    return camera_gl_from_world.inverse() @ GL_FROM_OPTICAL


def gl_w2c_from_opencv_w2c(camera_optical_from_world: SE3) -> SE3:
    """World-to-camera in gl axes from world-to-camera in OpenCV axes (rows 1 and 2 negated)."""
    return GL_FROM_OPTICAL @ camera_optical_from_world


def opencv_w2c_from_gl_w2c(camera_gl_from_world: SE3) -> SE3:
    """World-to-camera in OpenCV axes from world-to-camera in gl axes (rows 1 and 2 negated)."""
    return GL_FROM_OPTICAL @ camera_gl_from_world
