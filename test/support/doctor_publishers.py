# SPDX-License-Identifier: Apache-2.0
"""A process that publishes what a camera and an arm would, with the faults that are asked for.

Usage: doctor_publishers.py JSON, an object with any of: ``name`` (of the node), ``topics`` (of colour, camera_info,
depth, pose; default all), ``best_effort`` (topics), ``silent`` (announced, never published), ``stamp_offset_s`` (topic
-> seconds), ``depth_size``, ``listen_reliable`` (topics that this process subscribes to as rclpy does by default).
"""

import json
import sys
import time

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.nodes import messages

NAMES = {
    "colour": ("/camera/camera/color/image_raw", Image),
    "camera_info": ("/camera/camera/color/camera_info", CameraInfo),
    "depth": ("/camera/camera/aligned_depth_to_color/image_raw", Image),
    "pose": ("/franka_robot_state_broadcaster/current_pose", PoseStamped),
}
FRAME = "camera_color_optical_frame"
CAMERA = PinholeCamera(64, 48, 60.0, 60.0, 31.5, 23.5)
POSE_HZ, IMAGE_HZ = 100, 10


def main() -> None:
    """Publish until the process is ended."""
    faults = json.loads(sys.argv[1])
    rclpy.init()
    node = Node(faults.get("name", "driver"))
    publishers = {}
    for topic in faults.get("topics", list(NAMES)):
        name, kind = NAMES[topic]
        profile = QoSProfile(depth=10)
        if topic in faults.get("best_effort", []):
            profile.reliability = ReliabilityPolicy.BEST_EFFORT
        publishers[topic] = node.create_publisher(kind, name, profile)
    for topic in faults.get("listen_reliable", []):
        name, kind = NAMES[topic]
        node.create_subscription(kind, name, lambda message: None, 10)
    colour = messages.to_image(np.zeros((48, 64, 3), np.uint8), FRAME, messages.to_time(0))
    width, height = faults.get("depth_size", (64, 48))
    depth = messages.to_image(np.full((height, width), 500, np.uint16), FRAME, messages.to_time(0))
    print("at work")
    tick = 0
    while rclpy.ok():
        now_ns = node.get_clock().now().nanoseconds
        for topic, publisher in publishers.items():
            if topic in faults.get("silent", []) or (topic != "pose" and tick % (POSE_HZ // IMAGE_HZ)):
                continue
            stamp = messages.to_time(now_ns + round(faults.get("stamp_offset_s", {}).get(topic, 0.0) * 1e9))
            if topic == "pose":
                message = messages.to_pose_stamped(SE3.identity(), "base", stamp)
            elif topic == "camera_info":
                message = messages.to_camera_info(CAMERA, FRAME, stamp)
            else:
                message = colour if topic == "colour" else depth
                message.header.stamp = stamp
            publisher.publish(message)
        tick += 1
        time.sleep(1.0 / POSE_HZ)


if __name__ == "__main__":
    main()
