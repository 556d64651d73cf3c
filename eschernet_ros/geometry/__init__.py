# SPDX-License-Identifier: Apache-2.0
"""Poses, cameras and viewpoints. Needs numpy and scipy; OpenCV only for lens distortion and resampling."""

from eschernet_ros.geometry.camera import MODEL_IMAGE_SIZE, PinholeCamera, model_camera
from eschernet_ros.geometry.frames import (
    BODY_FROM_OPTICAL,
    GL_FROM_OPTICAL,
    camera_gl_from_world,
    gl_w2c_from_opencv_w2c,
    opencv_w2c_from_gl_w2c,
    world_from_camera_optical,
)
from eschernet_ros.geometry.nerf_synthetic import nerf_synthetic_poses
from eschernet_ros.geometry.object_frame import ObjectFrame
from eschernet_ros.geometry.resample import Resampled, resample
from eschernet_ros.geometry.se3 import SE3, PoseError, stack_matrices
from eschernet_ros.geometry.spherical import (
    STANDOFF_RANGE,
    AimDeviation,
    PoseVector,
    Spherical,
    aim_deviation,
    look_at,
    look_at_origin,
    pose_vector_4dof,
    spherical_from_pose,
)
from eschernet_ros.geometry.viewpoints import (
    PUBLISHED_RADIUS,
    dome,
    farthest_point_order,
    franka16_angles,
    franka16_poses,
    ring,
    spiral_100,
    view_directions,
)

__all__ = [
    "BODY_FROM_OPTICAL",
    "GL_FROM_OPTICAL",
    "MODEL_IMAGE_SIZE",
    "PUBLISHED_RADIUS",
    "SE3",
    "STANDOFF_RANGE",
    "AimDeviation",
    "ObjectFrame",
    "PinholeCamera",
    "PoseError",
    "PoseVector",
    "Resampled",
    "Spherical",
    "aim_deviation",
    "camera_gl_from_world",
    "dome",
    "farthest_point_order",
    "franka16_angles",
    "franka16_poses",
    "gl_w2c_from_opencv_w2c",
    "look_at",
    "look_at_origin",
    "model_camera",
    "nerf_synthetic_poses",
    "opencv_w2c_from_gl_w2c",
    "pose_vector_4dof",
    "resample",
    "ring",
    "spherical_from_pose",
    "spiral_100",
    "stack_matrices",
    "view_directions",
    "world_from_camera_optical",
]
