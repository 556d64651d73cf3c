# SPDX-License-Identifier: Apache-2.0
"""A driver and an arm for tests: publishes the drawn scene while the camera swings, again and again.

``moving_camera.py AHEAD_S``: the arm's clock is ahead by this. Images are stamped at the end of an exposure that the
metadata alone tell; only every third image has a camera_info. Stamps follow a schedule of their own, so a busy machine
only makes it slower.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from eschernet_ros.nodes import messages, qos

sys.path.insert(0, str(Path(__file__).parent))  # also where PYTHONSAFEPATH leaves it out
import drawn_scene

OPTICAL = "camera_color_optical_frame"
STEP_S, LENGTH_S = 0.01, 3.3
EXPOSURE_S = 0.04
TIMES = [0.15 + 0.33 * i for i in range(9)]


class MovingCamera(Node):
    """Camera and arm."""

    def __init__(self, ahead_s: float) -> None:
        super().__init__("moving_camera")
        camera, aligned = "/camera/camera/color", "/camera/camera/aligned_depth_to_color"
        self._colour = self.create_publisher(Image, f"{camera}/image_raw", qos.CAMERA_IMAGE)
        self._info = self.create_publisher(CameraInfo, f"{camera}/camera_info", qos.CAMERA_INFO)
        self._depth = self.create_publisher(Image, f"{aligned}/image_raw", qos.CAMERA_IMAGE)
        self._pose = self.create_publisher(PoseStamped, "/franka_robot_state_broadcaster/current_pose", qos.POSE_STREAM)
        self._metadata = self.create_publisher(String, f"{camera}/metadata_json", qos.CAMERA_INFO)
        self._ahead_s = ahead_s
        self._frames = drawn_scene.frames_at(TIMES)

    def play(self) -> None:
        """One swing."""
        start_ns = time.time_ns()
        waiting = list(zip(TIMES, self._frames, strict=True))
        for step in range(round(LENGTH_S / STEP_S)):
            seconds = step * STEP_S
            base_from_ee = drawn_scene.camera_at(seconds) @ drawn_scene.HAND_EYE.inverse()
            stamp = messages.to_time(start_ns + round((seconds + self._ahead_s) * 1e9))
            self._pose.publish(messages.to_pose_stamped(base_from_ee, "base", stamp))
            if waiting and waiting[0][0] <= seconds:
                at, frame = waiting.pop(0)
                stamp_ns = start_ns + round((at + EXPOSURE_S / 2) * 1e9)
                stamp = messages.to_time(stamp_ns)
                told = {"ros_stamp_ns": stamp_ns, "actual_exposure": EXPOSURE_S / 100e-6}
                self._metadata.publish(String(data=json.dumps(told)))
                if len(waiting) % 3 == 0:
                    self._info.publish(messages.to_camera_info(frame.camera, OPTICAL, stamp))
                self._colour.publish(messages.to_image(frame.image, OPTICAL, stamp))
                depth = (frame.depth * 1000.0).round().astype("uint16")
                self._depth.publish(messages.to_image(depth, OPTICAL, stamp))
            time.sleep(STEP_S)


def main() -> None:
    """Run the node."""
    rclpy.init()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        node = MovingCamera(float(sys.argv[1]))
        print("at work", flush=True)
        while rclpy.ok():
            node.play()


if __name__ == "__main__":
    main()
