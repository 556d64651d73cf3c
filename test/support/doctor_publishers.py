# SPDX-License-Identifier: Apache-2.0
"""A process that publishes what a camera and an arm would, with the faults that are asked for.

Usage: doctor_publishers.py JSON, an object with any of: ``name`` (of the node), ``topics`` (of colour, camera_info,
depth, pose, object; default all but the last), ``best_effort`` (topics), ``silent`` (announced, never published),
``stamp_offset_s`` (topic -> seconds), ``depth_size``, ``listen_reliable`` (topics that this process subscribes to as
rclpy does by default).
"""

import array
import json
import sys
import time

import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import Marker

NAMES = {
    "colour": ("/camera/camera/color/image_raw", Image),
    "camera_info": ("/camera/camera/color/camera_info", CameraInfo),
    "depth": ("/camera/camera/aligned_depth_to_color/image_raw", Image),
    "pose": ("/franka_robot_state_broadcaster/current_pose", PoseStamped),
    "object": ("/object_box", Marker),  # latched, published once
}
FRAME = "camera_color_optical_frame"
POSE_HZ, IMAGE_HZ = 100, 10


def image(encoding: str, width: int, height: int, bytes_per_pixel: int) -> Image:
    """A black image."""
    message = Image(width=width, height=height, encoding=encoding, step=width * bytes_per_pixel)
    message.data = array.array("B", bytes(message.step * height))
    message.header.frame_id = FRAME
    return message


def main() -> None:
    """Publish until the process is ended."""
    faults = json.loads(sys.argv[1])
    rclpy.init()
    node = Node(faults.get("name", "driver"))
    publishers = {}
    for topic in faults.get("topics", list(NAMES)[:4]):
        name, kind = NAMES[topic]
        profile = QoSProfile(depth=10)
        if topic in faults.get("best_effort", []):
            profile.reliability = ReliabilityPolicy.BEST_EFFORT
        if topic == "object":
            profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
        publishers[topic] = node.create_publisher(kind, name, profile)
    for topic in faults.get("listen_reliable", []):
        name, kind = NAMES[topic]
        node.create_subscription(kind, name, lambda message: None, 10)
    info = CameraInfo(width=64, height=48, k=[60.0, 0.0, 31.5, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0])
    info.header.frame_id = FRAME
    pose = PoseStamped()
    pose.header.frame_id = "base"
    pose.pose.orientation.w = 1.0
    depth = image("16UC1", *faults.get("depth_size", (64, 48)), 2)
    ready = {"colour": image("rgb8", 64, 48, 3), "camera_info": info, "depth": depth, "pose": pose}
    if "object" in publishers:
        publishers.pop("object").publish(Marker(type=Marker.CUBE))
    print("at work")
    tick = 0
    while rclpy.ok():
        now_ns = node.get_clock().now().nanoseconds
        for topic, publisher in publishers.items():
            if topic in faults.get("silent", []) or (topic != "pose" and tick % (POSE_HZ // IMAGE_HZ)):
                continue
            stamp_ns = now_ns + round(faults.get("stamp_offset_s", {}).get(topic, 0.0) * 1e9)
            ready[topic].header.stamp = Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
            publisher.publish(ready[topic])
        tick += 1
        time.sleep(1.0 / POSE_HZ)


if __name__ == "__main__":
    main()
