# SPDX-License-Identifier: Apache-2.0
"""TF of a camera as realsense-ros publishes it, where tf2_msgs is installed (it is not on PyPI)."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node

from eschernet_ros.cameras import CameraDescription
from eschernet_ros.geometry import BODY_FROM_OPTICAL, SE3
from eschernet_ros.nodes import qos
from eschernet_ros.nodes.messages import to_transform_stamped

try:
    from tf2_msgs.msg import TFMessage
except ImportError:
    TFMessage = None


class CameraTransforms:
    """Publishes ``/tf_static`` from a camera's own extrinsics: everything hangs on ``<camera>_link``, the left imager.

    Args:
        node: owner of the publisher.
        camera: prefix of the frames.
    """

    def __init__(self, node: Node, camera: str) -> None:
        self._node = node
        self._camera = camera
        self._publisher = None
        if TFMessage is None:
            node.get_logger().info("tf2_msgs is not installed: no transforms of the camera on /tf_static")
        else:
            self._publisher = node.create_publisher(TFMessage, "/tf_static", qos.LATCHED)

    def publish(self, description: CameraDescription) -> None:
        """Publish the frames of a camera that was just connected."""
        if self._publisher is not None:
            stamp = self._node.get_clock().now().to_msg()
            self._publisher.publish(TFMessage(transforms=camera_transforms(self._camera, description, stamp)))


def camera_transforms(camera: str, description: CameraDescription, stamp: Time) -> list[TransformStamped]:
    """Return the transforms of realsense-ros 4.58 (``tfs.cpp``): link to sensor frames, and these to optical frames."""
    link = f"{camera}_link"

    def sensor(name: str, depth_from_sensor: SE3) -> list[TransformStamped]:
        link_from_sensor = BODY_FROM_OPTICAL @ depth_from_sensor @ BODY_FROM_OPTICAL.inverse()
        frame = f"{camera}_{name}_frame"
        return [
            to_transform_stamped(link, frame, link_from_sensor, stamp),
            to_transform_stamped(frame, f"{camera}_{name}_optical_frame", BODY_FROM_OPTICAL, stamp),
        ]

    transforms = [*sensor("depth", SE3.identity()), *sensor("color", description.depth_from_colour)]
    if description.depth_from_imu is not None:
        transforms += sensor("gyro", description.depth_from_imu)
        gyro, imu = f"{camera}_gyro_frame", f"{camera}_imu_frame"
        transforms.append(to_transform_stamped(gyro, imu, SE3.identity(), stamp))
        transforms.append(to_transform_stamped(imu, f"{camera}_imu_optical_frame", BODY_FROM_OPTICAL, stamp))
    return transforms
