# SPDX-License-Identifier: Apache-2.0
"""How far the pose of a view may be off: what interpolation can miss, and what uncertain stamps cost in motion.

The true position is taken to be twice differentiable between two samples t0 and t1. Linear interpolation at t is then
off by at most a (t - t0) (t1 - t) / 2, with a the largest acceleration in between (the remainder of linear
interpolation, in any text on numerical analysis). It is estimated from the samples around: the larger of the mean
accelerations on both sides, plus their difference, which allows for jerk to go on for one more step. Where only one
side is known it is doubled; where neither is, the arm may have started or stopped in the gap, and twice the mean speed
is taken as a sudden change of velocity: off by at most 2 v (t - t0) (t1 - t) / (t1 - t0). Rotation is bounded likewise,
by angular velocities in the moving frame.

Not in it: errors of calibration, of the arm's own kinematics, and the rolling shutter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from eschernet_ros.capture.pose_buffer import NS_PER_S, PoseBuffer, PoseSample
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera
from eschernet_ros.geometry.se3 import FloatArray

SPACING_S = 0.004
"""Speeds are measured over at least this long where there are samples enough: stamps jitter by tenths of it."""

_NEAREST_M = 1e-3  # points nearer to the camera's plane than this have no useful projection


class FrameMotion(NamedTuple):
    """Motion of the buffered frame at a time, and what interpolation there can miss.

    Attributes:
        velocity: [3] m/s in the base frame.
        angular_velocity: [3] rad/s in the base frame.
        position_error: bound, metres.
        rotation_error: bound, radians.
    """

    velocity: FloatArray
    angular_velocity: FloatArray
    position_error: float
    rotation_error: float


class PoseError(NamedTuple):
    """What a view's pose may be off by; NaN where it is not known.

    Attributes:
        position_m: bound on the camera's position, metres.
        rotation_rad: bound on its orientation, radians.
        pixels: bound on what both move the object by in the source image: the largest over centre and corners of its
            box.
        camera_speed: of the camera's centre, m/s.
        motion_blur_px: the farthest that one of those points moved in the source image while it was exposed.
    """

    position_m: float = math.nan
    rotation_rad: float = math.nan
    pixels: float = math.nan
    camera_speed: float = math.nan
    motion_blur_px: float = math.nan


def frame_motion(stamps_ns: np.ndarray, poses: Sequence[SE3], sample: PoseSample) -> FrameMotion | None:
    """Motion at the time of an interpolated pose, and the bound on interpolating there; see the module for the rule.

    Args:
        stamps_ns: [N] int64 in order: up to two samples on either side of that time.
        poses: the N poses, base from frame.
        sample: the interpolated pose.

    Returns:
        None with fewer than two samples, or for a time outside them: nothing is known.
    """
    stamp_ns = sample.stamp_ns
    if len(stamps_ns) < 2 or not stamps_ns[0] <= stamp_ns <= stamps_ns[-1]:
        return None
    last = int(np.searchsorted(stamps_ns, stamp_ns, side="right"))
    middle = min(last, len(stamps_ns) - 1) - 1  # interval around the time; at the last sample the one before it
    seconds = np.diff(stamps_ns) / NS_PER_S
    positions = np.array([pose.translation for pose in poses])
    rotations = Rotation.from_matrix(np.array([pose.matrix[:3, :3] for pose in poses]))
    velocities = np.diff(positions, axis=0) / seconds[:, None]
    turns = (rotations[:-1].inv() * rotations[1:]).as_rotvec() / seconds[:, None]
    before, gap = sample.offset_ns / NS_PER_S, sample.gap_ns / NS_PER_S
    return FrameMotion(
        velocity=velocities[middle],
        angular_velocity=rotations[middle].apply(turns[middle]),
        position_error=_missed(velocities, seconds, middle, before, gap),
        rotation_error=_missed(turns, seconds, middle, before, gap),
    )


def _missed(rates: FloatArray, seconds: FloatArray, middle: int, offset: float, gap: float) -> float:
    """Bound on linear interpolation ``offset`` into a ``gap``, given mean rates [N, 3] of the intervals around it."""
    if gap == 0.0:
        return 0.0
    changes = [
        2.0 * (rates[i + 1] - rates[i]) / (seconds[i] + seconds[i + 1])
        for i in (middle - 1, middle)
        if i >= 0 and i + 1 < len(rates)
    ]
    product = offset * (gap - offset)
    if not changes:
        return 2.0 * float(np.linalg.norm(rates[middle])) * product / gap
    largest = max(float(np.linalg.norm(change)) for change in changes)
    jerk = float(np.linalg.norm(changes[-1] - changes[0])) if len(changes) == 2 else largest
    return (largest + jerk) * product / 2.0


def pose_error(
    poses: PoseBuffer,
    sample: PoseSample,
    frame_from_camera: SE3,
    camera: PinholeCamera,
    object_frame: ObjectFrame,
    exposure_s: float,
    time_uncertainty_s: float,
) -> PoseError:
    """Bound the error of the camera's pose of a view.

    Args:
        poses: history of the frame that carries the camera.
        sample: the pose that was looked up there.
        frame_from_camera: hand-eye transform.
        camera: the source camera.
        object_frame: the object's box in the base frame.
        exposure_s: exposure time.
        time_uncertainty_s: how far the time may be off: stamps of camera and robot together.
    """
    motion = frame_motion(*poses.around(sample.stamp_ns, SPACING_S), sample)
    if motion is None:
        return PoseError()
    base_from_camera = sample.pose @ frame_from_camera
    lever = base_from_camera.translation - sample.pose.translation
    velocity = motion.velocity + np.cross(motion.angular_velocity, lever)
    missed_m = motion.position_error + float(np.linalg.norm(lever)) * motion.rotation_error
    speed = float(np.linalg.norm(velocity))
    turning = float(np.linalg.norm(motion.angular_velocity))

    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    offsets = np.vstack([np.zeros(3), corners]) * object_frame.size
    points = base_from_camera.inverse() @ (object_frame.base_from_object @ offsets)
    points = points[points[:, 2] > _NEAREST_M]
    if len(points) == 0:
        return PoseError(
            missed_m + speed * time_uncertainty_s,
            motion.rotation_error + turning * time_uncertainty_s,
            camera_speed=speed,
        )
    camera_from_base = base_from_camera.matrix[:3, :3].T
    drift = -(camera_from_base @ velocity) - np.cross(camera_from_base @ motion.angular_velocity, points)
    pixel_speed = float(np.linalg.norm(_image_motion(camera, points, drift), axis=1).max())
    ranges = np.linalg.norm(points, axis=1)
    focal = max(camera.fx, camera.fy)
    missed_px = focal * ranges / points[:, 2] ** 2 * (missed_m + ranges * motion.rotation_error)
    return PoseError(
        position_m=missed_m + speed * time_uncertainty_s,
        rotation_rad=motion.rotation_error + turning * time_uncertainty_s,
        pixels=float(missed_px.max()) + pixel_speed * time_uncertainty_s,
        camera_speed=speed,
        motion_blur_px=pixel_speed * exposure_s,
    )


def _image_motion(camera: PinholeCamera, points: FloatArray, motion: FloatArray) -> FloatArray:
    """[N, 2] derivative of the pinhole projection (distortion left out) of points [N, 3] that move by ``motion``."""
    z = points[:, 2:]
    flat = (motion[:, :2] - points[:, :2] / z * motion[:, 2:]) / z
    return np.asarray(flat * (camera.fx, camera.fy))
