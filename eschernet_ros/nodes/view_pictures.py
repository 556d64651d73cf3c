# SPDX-License-Identifier: Apache-2.0
"""The full-resolution pictures of every view that is taken, for whoever records them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from eschernet_ros.capture import PosedView
from eschernet_ros.nodes import messages, qos

CHANNELS = ("colour", "depth", "mask")


class ViewPictures:
    """Publishes ``~/view/colour``, ``~/view/depth`` and ``~/view/mask`` of a view, with the image's own stamp.

    Only what has a subscriber is published. A view whose mask is not known counts as object everywhere, in the model's
    image too, and so does its mask here.

    Args:
        node: owner of the publishers.
        with_depth: whether frames have depth.
    """

    def __init__(self, node: Node, with_depth: bool) -> None:
        self._publishers = {
            name: node.create_publisher(Image, f"~/view/{name}", qos.VIEW_PICTURES)
            for name in CHANNELS
            if name != "depth" or with_depth
        }

    def publish(self, view: PosedView, parts: Mapping[str, Any]) -> None:
        """Publish the pictures of a view.

        Args:
            view: the view.
            parts: the messages it was made from.
        """
        for name, publisher in self._publishers.items():
            if not publisher.get_subscription_count():
                continue
            if name != "mask":
                publisher.publish(parts[name])
                continue
            camera, header = view.source_camera, parts["colour"].header
            mask = view.source_mask
            if mask is None:
                mask = np.ones((camera.height, camera.width), dtype=bool)
            publisher.publish(messages.to_image(mask, header.frame_id, header.stamp))
