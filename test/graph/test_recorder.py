# SPDX-License-Identifier: Apache-2.0
"""The recorder node: views and frames from the graph end up in a data set folder, whatever happens to the process."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostics_reports import Reports
from eschernet_ros.msg import PosedView
from geometry_msgs.msg import PoseStamped
from made_views import CAMERA, HAND_EYE, camera_pose, made_view
from PIL import Image as PILImage
from sensor_msgs.msg import CameraInfo, Image, JointState
from streamed_frames import AROUND, pictures, whole_view
from streamed_frames import CAMERA as BOX_CAMERA
from streamed_frames import HAND_EYE as ON_ARM
from streamed_frames import OBJECT as BOX_FRAME

from eschernet_ros.cli.main import main
from eschernet_ros.datasets import DatasetError, Franka16Writer, open_dataset, read_frames_file
from eschernet_ros.datasets.frame_files import read_source
from eschernet_ros.datasets.franka16_frames import count_frames
from eschernet_ros.demo.client import GraphClient
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


def hear_everything(client: GraphClient, publishers: Mapping[str, Any], stamp_ns: int) -> None:
    """Publish messages that make no frame until the recorder has had one of each topic.

    A publisher counts a listener before that one knows it, and a listener may subscribe anew to match what is offered.
    """
    reports = Reports(client, "/recorder")
    source = pictures(0)
    deadline = time.monotonic() + 60.0
    while not all(reports.count(f"{name} messages") for name in ("colour", "depth", "camera_info", "pose", "joint")):
        assert time.monotonic() < deadline, reports.values
        stamp, other = messages.to_time(stamp_ns), messages.to_time(stamp_ns + 1)  # of no frame: no two pictures agree
        publishers["pose"].publish(messages.to_pose_stamped(AROUND[0] @ ON_ARM.inverse(), "fr3_link0", stamp))
        state = JointState(name=["fr3_joint1"], position=[0.0])
        state.header.stamp = stamp
        publishers["joints"].publish(state)
        publishers["info"].publish(messages.to_camera_info(BOX_CAMERA, "camera", stamp))
        publishers["colour"].publish(messages.to_image(source.colour, "camera", stamp))
        publishers["depth"].publish(messages.to_image(source.depth, "camera", other))
        stamp_ns += 200_000_000
        time.sleep(0.5)


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
    start(graph, tmp_path, picture_timeout_s=3.0)
    for publisher in (*publishers.values(), joints):
        client.wait(lambda p=publisher: p.get_subscription_count() > 0, 60.0, "the recorder's subscriptions")
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (480, 640, 3), np.uint8)
    depth = rng.integers(0, 5000, (480, 640), np.uint16)
    mask = rng.random((480, 640)) < 0.2
    view = made_view(0, AZIMUTHS[0])
    stamp_ns = messages.to_nanoseconds(view.header.stamp)
    reports = Reports(client, "/recorder")
    deadline = time.monotonic() + 60.0
    while not all(reports.count(f"{name} messages") for name in ("colour", "depth", "mask", "joint")):
        assert time.monotonic() < deadline, reports.values
        for at_ns, value in ((stamp_ns - 10_000_000, 0.0), (stamp_ns + 30_000_000, 0.4)):
            state = JointState(name=["fr3_joint1"], position=[value])
            state.header.stamp = messages.to_time(at_ns)
            joints.publish(state)
        for name, pixels in (("colour", colour), ("depth", depth), ("mask", mask)):
            publishers[name].publish(messages.to_image(pixels, "camera", view.image_stamp))
        time.sleep(0.5)  # the pictures first
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
    assert "colour and depth and mask did not come within 3 s" in second.warnings[0]
    assert json.loads((tmp_path / "index.json").read_text())["objects"]["thing"]["state"] == "recording"


def test_every_frame_is_recorded_and_finished_later(
    graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path
) -> None:
    """Continuous mode takes camera, arm and joints itself; `dataset finish` makes a data set of what it wrote."""
    place = {"object.position": BOX_FRAME.base_from_object.translation.tolist(), "object.size": list(BOX_FRAME.size)}
    place["object.rotation_xyzw"] = BOX_FRAME.base_from_object.quaternion_xyzw.tolist()
    place["hand_eye.translation"] = ON_ARM.translation.tolist()
    place["hand_eye.rotation_xyzw"] = ON_ARM.quaternion_xyzw.tolist()
    start(graph, tmp_path, mode="continuous", image_size=32, exposure_s=0.008, **place, **{"mask.method": "depth"})
    client = connect()
    robot = "/franka_robot_state_broadcaster/current_pose"
    publishers = {
        "colour": client.node.create_publisher(Image, "/camera/camera/color/image_raw", qos.CAMERA_IMAGE),
        "depth": client.node.create_publisher(
            Image, "/camera/camera/aligned_depth_to_color/image_raw", qos.CAMERA_IMAGE
        ),
        "info": client.node.create_publisher(CameraInfo, "/camera/camera/color/camera_info", qos.CAMERA_INFO),
        "pose": client.node.create_publisher(PoseStamped, robot, qos.POSE_STREAM),
        "joints": client.node.create_publisher(JointState, "/joint_states", 10),
    }
    for publisher in publishers.values():
        client.wait(lambda p=publisher: p.get_subscription_count() > 0, 60.0, "the recorder's subscriptions")
    client.wait(client._flush.service_is_ready, 60.0, "the recorder's service")
    hear_everything(client, publishers, 1_699_999_990_000_000_000)
    count = 6
    for number in range(count):
        stamp_ns = 1_700_000_000_000_000_000 + number * 200_000_000
        for offset_ns in (-30_000_000, 30_000_000):
            stamp = messages.to_time(stamp_ns + offset_ns)
            base_from_ee = AROUND[number] @ ON_ARM.inverse()
            publishers["pose"].publish(messages.to_pose_stamped(base_from_ee, "fr3_link0", stamp))
            state = JointState(name=["fr3_joint1"], position=[0.1 * number])
            state.header.stamp = stamp
            publishers["joints"].publish(state)
        stamp, source = messages.to_time(stamp_ns), pictures(number)
        publishers["info"].publish(messages.to_camera_info(BOX_CAMERA, "camera", stamp))
        publishers["colour"].publish(messages.to_image(source.colour, "camera", stamp))
        publishers["depth"].publish(messages.to_image(source.depth, "camera", stamp))
        client.wait(lambda n=number: count_frames(tmp_path / "thing")[0] > n, 60.0, f"frame {number} on the disk")
    assert client.flush_recorder().startswith(f"{count} frames")
    graph.stop()

    frames = read_frames_file(tmp_path / "thing")
    assert (len(frames.records), frames.finished, frames.state) == (count, 0, "unfinished")
    for number, record in enumerate(frames.records):
        assert record.base_from_source_optical.is_close(AROUND[number], atol=1e-9)
        assert record.arm.base_frame == "fr3_link0"
        assert record.arm.joints == pytest.approx({"fr3_joint1": 0.1 * number})
        assert record.stamp_ns == record.image_stamp_ns - 4_000_000
        source = read_source(tmp_path / "thing", frames.files[number])
        np.testing.assert_array_equal(source.colour, pictures(number).colour)
        np.testing.assert_array_equal(source.depth, pictures(number).depth)
    with pytest.raises(DatasetError, match=r"unfinished recording: .*dataset finish"):
        open_dataset(tmp_path / "thing").read()
    assert main(["dataset", "finish", str(tmp_path / "thing")]) == 0
    views = open_dataset(tmp_path / "thing").read(image_size=None)
    for number in range(count):
        view = whole_view(number)
        assert np.count_nonzero(views.masks[number] != view.mask) <= 2  # the pose went through messages
        expected = np.where(view.mask[..., None], view.image, 255).astype(int)
        assert np.abs(views.images[number] - expected).mean() < 0.5


def test_a_disk_that_refuses_stops_recording_and_the_node_says_so(
    graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path
) -> None:
    """The kernel refuses the journal's next line, as a full disk does: what is recorded stays, and the node too."""
    first = start(graph, tmp_path)
    client = connect()
    reports = Reports(client, "/recorder")
    record(client, range(2))
    size = (tmp_path / "thing" / "frames.jsonl").stat().st_size
    resource.prlimit(first.process.pid, resource.RLIMIT_FSIZE, (size + 100, size + 100))
    with pytest.raises(EscherNetError, match=r"recording has stopped: .*frames\.jsonl.*File too large.* 2 frames in"):
        publisher = client.node.create_publisher(PosedView, "capture/posed_view", qos.VIEWS)
        client.wait(lambda: publisher.get_subscription_count() > 1, 30.0, "the recorder's subscription")
        publisher.publish(made_view(2, AZIMUTHS[2]))
        client.wait(lambda: len(client.views) >= 3, 10.0, "the view's arrival here")
        for _ in range(30):  # it may still be on its way to the recorder
            client.flush_recorder(timeout_s=10.0)
    client.wait(lambda: reports.status and "recording has stopped" in reports.status.message, 10.0, "the report")
    assert reports.status is not None and reports.status.level == DiagnosticStatus.ERROR
    assert first.process.poll() is None
    assert len(open_dataset(tmp_path / "thing").read(image_size=64)) == 2
    graph.stop()
    with Franka16Writer(tmp_path / "thing") as writer:
        assert len(writer) == 2
        assert writer.report.torn_bytes == 0 and writer.report.recovered == ()


def test_a_second_recorder_is_refused(graph: Graph, connect: Callable[[], GraphClient], tmp_path: Path) -> None:
    """Two writers on one folder would destroy it; the second says who holds it and ends with status 2."""
    first = start(graph, tmp_path)
    record(connect(), range(1))
    second = start(graph, tmp_path, name="second")
    second.process.wait(30.0)
    assert second.process.returncode == 2
    assert str(first.process.pid) in second.log.read_text()
    graph.processes.remove(second)
