# SPDX-License-Identifier: Apache-2.0
"""The coverage node: posed views in, the map and the next viewpoint out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from eschernet_ros.msg import PosedView
from geometry_msgs.msg import PoseStamped
from made_views import OBJECT, made_view
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph

AZIMUTHS = (0.0, 40.0, 80.0)


def seen_from(pose: PoseStamped) -> np.ndarray:
    """Unit vector from the object to a camera of the base frame, in the object's frame."""
    centre = OBJECT.base_from_object.inverse() @ messages.from_pose(pose.pose).translation
    return centre / np.linalg.norm(centre)


def test_it_shows_what_is_covered_and_what_is_missing(graph: Graph, connect: Callable[[], GraphClient]) -> None:
    """The map is for every view anew; the next viewpoint is far from all views, and another after a skip."""
    graph.start_node("eschernet_ros.nodes.coverage", {"max_reach_m": 2.0}, name="coverage")
    client = connect()
    maps: list[Image] = []
    poses: list[PoseStamped] = []
    client.node.create_subscription(Image, "coverage/map", maps.append, qos.LATCHED)
    client.node.create_subscription(PoseStamped, "coverage/next_viewpoint", poses.append, qos.LATCHED)
    publisher = client.node.create_publisher(PosedView, "capture/posed_view", qos.VIEWS)
    client.wait(lambda: publisher.get_subscription_count() > 1, 30.0, "the node's subscription")
    skip = client.node.create_client(Trigger, "coverage/skip")
    client.wait(skip.service_is_ready, 30.0, "its service")
    views = [made_view(index, azimuth) for index, azimuth in enumerate(AZIMUTHS)]
    for view in views:
        publisher.publish(view)
    last = views[-1].header.stamp
    client.wait(lambda: poses and poses[-1].header.stamp == last, 20.0, "the viewpoint after the last view")
    client.wait(lambda: maps and maps[-1].header.stamp == last, 20.0, "the map after the last view")

    picture = messages.colour_from_image(maps[-1])
    assert (maps[-1].encoding, picture.ndim) == ("rgb8", 3)
    green = (picture[..., 1].astype(int) > picture[..., 0].astype(int) + 20).mean()
    assert 0.02 < green < 0.3  # three caps of 20 degrees on the map
    suggested = poses[-1]
    assert suggested.header.frame_id == "base"
    directions = np.array([messages.from_posed_view(v).camera_gl_from_object.inverse().translation for v in views])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    nearest = math.degrees(math.acos(float((directions @ seen_from(suggested)).max())))
    assert nearest > 40.0  # its own cap overlaps with none of theirs
    camera = messages.from_pose(suggested.pose)
    assert abs(OBJECT.standoff(camera) - 1.5) < 1e-6  # where the views so far stood
    np.testing.assert_allclose((camera.inverse() @ OBJECT.base_from_object.translation)[:2], 0.0, atol=1e-9)

    count = len(poses)
    assert client._call(skip, 20.0, "skipping").startswith("skipped azimuth")
    client.wait(lambda: len(poses) > count, 20.0, "another viewpoint")
    assert math.degrees(math.acos(float(seen_from(poses[-1]) @ seen_from(suggested)))) > 12.0
