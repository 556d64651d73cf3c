# SPDX-License-Identifier: Apache-2.0
"""Real RealSense frames, published as topics, through capture and synthesis (skipped where the data are absent)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import apc_camera
import numpy as np
import pytest
from geometry_msgs.msg import PoseArray
from std_srvs.srv import Trigger

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.geometry import SE3
from eschernet_ros.nodes import messages
from eschernet_ros.processes import Graph

SCENE = Path(__file__).parents[2].parent / "shared/data/apc_realsense_wrist/scene-0000"
# The tissue box in the shelf, measured from the recorded depth of frame 2: its front face lies at x = 1.776 m and
# spans 0.10 m by 0.12 m; it is as deep as it is wide.
OBJECT = {"object.position": [1.83, 0.018, 1.078], "object.size": [0.115, 0.105, 0.125]}
VIEWS = 4

pytestmark = pytest.mark.skipif(not SCENE.exists(), reason="the APC recording is not beside the checkout")


def test_recorded_frames_become_views_and_syntheses(graph: Graph, connect: Callable[[], GraphClient]) -> None:
    """Pixels and poses of the recording arrive in the views; what is out of the trained range is said."""
    graph.start("camera", [sys.executable, apc_camera.__file__, str(SCENE)])
    graph.start_node("eschernet_ros.nodes.capture", {**OBJECT, "pose_topic": apc_camera.POSE_TOPIC})
    graph.start_node("eschernet_ros.nodes.synthesis", {"threads": 1})
    client = connect()
    client.wait(client._take_view.service_is_ready, 30.0, "the capture's start")
    client.wait(client._synthesize.server_is_ready, 60.0, "the synthesis node's start")
    advance = client.node.create_client(Trigger, "apc_camera/next")
    recorded = apc_camera.read_info(SCENE)
    views = []
    for index in range(VIEWS):
        if index:
            moved = advance.call_async(Trigger.Request())
            client.wait(moved.done, 10.0, "the next frame")
            time.sleep(0.3)  # a frame stamped before the change must not be paired with the pose after it
        message = client.take_view()
        views.append(messages.from_posed_view(message))
        truth = SE3.from_matrix(recorded[f"Camera-to-world extrinsic matrix (camera pose) for frame-{index:06d}"])
        assert message.base_frame == "world"
        assert messages.from_pose(message.ee_pose).is_close(truth, 1e-6)
        assert any("standoff" in warning for warning in message.warnings)  # the shelf is far: 5 longest sides
    for view in views:
        share = view.mask.mean()
        assert 0.01 < share < 0.10
        colour = view.image[view.mask].mean(axis=0)
        assert colour[2] > colour[0] + 20  # the box is turquoise
        rows, columns = np.nonzero(view.mask)
        assert abs(columns.mean() - 127.5) < 20  # aimed at the object
        assert abs(rows.mean() - 127.5) < 20

    targets = PoseArray(poses=[messages.to_pose(views[-1].base_from_camera_optical)])
    targets.header.frame_id = "world"
    result = client.synthesize(targets, [0, 1, 2], steps=4)
    assert len(result.views) == 1
    assert result.views[0].width == 64
    assert any("longest sides" in warning for warning in result.warnings)
