# SPDX-License-Identifier: Apache-2.0
"""The topics of realsense-ros 4.58: names, types, frames, stamps and QoS."""

from __future__ import annotations

import json
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, Imu
from std_msgs.msg import Header, String

from eschernet_ros.cameras import CameraFrame, MotionSample
from eschernet_ros.nodes import messages, qos

try:
    from realsense2_camera_msgs.msg import Metadata
except ImportError:
    Metadata = None

IMU_VARIANCE = 0.01
"""Variance of every axis, the default of realsense-ros (``linear_accel_cov`` and ``angular_velocity_cov``)."""


class RealSenseTopics:
    """Publishes frames and inertial samples under one prefix.

    Metadata go out as ``color/metadata`` where ``realsense2_camera_msgs`` is installed, and otherwise as
    ``color/metadata_json`` (``std_msgs/String``): the same JSON, with the stamp of the frame as ``ros_stamp_ns``.

    Args:
        node: owner of the publishers.
        prefix: of the topics, for example ``/camera/camera``.
        camera: prefix of the frames.
        depth, imu: whether these streams are on; a topic that will never have a message is not offered.
    """

    def __init__(self, node: Node, prefix: str, camera: str, *, depth: bool, imu: bool) -> None:
        self._optical = f"{camera}_color_optical_frame"
        self._imu_optical = f"{camera}_imu_optical_frame"
        self._colour = node.create_publisher(Image, f"{prefix}/color/image_raw", qos.CAMERA_IMAGE)
        self._colour_info = node.create_publisher(CameraInfo, f"{prefix}/color/camera_info", qos.CAMERA_INFO)
        if Metadata is None:
            name, kind = "metadata_json", String
            node.get_logger().info(
                "realsense2_camera_msgs is not installed: metadata are on color/metadata_json (std_msgs/String)"
            )
        else:
            name, kind = "metadata", Metadata
        self._metadata: Any = node.create_publisher(kind, f"{prefix}/color/{name}", qos.CAMERA_INFO)
        self._depth = self._depth_info = self._imu = None
        if depth:
            aligned = f"{prefix}/aligned_depth_to_color"
            self._depth = node.create_publisher(Image, f"{aligned}/image_raw", qos.CAMERA_IMAGE)
            self._depth_info = node.create_publisher(CameraInfo, f"{aligned}/camera_info", qos.CAMERA_INFO)
        if imu:
            self._imu = node.create_publisher(Imu, f"{prefix}/imu", qos.IMU)

    @property
    def depth_wanted(self) -> bool:
        """Whether somebody listens to the depth."""
        return self._depth is not None and self._depth.get_subscription_count() > 0

    def publish(self, frame: CameraFrame) -> None:
        """Publish a frame, all of it under the stamp of its colour."""
        stamp = messages.to_time(frame.stamp_ns)
        info = messages.to_camera_info(frame.camera, self._optical, stamp)
        self._colour_info.publish(info)
        if self._depth_info is not None and frame.depth is not None:
            self._depth_info.publish(info)
        self._publish_metadata(frame)
        if self._colour.get_subscription_count():
            self._colour.publish(messages.to_image(frame.colour, self._optical, stamp))
        if self._depth is not None and frame.depth is not None:
            self._depth.publish(messages.to_image(frame.depth, self._optical, stamp))

    def _publish_metadata(self, frame: CameraFrame) -> None:
        if not self._metadata.get_subscription_count():
            return
        if Metadata is None:
            self._metadata.publish(String(data=_json({**frame.metadata, "ros_stamp_ns": frame.stamp_ns})))
        else:
            header = Header(stamp=messages.to_time(frame.stamp_ns), frame_id=self._optical)
            self._metadata.publish(Metadata(header=header, json_data=_json(dict(frame.metadata))))

    def publish_motion(self, sample: MotionSample) -> None:
        """Publish an inertial sample, without orientation (REP 145: first element of its covariance is -1)."""
        if self._imu is None:
            return
        message = Imu()
        message.header.frame_id = self._imu_optical
        message.header.stamp = messages.to_time(sample.stamp_ns)
        for vector, values in (
            (message.angular_velocity, sample.angular_velocity),
            (message.linear_acceleration, sample.linear_acceleration),
        ):
            vector.x, vector.y, vector.z = values
        message.orientation.w = 0.0
        message.orientation_covariance[0] = -1.0
        message.angular_velocity_covariance[0::4] = [IMU_VARIANCE] * 3
        message.linear_acceleration_covariance[0::4] = [IMU_VARIANCE] * 3
        self._imu.publish(message)


def _json(entries: dict[str, int | float | str]) -> str:
    return json.dumps(entries, separators=(",", ":"))
