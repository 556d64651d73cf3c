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

from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.nodes import messages, qos

OPTICAL = "camera_color_optical_frame"
POSE_TOPIC = "/arm/camera_pose"


def read_info(folder: Path) -> dict[str, np.ndarray]:
    """Return the matrices of cam.info.txt by their headings."""
    blocks: dict[str, list[list[float]]] = {}
    heading = ""
    for line in (folder / "cam.info.txt").read_text().splitlines():
        if line.startswith("#"):
            heading = line[1:].strip()
        elif line.strip():
            blocks.setdefault(heading, []).append([float(value) for value in line.split()])
    return {name: np.array(rows) for name, rows in blocks.items()}


def read_depth(path: Path) -> np.ndarray:
    """Return metres; the files hold 0.1 mm with the bits rotated left by three."""
    stored = np.array(Picture.open(path)).astype(np.uint16)
    return ((stored >> 3) | (stored << 13)) * 1e-4


def align(depth: np.ndarray, info: dict[str, np.ndarray]) -> np.ndarray:
    """Return the depth seen from the colour camera, [H,W] uint16 mm, the nearest surface in front."""
    v, u = np.nonzero((depth > 0.2) & (depth < 2.0))
    z = depth[v, u]
    colour_from_depth = info["Depth-to-color camera extrinsic matrix"]
    points = np.linalg.inv(info["Depth camera intrinsic matrix"]) @ np.stack([u * z, v * z, z])
    points = colour_from_depth[:3, :3] @ points + colour_from_depth[:3, 3:]
    pixels = info["Color camera intrinsic matrix"] @ points
    column = np.floor(pixels[0] / pixels[2]).astype(int)
    row = np.floor(pixels[1] / pixels[2]).astype(int)
    result = np.full(depth.shape, np.inf)
    inside = (column >= 0) & (column < depth.shape[1] - 1) & (row >= 0) & (row < depth.shape[0] - 1)
    for i, j in np.ndindex(2, 2):  # the colour image is the finer one: each sample covers two pixels
        np.minimum.at(result, (row[inside] + i, column[inside] + j), points[2][inside])
    return np.where(np.isfinite(result), result * 1000.0, 0.0).astype(np.uint16)


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
        self._aligned = align(read_depth(self._folder / "raw" / f"{name}.depth.png"), self._info)
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
