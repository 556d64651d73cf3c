# SPDX-License-Identifier: Apache-2.0
"""Between ROS messages and the library's types; the only module that knows the layout of both."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import CameraInfo, Image

from eschernet_ros.capture import PosedView, PoseError, PoseSample, ViewScores
from eschernet_ros.capture.image_messages import colour_from_image as colour_from_image
from eschernet_ros.capture.image_messages import depth_from_image as depth_from_image
from eschernet_ros.capture.image_messages import mask_from_image as mask_from_image
from eschernet_ros.capture.message_fields import camera_of, transform_of
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera
from eschernet_ros.msg import PosedView as PosedViewMessage

NANOSECONDS = 1_000_000_000


def to_nanoseconds(stamp: Time | Duration) -> int:
    """Return a stamp or duration as integer nanoseconds."""
    return stamp.sec * NANOSECONDS + stamp.nanosec


def to_time(stamp_ns: int) -> Time:
    """Return integer nanoseconds as a stamp."""
    return Time(sec=int(stamp_ns // NANOSECONDS), nanosec=int(stamp_ns % NANOSECONDS))


def to_duration(nanoseconds: int) -> Duration:
    """Return integer nanoseconds as a duration."""
    return Duration(sec=int(nanoseconds // NANOSECONDS), nanosec=int(nanoseconds % NANOSECONDS))


def to_pose(transform: SE3) -> Pose:
    """Return a rigid transform as a pose."""
    x, y, z = transform.translation
    qx, qy, qz, qw = transform.quaternion_xyzw
    return Pose(
        position=Point(x=float(x), y=float(y), z=float(z)),
        orientation=Quaternion(x=float(qx), y=float(qy), z=float(qz), w=float(qw)),
    )


def from_pose(pose: Pose) -> SE3:
    """Return a pose as a rigid transform.

    Raises:
        EscherNetError: for NaN, or a quaternion that is not of unit length (all zero: never filled in).
    """
    return transform_of(pose)


def from_transform(transform: Transform) -> SE3:
    """Return a TF transform as a rigid transform.

    Raises:
        EscherNetError: as :func:`from_pose`.
    """
    return transform_of(transform)


def to_pose_stamped(transform: SE3, frame_id: str, stamp: Time) -> PoseStamped:
    """Return a rigid transform as a stamped pose in ``frame_id``."""
    message = PoseStamped(pose=to_pose(transform))
    message.header.frame_id = frame_id
    message.header.stamp = stamp
    return message


def to_transform_stamped(parent: str, child: str, parent_from_child: SE3, stamp: Time) -> TransformStamped:
    """Return the pose of frame ``child`` in frame ``parent`` as a transform for TF."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = stamp
    x, y, z = (float(value) for value in parent_from_child.translation)
    message.transform.translation = Vector3(x=x, y=y, z=z)
    message.transform.rotation = to_pose(parent_from_child).orientation
    return message


def to_image(pixels: np.ndarray, frame_id: str, stamp: Time) -> Image:
    """Return an image message: [H,W,3] uint8 as ``rgb8``, [H,W] bool or uint8 as ``mono8``, uint16 as ``16UC1``.

    The data go in as ``array.array``: rclpy copies anything else element by element (rclpy issue 763).
    """
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    encodings = {(3, "uint8"): "rgb8", (2, "uint8"): "mono8", (2, "uint16"): "16UC1"}
    encoding = encodings.get((pixels.ndim, pixels.dtype.name))
    if encoding is None or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise EscherNetError(
            f"an image of shape {pixels.shape} and type {pixels.dtype} has no ROS encoding here; "
            "give uint8 [H,W,3], uint8 or bool [H,W], or uint16 [H,W]"
        )
    pixels = np.ascontiguousarray(pixels)
    message = Image(
        height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, step=pixels.strides[0], is_bigendian=0
    )
    message.data = array.array("B")
    message.data.frombytes(pixels.reshape(-1).view(np.uint8))
    message.header.frame_id = frame_id
    message.header.stamp = stamp
    return message


def to_camera_info(camera: PinholeCamera, frame_id: str, stamp: Time) -> CameraInfo:
    """Return a pinhole camera as CameraInfo (REP 104: K, P row-major; ``plumb_bob`` distortion of 5 numbers)."""
    message = CameraInfo(height=camera.height, width=camera.width, distortion_model="plumb_bob")
    message.header.frame_id = frame_id
    message.header.stamp = stamp
    distortion = list(camera.distortion) + [0.0] * (5 - len(camera.distortion))
    if len(distortion) > 5:
        message.distortion_model = "rational_polynomial"
    message.d = [float(d) for d in distortion]
    message.k = [float(v) for v in camera.matrix.ravel()]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [camera.fx, 0.0, camera.cx, 0.0, 0.0, camera.fy, camera.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def from_camera_info(message: CameraInfo) -> PinholeCamera:
    """Return the pinhole camera of a CameraInfo.

    Raises:
        EscherNetError: for an uncalibrated camera (all zero K) or a distortion model that is not OpenCV's.
    """
    return camera_of(message)


def to_posed_view(
    view: PosedView,
    *,
    object_frame: str,
    base_frame: str,
    source_info: CameraInfo,
    hand_eye: SE3 | None = None,
    pose_of: str = "ee",
) -> PosedViewMessage:
    """Return the library's view as the message ``eschernet_ros/PosedView``.

    Args:
        view: the view.
        object_frame, base_frame: frame ids.
        source_info: of the frame it was made from.
        hand_eye: real camera's optical frame in the frame of the view's pose sample; None: the view's own.
        pose_of: what the pose sample is the pose of: ``ee`` or ``flange``.
    """
    stamp = to_time(view.stamp_ns)
    frame = view.object_frame
    camera_frame = source_info.header.frame_id
    message = PosedViewMessage(id=view.index, base_frame=base_frame, camera_frame=camera_frame)
    message.header.frame_id = object_frame
    message.header.stamp = stamp
    message.image_stamp = to_time(view.image_stamp_ns)
    message.image = to_image(view.image, camera_frame, stamp)
    message.mask = to_image(view.mask, camera_frame, stamp)
    message.camera_info = to_camera_info(view.camera, camera_frame, stamp)
    message.source_info = source_info
    message.camera_pose = to_pose(frame.base_from_object.inverse() @ view.base_from_camera_optical)
    message.pose_of = pose_of
    message.ee_pose = to_pose(view.pose_sample.pose)
    message.hand_eye = to_pose(view.frame_from_camera_optical if hand_eye is None else hand_eye)
    message.object_pose = to_pose(frame.base_from_object)
    message.object_size = Vector3(x=frame.size[0], y=frame.size[1], z=frame.size[2])
    message.scale = frame.scale
    message.standoff = view.standoff
    message.exposure = view.exposure_s
    message.exposure_source = view.exposure_source
    message.pose_gap = to_duration(view.pose_sample.gap_ns)
    message.pose_offset = to_duration(view.pose_sample.offset_ns)
    message.linear_speed = view.pose_sample.linear_speed
    message.angular_speed = view.pose_sample.angular_speed
    error, scores = view.pose_error, view.scores
    message.position_error, message.rotation_error = error.position_m, error.rotation_rad
    message.pixel_error, message.motion_blur = error.pixels, error.motion_blur_px
    message.camera_speed = error.camera_speed
    message.rest_motion, message.rest_turn = scores.rest_motion_m, scores.rest_turn_rad
    message.blur, message.saturated, message.black = scores.blur, scores.saturated, scores.black
    message.depth_coverage = scores.depth_coverage
    message.nearest_angle, message.nearest_distance = scores.nearest_angle_rad, scores.nearest_distance_m
    message.warnings = list(view.warnings)
    return message


def from_posed_view(message: PosedViewMessage) -> PosedView:
    """Return the library's view of a ``PosedView`` message.

    Raises:
        EscherNetError: for a message whose parts do not fit together.
    """
    size = message.object_size
    object_frame = ObjectFrame(from_pose(message.object_pose), (size.x, size.y, size.z))
    return PosedView(
        index=message.id,
        stamp_ns=to_nanoseconds(message.header.stamp),
        image_stamp_ns=to_nanoseconds(message.image_stamp),
        image=colour_from_image(message.image),
        mask=mask_from_image(message.mask),
        camera=from_camera_info(message.camera_info),
        source_camera=from_camera_info(message.source_info),
        base_from_camera_optical=object_frame.base_from_object @ from_pose(message.camera_pose),
        object_frame=object_frame,
        pose_sample=PoseSample(
            pose=from_pose(message.ee_pose),
            stamp_ns=to_nanoseconds(message.header.stamp),
            gap_ns=to_nanoseconds(message.pose_gap),
            offset_ns=to_nanoseconds(message.pose_offset),
            linear_speed=message.linear_speed,
            angular_speed=message.angular_speed,
        ),
        frame_from_camera_optical=from_pose(message.hand_eye),
        exposure_s=message.exposure,
        exposure_source=message.exposure_source,
        pose_error=PoseError(
            position_m=message.position_error,
            rotation_rad=message.rotation_error,
            pixels=message.pixel_error,
            camera_speed=message.camera_speed,
            motion_blur_px=message.motion_blur,
        ),
        scores=ViewScores(
            rest_motion_m=message.rest_motion,
            rest_turn_rad=message.rest_turn,
            blur=message.blur,
            saturated=message.saturated,
            black=message.black,
            depth_coverage=message.depth_coverage,
            nearest_angle_rad=message.nearest_angle,
            nearest_distance_m=message.nearest_distance,
        ),
        warnings=tuple(message.warnings),
    )


def key_values(counts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return diagnostics values as text, floats with six significant digits."""
    return [(key, f"{value:.6g}" if isinstance(value, float) else str(value)) for key, value in counts.items()]
