# SPDX-License-Identifier: Apache-2.0
"""TF of the simulated bench, where tf2_msgs is installed (it is not on PyPI; a ROS distribution has it)."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from numpy.typing import ArrayLike
from rclpy.node import Node
from rclpy.qos import QoSProfile

from eschernet_ros.geometry import BODY_FROM_OPTICAL, SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, link_frames
from eschernet_ros.nodes import qos
from eschernet_ros.nodes.messages import to_transform_stamped as stamped
from eschernet_ros.simulation import SimulatedBench

try:
    from tf2_msgs.msg import TFMessage
except ImportError:
    TFMessage = None

# camera_link of a D435i is at its left imager, the colour sensor 15 mm beside it (data sheet, D435i module)
LINK_FROM_COLOUR = SE3.from_rotvec([0.0, 0.0, 0.0], [0.0, 0.015, 0.0])


class BenchTransforms:
    """Publishes ``/tf`` as robot_state_publisher does, and ``/tf_static`` as realsense-ros and easy_handeye2 do.

    Args:
        node: owner of the publishers.
        bench: gives the hand-eye transform.
        base_frame: root link.
        robot: prefix of the link names.
        camera: prefix of the camera frames.
        optical_frame: the colour camera's optical frame.
    """

    def __init__(
        self, node: Node, bench: SimulatedBench, base_frame: str, robot: str, camera: str, optical_frame: str
    ) -> None:
        self._robot = robot
        self._publisher = None
        if TFMessage is None:
            node.get_logger().info("tf2_msgs is not installed: the bench publishes no TF")
            return
        self._publisher = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        self._static = node.create_publisher(TFMessage, "/tf_static", qos.LATCHED)
        hand = f"{robot}_hand_tcp"
        hand_from_link = bench.ee_from_camera_optical @ (LINK_FROM_COLOUR @ BODY_FROM_OPTICAL).inverse()
        stamp = node.get_clock().now().to_msg()
        link0 = f"{robot}_link0"
        root = [] if base_frame == link0 else [stamped(base_frame, link0, SE3.identity(), stamp)]
        self._static.publish(
            TFMessage(
                transforms=[
                    *root,
                    stamped(f"{robot}_link8", hand, FLANGE_FROM_HAND_EE, stamp),
                    stamped(hand, f"{camera}_link", hand_from_link, stamp),
                    stamped(f"{camera}_link", f"{camera}_color_frame", LINK_FROM_COLOUR, stamp),
                    stamped(f"{camera}_color_frame", optical_frame, BODY_FROM_OPTICAL, stamp),
                ]
            )
        )

    def publish(self, q: ArrayLike, stamp: Time) -> None:
        """Publish the chain of links at joint angles ``q`` [7] rad."""
        if self._publisher is None:
            return
        poses = link_frames(q)
        names = [f"{self._robot}_link{i}" for i in range(len(poses))]
        self._publisher.publish(
            TFMessage(
                transforms=[
                    stamped(names[i], names[i + 1], poses[i].inverse() @ poses[i + 1], stamp)
                    for i in range(len(poses) - 1)
                ]
            )
        )
