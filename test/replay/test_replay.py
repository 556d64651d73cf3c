# SPDX-License-Identifier: Apache-2.0
"""Small bags through the capture: the same views whatever container, source of poses or order of arrival."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import resting_arm as arm
from bag_builder import stamped, write
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from eschernet_ros.cli.main import main
from eschernet_ros.datasets import open_dataset
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import forward_kinematics
from eschernet_ros.replay import replay
from eschernet_ros.streams import CAPTURE_PARAMETERS, values_of

BOTH = [*arm.camera_entries(), *arm.pose_entries()]


def parameters(**changes: Any) -> dict[str, Any]:
    """Return all parameters of the arm's capture with changes; two underscores are a dot."""
    given = {name.replace("__", "."): value for name, value in changes.items()}
    return values_of(CAPTURE_PARAMETERS, arm.PARAMETERS | given)


def images_of(folder: Path) -> np.ndarray:
    """Return the pictures of a data set."""
    return open_dataset(folder).read(image_size=32).images


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Return the pictures of the three resting places."""
    folder = tmp_path_factory.mktemp("expected")
    report = replay(write(folder / "bag", BOTH), parameters(), folder / "views")
    assert report.views == 3
    return images_of(folder / "views")


@pytest.mark.parametrize(
    ("storage", "mode", "name"),
    [
        (StoragePlugin.SQLITE3, CompressionMode.NONE, "bag"),
        (StoragePlugin.MCAP, CompressionMode.MESSAGE, "bag"),
        (None, None, "old.bag"),
    ],
)
def test_any_container_gives_the_same_views(
    tmp_path: Path, expected: np.ndarray, storage: Any, mode: Any, name: str
) -> None:
    """A view at every resting place, at its pose, whatever the bag is; ROS 1 among them."""
    options = {"storage": storage, "mode": mode} if storage else {}
    path = write(tmp_path / name, BOTH, **options)
    report = replay(path, parameters(), tmp_path / "views")
    assert report.views == 3
    np.testing.assert_array_equal(images_of(tmp_path / "views"), expected)
    assert report.counts["frames"] == len(arm.frame_times())
    assert report.counts["rejected: arm moving"] > 5 and report.counts["rejected: too close to a view taken"] > 5


def test_views_are_where_the_arm_rested(tmp_path: Path) -> None:
    """With the source's pictures at full resolution, the base frame, and when they were recorded."""
    report = replay(write(tmp_path / "bag", BOTH), parameters(), tmp_path / "views")
    assert report.views == 3 and "3 views" in " ".join(report.sentences())
    data = open_dataset(tmp_path / "views").read(image_size=32)
    assert (data.images < 250).any(axis=(1, 2, 3)).all()
    rests = [0.4, 1.6, 2.8]
    for pose, seconds in zip(data.camera_gl_from_world, rests, strict=True):
        wanted = (arm.BASE_FROM_OBJECT.inverse() @ arm.camera_at(seconds)).translation / max(arm.SIZE)
        np.testing.assert_allclose(SE3(np.asarray(pose)).inverse().translation, wanted, atol=1e-6)
    assert len(list((tmp_path / "views").rglob("*.png"))) >= 6


def test_every_frame_and_every_fifth(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", BOTH)
    assert replay(path, parameters(), tmp_path / "all", views=1).views == len(arm.frame_times())
    assert replay(path, parameters(), tmp_path / "fifth", views=5).views == -(-len(arm.frame_times()) // 5)
    with pytest.raises(EscherNetError, match="all is not empty; a replay makes a data set of its own"):
        replay(path, parameters(), tmp_path / "all", views=1)


def test_camera_info_may_come_late_or_seldom(tmp_path: Path, expected: np.ndarray) -> None:
    entries = [*arm.camera_entries(info_from_s=2.9), *arm.pose_entries()]
    report = replay(write(tmp_path / "bag", entries), parameters(), tmp_path / "views")
    np.testing.assert_array_equal(images_of(tmp_path / "views"), expected)
    assert report.counts["frames with the camera_info of another"] == 3


def test_poses_by_tf_whose_static_part_was_recorded_last(tmp_path: Path, expected: np.ndarray) -> None:
    entries = [*arm.camera_entries(), *arm.tf_entries()]
    report = replay(write(tmp_path / "bag", entries), parameters(pose_source="tf"), tmp_path / "views")
    assert report.views == 3
    assert np.abs(images_of(tmp_path / "views").astype(int) - expected).max() <= 1


def test_poses_by_joint_states_and_the_object_from_a_topic(tmp_path: Path) -> None:
    """The object was found, and its box published, only after the frames: it counts for all of them."""
    q = np.array([0.1, -0.4, 0.0, -1.9, 0.2, 1.6, 0.7])
    hand_eye = forward_kinematics(q).inverse() @ arm.camera_at(0.0)
    names = [f"fr3_joint{i}" for i in range(1, 8)]
    entries = arm.camera_entries([0.4, 0.5])
    for index in range(50):
        stamp = arm.START_NS + index * 20_000_000
        state = stamped(stamp, name=names, position=q, velocity=[], effort=[])
        entries.append((stamp, "/franka/joint_states", "sensor_msgs/msg/JointState", state))
    x, y, z = arm.SIZE
    box = stamped(0, "base", type=1, pose=arm.pose_fields(arm.BASE_FROM_OBJECT), scale={"x": x, "y": y, "z": z})
    entries.append((arm.START_NS + 10**9, "/box", "visualization_msgs/msg/Marker", box))
    given = parameters(
        pose_source="joint_states",
        object__topic="/box",
        hand_eye__parent="flange",
        hand_eye__translation=hand_eye.translation.tolist(),
        hand_eye__rotation_xyzw=hand_eye.quaternion_xyzw.tolist(),
    )
    report = replay(write(tmp_path / "bag", entries), given, tmp_path / "views")
    assert report.views == 1
    (pose,) = open_dataset(tmp_path / "views").read(image_size=32).camera_gl_from_world
    wanted = (arm.BASE_FROM_OBJECT.inverse() @ arm.camera_at(0.0)).translation / max(arm.SIZE)
    np.testing.assert_allclose(SE3(np.asarray(pose)).inverse().translation, wanted, atol=1e-6)


def test_exposures_by_metadata_that_come_after_their_frames(tmp_path: Path) -> None:
    """Replay waits for them by the times of the recording; the parameter is not used."""
    entries = [*BOTH]
    for seconds in arm.frame_times():
        stamp = arm.START_NS + round((seconds + arm.EXPOSURE_S / 2) * 1e9)
        text = json.dumps({"ros_stamp_ns": stamp, "hw_timestamp": 9000, "sensor_timestamp": 7000})
        entries.append(
            (stamp + 60_000_000, "/camera/camera/color/metadata_json", "std_msgs/msg/String", {"data": text})
        )
    report = replay(write(tmp_path / "bag", entries), parameters(), tmp_path / "views", views=8)
    assert report.views == 4 and not report.counts.get("frames without metadata")
    written = "".join(file.read_text() for file in (tmp_path / "views").glob("*.json*"))
    assert written.count("metadata") >= 4 and '"parameter"' not in written


def test_poses_from_another_bag(tmp_path: Path, expected: np.ndarray) -> None:
    camera = write(tmp_path / "camera", arm.camera_entries())
    poses = write(tmp_path / "arm", arm.pose_entries(), storage=StoragePlugin.SQLITE3)
    replay(camera, parameters(), tmp_path / "views", poses=poses)
    np.testing.assert_array_equal(images_of(tmp_path / "views"), expected)


# --- what is said ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "changes", "sentence"),
    [
        (
            arm.camera_entries([0.4]),
            {},
            r"no topic /franka_robot_state_broadcaster/current_pose for the arm's pose; of its type are in it: none. "
            r"Name the topic with -p pose_topic:=TOPIC; poses may also come from .*--poses BAG. The bag holds "
            r"/camera/camera/aligned_depth_to_color/image_raw \(sensor_msgs/msg/Image, 1\)",
        ),
        (BOTH, {"pose_topic": arm.COLOUR}, r"is of type sensor_msgs/msg/Image; the arm's pose must be geometry_msgs"),
        (
            [e for e in BOTH if e[1] != arm.DEPTH],
            {},
            r"no topic /camera/camera/aligned_depth_to_color/image_raw for depth; .*or do without: -p depth_topic:=''",
        ),
        (
            [*arm.pose_entries(), *arm.camera_entries([0.4]), (0, "/other/color", "sensor_msgs/msg/Image", {})],
            {"colour_topic": "/mine"},
            r"no topic /mine for the colour image; of its type are in it: .*/other/color",
        ),
        (
            [e for e in BOTH if e[1] != arm.COLOUR] + [(1, arm.COLOUR, "sensor_msgs/msg/Image", None)],
            {},
            r"color/image_raw holds no message, so there is nothing for the colour image",
        ),
        (
            [*arm.pose_entries(), *(e for e in BOTH if e[1] == arm.DEPTH), *arm.camera_entries([9.0])[::2]],
            {},
            r"holds no frame: no colour image has a depth image of its stamp \(.*found no partner\).*align_depth",
        ),
        (
            [*arm.camera_entries(), *arm.pose_entries(ahead_s=3600.0)],
            {},
            r"none of 31 frames became a view \(.*rejected: PoseTooOld 31.*use different clocks.*--views 1 takes",
        ),
        (
            [
                *(e for e in BOTH if e[1] != arm.INFO),
                (1, arm.INFO, "sensor_msgs/msg/CameraInfo", arm.info_fields(1, arm.CAMERA.scaled(2))),
            ],
            {},
            r"none of 31 frames became a view .*its camera is 128x96",
        ),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, entries: Any, changes: dict[str, Any], sentence: str) -> None:
    path = write(tmp_path / "bag", entries)
    with pytest.raises(EscherNetError, match=sentence):
        replay(path, parameters(**changes), tmp_path / "views")
    assert not (tmp_path / "views").exists()


def test_the_only_topic_that_fits_is_taken(tmp_path: Path, expected: np.ndarray) -> None:
    report = replay(write(tmp_path / "bag", BOTH), parameters(pose_topic="/ee"), tmp_path / "views")
    np.testing.assert_array_equal(images_of(tmp_path / "views"), expected)
    assert report.notes == (f"the arm's pose was read from {arm.POSE}; there is no /ee.",)


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "tour", BOTH)
    given = [f"{name}:={value}" for name, value in arm.PARAMETERS.items()]
    arguments = ["replay", str(path), "--output", str(tmp_path / "out"), *(x for text in given for x in ("-p", text))]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "31 frames, 3 views in" in printed and "rejected: arm moving: " in printed
    written = json.loads((tmp_path / "out" / "tour.replay.json").read_text())
    assert (written["views"], written["counts"]["frames"]) == (3, 31)
    assert len(open_dataset(tmp_path / "out" / "tour").read(image_size=32).images) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the hand-eye transform is not known: give --config"),
        (["-p", "image_size"], "-p image_size: a parameter is given as NAME:=VALUE"),
        (["-p", "image_size:=[1"], "the value is no YAML"),
        (["-p", "hand_eye.file:=a", "--views", "some"], "--views is 'some'; it must be still, taken, or a number"),
        (["-p", "hand_eye.file:=a", "-p", "sharpness:=1"], "there is no parameter 'sharpness'"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main(["replay", str(tmp_path / "none"), "--output", str(tmp_path), *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_an_evaluation_may_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the options given, on the data set that was made; its exit code is the command's."""
    from eschernet_ros.cli import evaluate

    seen: list[Any] = []

    def run(arguments: Any) -> int:
        seen.append((arguments.folder, arguments.references))
        return 7

    monkeypatch.setattr(evaluate, "run", run)
    path = write(tmp_path / "tour", BOTH)
    given = [x for name, value in arm.PARAMETERS.items() for x in ("-p", f"{name}:={value}")]
    options = ["--views", "8", "--output", str(tmp_path / "out"), "--evaluate", "--references 1 2"]
    assert main(["replay", str(path), *options, *given]) == 7
    assert seen == [(tmp_path / "out" / "tour", [1, 2])]
