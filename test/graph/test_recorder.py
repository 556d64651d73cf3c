# SPDX-License-Identifier: Apache-2.0
"""The recorder node: views and frames from the graph end up in a data set folder, whatever happens to the process."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eschernet_ros.msg import PosedView
from geometry_msgs.msg import PoseStamped
from made_views import CAMERA, HAND_EYE, camera_pose, made_view
from PIL import Image as PILImage
from sensor_msgs.msg import Image, JointState

from eschernet_ros.cli.main import main
from eschernet_ros.datasets import DatasetError, open_dataset, read_frames_file
from eschernet_ros.datasets.frame_files import read_source
from eschernet_ros.datasets.franka16_frames import count_frames
from eschernet_ros.demo.client import GraphClient
from eschernet_ros.demo.run import capture_parameters
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import franka16_poses
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph, NodeProcess

AZIMUTHS = (0.0, 70.0, 140.0, 210.0, 280.0)


def start(graph: Graph, folder: Path, name: str = "recorder", **parameters: Any) -> NodeProcess:
    """Start a recorder into ``folder/thing``."""
    place = {"output_dir": str(folder), "object_name": "thing"}
    return graph.start_node("eschernet_ros.nodes.recorder", {**place, **parameters}, name=name)


def record(client: GraphClient, indices: range) -> str:
    """Publish views and wait until they are on disk."""
    publisher = client.node.create_publisher(PosedView, "capture/posed_view", qos.VIEWS)
    client.wait(lambda: publisher.get_subscription_count() > 1, 30.0, "the recorder's subscription")
    client.wait(client._flush.service_is_ready, 30.0, "the recorder's service")
    for index in indices:
        publisher.publish(made_view(index, AZIMUTHS[index]))
    client.wait(lambda: len(client.views) >= len(indices), 10.0, "the views' arrival here")
    said = ""
    for _ in range(30):  # a view may still be on its way to the recorder when it answers
        with contextlib.suppress(EscherNetError):
            said = client.flush_recorder(timeout_s=1.0)
        if said.startswith(f"{indices.stop} frames"):
            break
    client.between_callbacks(client.node.destroy_publisher, publisher)
    return said


def test_views_are_recorded(graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path) -> None:
    """Published rule and full record both give the poses back; the pixels are unchanged."""
    start(graph, tmp_path)
    said = record(connect(), range(5))
    folder = tmp_path / "thing"
    assert said.startswith(f"5 frames in {folder}")
    views = [messages.from_posed_view(made_view(i, azimuth)) for i, azimuth in enumerate(AZIMUTHS)]
    truth = np.stack([view.camera_gl_from_object.matrix for view in views])

    by_published_rule = np.stack([pose.matrix for pose in franka16_poses(np.load(folder / "angles.npy"))])
    np.testing.assert_allclose(by_published_rule, truth, atol=1e-9)  # the made views stand at 1.5, as the rule says
    read = open_dataset(folder).read(image_size=64)
    np.testing.assert_allclose(read.camera_gl_from_world, truth, atol=1e-9)
    np.testing.assert_array_equal(read.images, np.stack([view.image for view in views]))
    assert [record.stamp_ns for record in read_frames_file(folder).records] == [view.stamp_ns for view in views]


def test_a_killed_recorder_resumes(graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path) -> None:
    """After kill -9 the next one goes on in the same folder."""
    first = start(graph, tmp_path)
    record(connect(), range(3))
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    graph.processes.remove(first)
    start(graph, tmp_path, name="recorder")
    said = record(connect(), range(3, 5))  # a client of its own: the first one still talks to the killed recorder
    assert said.startswith("5 frames")
    assert len(np.load(tmp_path / "thing" / "angles.npy")) == 5


def test_full_resolution_pictures_are_joined_to_their_views(
    graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path
) -> None:
    """They come on topics of their own, before or after the view; what does not come costs a warning, not a view."""
    client = connect()
    publishers = {
        name: client.node.create_publisher(Image, f"capture/view/{name}", qos.VIEW_PICTURES)
        for name in ("colour", "depth", "mask")
    }
    joints = client.node.create_publisher(JointState, "/joint_states", 10)
    offset = client.node.create_publisher(PoseStamped, "capture/flange_from_ee", qos.LATCHED)
    offset.publish(messages.to_pose_stamped(HAND_EYE, "flange", messages.to_time(0)))
    start(graph, tmp_path, picture_timeout_s=1.0)
    for publisher in (*publishers.values(), joints):
        client.wait(lambda p=publisher: p.get_subscription_count() > 0, 60.0, "the recorder's subscriptions")
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (480, 640, 3), np.uint8)
    depth = rng.integers(0, 5000, (480, 640), np.uint16)
    mask = rng.random((480, 640)) < 0.2
    view = made_view(0, AZIMUTHS[0])
    stamp_ns = messages.to_nanoseconds(view.header.stamp)
    for at_ns, value in ((stamp_ns - 10_000_000, 0.0), (stamp_ns + 30_000_000, 0.4)):
        state = JointState(name=["fr3_joint1"], position=[value])
        state.header.stamp = messages.to_time(at_ns)
        joints.publish(state)
    for name, pixels in (("colour", colour), ("depth", depth), ("mask", mask)):
        publishers[name].publish(messages.to_image(pixels, "camera", view.image_stamp))
    time.sleep(0.3)  # the pictures first
    said = record(client, range(2))  # of the second view no pictures come
    assert said.startswith("2 frames")

    frames = read_frames_file(tmp_path / "thing")
    source = read_source(tmp_path / "thing", frames.files[0])
    np.testing.assert_array_equal(source.colour, colour)
    np.testing.assert_array_equal(source.depth, depth)
    np.testing.assert_array_equal(source.mask, mask)
    with PILImage.open(tmp_path / "thing" / "rgba" / "frame000000.png") as picture:
        rgba = np.asarray(picture)
    np.testing.assert_array_equal(rgba[..., 3], np.where(mask, 255, 0))
    np.testing.assert_array_equal(rgba[mask][:, :3], colour[mask])
    assert (rgba[~mask][:, :3] == 255).all()
    first, second = frames.records
    assert first.source_camera == CAMERA
    assert first.arm.joints == pytest.approx({"fr3_joint1": 0.1})
    assert first.arm.flange_from_ee.is_close(HAND_EYE, atol=1e-9)
    assert first.arm.arm_from_camera_optical.is_close(HAND_EYE, atol=1e-9)
    assert (first.arm.base_frame, first.arm.pose_of) == ("base", "ee")
    assert first.base_from_source_optical.is_close(camera_pose(AZIMUTHS[0]), atol=1e-9)
    assert first.warnings == ()
    assert set(frames.files[1]) == {"image"}
    assert "colour and depth and mask did not come within 1 s" in second.warnings[0]
    assert json.loads((tmp_path / "index.json").read_text())["objects"]["thing"]["state"] == "recording"


def test_every_frame_is_recorded_and_finished_later(
    graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path
) -> None:
    """Continuous mode takes the bench's camera and moving arm itself; `dataset finish` makes a data set of it."""
    graph.start_node("eschernet_ros.nodes.bench", {"object": "mug", "fps": 5})
    start(graph, tmp_path, mode="continuous", **capture_parameters(), **{"mask.method": "depth"})
    client = connect()
    client.wait(client._flush.service_is_ready, 60.0, "the recorder's service")
    client.wait(lambda: count_frames(tmp_path / "thing")[0] > 0, 60.0, "the first frame")
    client.wait(lambda: client.viewpoints is not None, 60.0, "the bench's list of viewpoints")
    client.move_camera(client.viewpoints.poses[1], client.viewpoints.header.frame_id)
    seen = count_frames(tmp_path / "thing")[0]
    client.wait(lambda: count_frames(tmp_path / "thing")[0] > seen + 2, 60.0, "frames at the new place")
    graph.stop()
    frames = read_frames_file(tmp_path / "thing")
    assert len(frames.records) >= 4
    assert {f"fr3_joint{i}" for i in range(1, 8)} <= set(frames.records[-1].arm.joints)
    first, last = frames.records[0].base_from_source_optical, frames.records[-1].base_from_source_optical
    assert first.distance_to(last)[0] > 0.05
    assert (frames.finished, frames.state) == (0, "unfinished")
    stamps = [record.image_stamp_ns for record in frames.records]
    assert stamps == sorted(set(stamps))
    with pytest.raises(DatasetError, match=r"unfinished recording: .*dataset finish"):
        open_dataset(tmp_path / "thing").read()
    assert main(["dataset", "finish", str(tmp_path / "thing")]) == 0
    views = open_dataset(tmp_path / "thing").read(image_size=64)
    assert len(views) == len(frames.records)
    assert 0.01 < views.masks[-1].mean() < 0.6
    assert "blur" in read_frames_file(tmp_path / "thing").records[-1].quality
    np.testing.assert_array_equal(
        views.camera_gl_from_world, [record.camera_gl_from_object.matrix for record in frames.records]
    )


def test_a_second_recorder_is_refused(graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path) -> None:
    """Two writers on one folder would destroy it; the second says who holds it and ends with status 2."""
    first = start(graph, tmp_path)
    record(connect(), range(1))
    second = start(graph, tmp_path, name="second")
    second.process.wait(30.0)
    assert second.process.returncode == 2
    assert str(first.process.pid) in second.log.read_text()
    graph.processes.remove(second)
