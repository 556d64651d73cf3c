# SPDX-License-Identifier: Apache-2.0
"""The capture node on other sources, in real processes: joint states, exposures from metadata, gates on request."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator

import pytest
from diagnostics_reports import Reports
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import String

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.demo.run import capture_parameters
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph
from eschernet_ros.simulation import BenchConfig

EXPOSURE_S = 0.020
COLOUR = "/camera/camera/color"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphClient]:
    """Return a client of a bench and of a capture node that listens to joint states, with gates on request."""
    with Graph(tmp_path_factory.mktemp("sources")) as graph:
        graph.start_node("eschernet_ros.nodes.bench", {"object": "duck", "viewpoints": 6, "fps": 6})
        options = {
            "pose_source": "joint_states",
            "metadata.topic": "",
            "metadata.timeout_s": 2.0,
            "gates.on_request": True,
            "view_timeout_s": 20.0,
        }
        graph.start_node("eschernet_ros.nodes.capture", {**capture_parameters(), **options})
        with GraphClient(graph) as client:
            client.wait(lambda: client.viewpoints is not None, 90.0, "the bench's start")
            client.wait(client._take_view.service_is_ready, 90.0, "the capture's start")
            yield client


class Driver:
    """Publishes metadata for every frame, as a RealSense driver does: the same JSON, after the image."""

    def __init__(self, client: GraphClient) -> None:
        self._publisher = client.node.create_publisher(String, f"{COLOUR}/metadata_json", qos.CAMERA_INFO)
        client.node.create_subscription(CameraInfo, f"{COLOUR}/camera_info", self._tell, qos.CAMERA_INFO)

    def _tell(self, info: CameraInfo) -> None:
        data = {
            "ros_stamp_ns": messages.to_nanoseconds(info.header.stamp),
            "clock_domain": "global_time",
            "hw_timestamp": 1_000_000,
            "sensor_timestamp": 1_000_000 - round(EXPOSURE_S / 2 * 1e6),
        }
        self._publisher.publish(String(data=json.dumps(data)))


def test_joint_states_give_the_flange_and_metadata_the_exposure(rig: GraphClient) -> None:
    """The view is at the viewpoint, to a fifth of a millimetre; its middle is half of the driver's exposure back."""
    assert rig.viewpoints is not None
    Driver(rig)
    reports = Reports(rig, "/capture")
    rig.wait(lambda: reports.count("metadata messages") >= 2, 60.0, "the metadata's arrival")
    rig.move_camera(rig.viewpoints.poses[0], rig.viewpoints.header.frame_id)
    message = rig.take_view(60.0)  # the gate waits until the arm has rested
    view = messages.from_posed_view(message)
    metres, radians = messages.from_pose(rig.viewpoints.poses[0]).distance_to(view.base_from_camera_optical)
    assert metres < 2e-4
    assert radians < 1e-3
    assert (message.pose_of, message.base_frame) == ("flange", "fr3_link0")
    flange_from_camera = messages.from_pose(message.hand_eye)
    given = capture_parameters()["hand_eye.translation"]
    assert (FLANGE_FROM_HAND_EE.inverse() @ flange_from_camera).translation == pytest.approx(given, abs=1e-9)
    assert (view.exposure_source, view.exposure_s) == ("metadata", pytest.approx(EXPOSURE_S))
    assert view.image_stamp_ns - view.stamp_ns == EXPOSURE_S / 2 * 1e9
    assert view.pose_error.pixels < 0.2
    assert view.scores.rest_motion_m < 5e-4
    assert 0.1 < view.scores.blur < 0.55
    assert view.scores.depth_coverage > 0.5
    rig.wait(lambda: "last view: pose error px" in reports.values, 20.0, "the view's figures on /diagnostics")
    assert float(reports.values["last view: blur"]) == pytest.approx(view.scores.blur, rel=1e-4)

    start = time.monotonic()
    with pytest.raises(EscherNetError, match=r"a view was already taken 0\.0 deg and 0 mm from here"):
        rig.take_view(60.0)
    assert time.monotonic() - start < 19.0  # waiting would not help
    rig.wait(lambda: reports.count("rejected: too close to a view taken") == 1, 20.0, "the rejection's count")


def test_the_robot_tells_where_its_end_effector_is(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A calibration in the flange's frame waits for F_T_EE, and follows it when it changes."""
    flange_from_camera = FLANGE_FROM_HAND_EE @ BenchConfig().ee_from_camera_optical
    with Graph(tmp_path_factory.mktemp("ee")) as graph:
        graph.start_node("eschernet_ros.nodes.bench", {"object": "duck", "viewpoints": 1, "fps": 6})
        options = {
            "hand_eye.parent": "flange",
            "hand_eye.translation": flange_from_camera.translation.tolist(),
            "hand_eye.rotation_xyzw": flange_from_camera.quaternion_xyzw.tolist(),
            "flange_from_ee.topic": "/flange_from_ee",
            "view_timeout_s": 4.0,
        }
        graph.start_node("eschernet_ros.nodes.capture", {**capture_parameters(), **options})
        with GraphClient(graph) as client:
            client.wait(lambda: client.viewpoints is not None, 90.0, "the bench's start")
            client.wait(client._take_view.service_is_ready, 90.0, "the capture's start")
            with pytest.raises(EscherNetError, match=r"F_T_EE, .* is not known yet: /flange_from_ee has no publisher"):
                client.take_view()
            publisher = client.node.create_publisher(PoseStamped, "/flange_from_ee", qos.LATCHED)
            elsewhere = SE3.from_rotvec([0.0, 0.0, 0.5], [0.0, 0.0, 0.2])
            for told in (FLANGE_FROM_HAND_EE, elsewhere):
                publisher.publish(messages.to_pose_stamped(told, "fr3_link8", client.node.get_clock().now().to_msg()))
                wanted = told.inverse() @ flange_from_camera
                for _ in range(20):
                    with contextlib.suppress(EscherNetError):  # poses are gathered anew after a change
                        found = messages.from_pose(client.take_view().hand_eye)
                        if found.is_close(wanted, 1e-9):
                            break
                assert found.is_close(wanted, 1e-9)


def test_missing_joints_and_a_wrong_clock_are_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A prefix of another robot, and a clock that does not run: both are in the answer of ~/take_view."""
    with Graph(tmp_path_factory.mktemp("wrong")) as graph:
        graph.start_node("eschernet_ros.nodes.bench", {"viewpoints": 1, "fps": 6})
        options = {
            "pose_source": "joint_states",
            "joint_states.prefix": "panda",
            "use_sim_time": True,
            "view_timeout_s": 3.0,
        }
        graph.start_node("eschernet_ros.nodes.capture", {**capture_parameters(), **options})
        with GraphClient(graph) as client:
            client.wait(lambda: client.viewpoints is not None, 90.0, "the bench's start")
            client.wait(client._take_view.service_is_ready, 90.0, "the capture's start")
            frames: list[CameraInfo] = []
            client.node.create_subscription(CameraInfo, f"{COLOUR}/camera_info", frames.append, qos.CAMERA_INFO)
            client.wait(lambda: len(frames) > 3, 60.0, "the camera's frames")
            with pytest.raises(EscherNetError) as error:
                client.take_view()
    assert "no joint 'panda_joint1'; they have fr3_joint1" in str(error.value)
    assert "set joint_states.prefix" in str(error.value)
    assert "clock stands at 0: use_sim_time is true, but nothing publishes /clock" in str(error.value)
