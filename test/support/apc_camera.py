# SPDX-License-Identifier: Apache-2.0
"""Publish the real RealSense frames of ../shared/data/apc_realsense_wrist as a driver and an arm would.

A node for tests: ``apc_camera.py FOLDER``. It repeats one frame until ``~/next`` (Trigger) is called. Pixels,
intrinsics and poses are the recorded ones; the stamps are made up (the recording has none), as is the registration of
depth to colour, which is computed here from the recorded extrinsics.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from PIL import Image as Picture
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from eschernet_ros.checking.rgbd_folder import align_depth, read_depth, read_info
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.nodes import messages, qos

OPTICAL = "camera_color_optical_frame"
POSE_TOPIC = "/arm/camera_pose"


class ApcCamera(Node):
    """Camera and arm of the recording."""

    def __init__(self, folder: Path) -> None:
        super().__init__("apc_camera")
        self._folder = folder
        self._info = read_info(folder)
        self._index = -1
        camera, aligned = "/camera/camera/color", "/camera/camera/aligned_depth_to_color"
        self._colour = self.create_publisher(Image, f"{camera}/image_raw", qos.CAMERA_IMAGE)
        self._camera_info = self.create_publisher(CameraInfo, f"{camera}/camera_info", qos.CAMERA_INFO)
        self._depth = self.create_publisher(Image, f"{aligned}/image_raw", qos.CAMERA_IMAGE)
        self._pose = self.create_publisher(PoseStamped, POSE_TOPIC, qos.POSE_STREAM)
        self.create_service(Trigger, "~/next", self._next)
        self._next(Trigger.Request(), Trigger.Response())
        self._timers_kept = [
            self.create_timer(0.01, self._publish_pose),
            self.create_timer(0.2, self._publish_frame),
        ]

    def _next(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._index += 1
        name = f"frame-{self._index:06d}"
        self._pixels = np.array(Picture.open(self._folder / f"{name}.color.png"))
        depth = align_depth(read_depth(self._folder / "raw" / f"{name}.depth.png"), self._info)
        self._aligned = (depth * 1000.0).astype(np.uint16)
        matrix = self._info[f"Camera-to-world extrinsic matrix (camera pose) for {name}"]
        self._world_from_camera = SE3.from_matrix(matrix)
        response.success = True
        response.message = name
        return response

    def _publish_pose(self) -> None:
        stamp = self.get_clock().now().to_msg()
        self._pose.publish(messages.to_pose_stamped(self._world_from_camera, "world", stamp))

    def _publish_frame(self) -> None:
        stamp = self.get_clock().now().to_msg()
        camera = PinholeCamera.from_matrix(self._info["Color camera intrinsic matrix"], 640, 480)
        self._colour.publish(messages.to_image(self._pixels, OPTICAL, stamp))
        self._camera_info.publish(messages.to_camera_info(camera, OPTICAL, stamp))
        self._depth.publish(messages.to_image(self._aligned, OPTICAL, stamp))


def main() -> None:
    """Run the node."""
    rclpy.init()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(ApcCamera(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
