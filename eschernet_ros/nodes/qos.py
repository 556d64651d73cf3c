# SPDX-License-Identifier: Apache-2.0
"""Quality of service of the topics, in one place."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

# Reliable and volatile as realsense-ros's. A publisher that keeps one message replaces it before a listener has all of
# it: 43 % of the frames of 1280x720 colour and depth at 30 Hz were lost, 7 % with a queue (bench/capture.py)
CAMERA_IMAGE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
CAMERA_INFO = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
# its inertial samples: rmw_qos_profile_sensor_data
IMU = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE)

# franka_ros2 since 3.3 publishes current_pose best effort; a best-effort subscription also hears a reliable publisher
POSE_STREAM = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
# robot_state has rclcpp::SystemDefaultsQoS, which is this with Fast DDS
ROBOT_STATE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)

# Few and precious: who comes late still gets them
VIEWS = QoSProfile(depth=128, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Megabytes each, one set a view: not kept for latecomers
VIEW_PICTURES = QoSProfile(depth=8, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Requests of which only the newest counts, and results
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
RESULTS = QoSProfile(depth=32, reliability=ReliabilityPolicy.RELIABLE)

# What tf2's broadcasters and listeners use
TF = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
TF_STATIC = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
