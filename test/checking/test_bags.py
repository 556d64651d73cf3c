# SPDX-License-Identifier: Apache-2.0
"""Bags in, verdicts and offsets out: the commands on small bags of the drawn scene."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import drawn_scene
import numpy as np
import pytest
import yaml
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from eschernet_ros.checking.bag import BagTopics, read_frames, scan_bag
from eschernet_ros.checking.stream_settings import StreamSettings, settings_from_config
from eschernet_ros.checking.streams import bag_recording, choose_hand_eye
from eschernet_ros.cli.main import main
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, forward_kinematics
from eschernet_ros.simulation.bag import CAMERA_ROOT_FROM_OPTICAL, write_bag
from eschernet_ros.simulation.recording import BenchRecording, RecordedFrame, RecordingPlan

Q = np.array([0.1, -0.4, 0.0, -1.9, 0.2, 1.6, 0.7])
NUMBERS = [f"{v:.9f}" for v in (*drawn_scene.HAND_EYE.translation, *drawn_scene.HAND_EYE.quaternion_xyzw)]
EXPOSURE_S = 0.008


@pytest.fixture(scope="module")
def drawn(box_frames) -> BenchRecording:
    """The drawn scene as a bench recording: nine frames, a pose stream of 250 Hz."""
    times = np.arange(0.0, 3.3, 0.004)
    return BenchRecording(
        plan=RecordingPlan(exposure_s=EXPOSURE_S),
        camera=drawn_scene.CAMERA,
        ee_from_camera_optical=drawn_scene.HAND_EYE,
        frames=tuple(
            RecordedFrame(
                stamp_ns=frame.stamp_ns + round(EXPOSURE_S / 2 * 1e9),
                colour=frame.image,
                depth_mm=np.round(frame.depth * 1e3).astype(np.uint16),
                base_from_camera_optical=SE3.identity(),
            )
            for frame in box_frames
        ),
        pose_stamps_ns=tuple(drawn_scene.stamp(t) for t in times),
        poses=tuple(drawn_scene.camera_at(t) @ drawn_scene.HAND_EYE.inverse() for t in times),
        joint_stamps_ns=tuple(drawn_scene.stamp(t) for t in times[::8]),
        joints=(Q,) * len(times[::8]),
    )


@pytest.fixture(scope="module")
def bag(drawn, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "swing"
    write_bag(path, drawn)
    return path


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_what_was_written_is_read(drawn, box_frames, tmp_path, storage):
    path = tmp_path / "swing"
    write_bag(path, drawn, storage)
    settings = StreamSettings(hand_eye=drawn_scene.HAND_EYE, exposure_s=EXPOSURE_S)
    recording, facts = bag_recording(path, settings)
    assert recording.stamps_ns == [frame.stamp_ns for frame in box_frames]
    assert [frame.name for frame in recording.frames][:2] == ["0.00 s", "0.33 s"]
    assert recording.frames[4].camera == drawn_scene.CAMERA
    np.testing.assert_array_equal(recording.frames[4].image, box_frames[4].image)
    np.testing.assert_allclose(recording.frames[4].depth, box_frames[4].depth, atol=5.1e-4)
    truth = drawn_scene.camera_at(0.15 + 0.33 * 4)
    assert recording.world_from_camera[4].distance_to(truth)[0] < 1e-4
    assert len(facts.joints) == len(drawn.joints)
    np.testing.assert_allclose(facts.joints[0], Q)
    assert ("camera_link", "fr3_hand_tcp", "/tf_static") in facts.tf_edges
    fewer, _ = bag_recording(path, settings, count=5)
    assert len(fewer.frames) == 5


def test_only_the_chosen_frames_are_decoded(bag):
    contents = scan_bag(bag)
    assert contents.base_frame == "base"
    assert contents.static_transforms[("fr3_hand_tcp", "camera_link")].is_close(
        drawn_scene.HAND_EYE @ CAMERA_ROOT_FROM_OPTICAL.inverse(), 1e-9
    )
    wanted = contents.colour_stamps_ns[2:4]
    assert [stamp for stamp, _, _ in read_frames(contents, wanted)] == wanted


def test_missing_topics_are_named(bag, tmp_path):
    with pytest.raises(
        EscherNetError, match=r"no topic  for the arm's pose; .*current_pose. Name one with --pose-topic"
    ):
        scan_bag(bag, BagTopics(pose=""))
    with pytest.raises(EscherNetError, match=r"/tf_static is of type tf2_msgs/msg/TFMessage; the arm's pose must be"):
        scan_bag(bag, BagTopics(pose="/tf_static"))
    with pytest.raises(EscherNetError, match=r"neither a metadata\.yaml nor a file"):
        scan_bag(tmp_path)


def test_a_topic_of_another_name_is_taken_when_it_is_the_only_one(bag):
    contents = scan_bag(bag, BagTopics(pose="/arm/pose", colour="/camera/color/image_raw"))
    assert contents.topics.pose == "/franka_robot_state_broadcaster/current_pose"
    assert contents.topics.colour == "/camera/camera/color/image_raw"
    assert any("there is no /arm/pose" in note for note in contents.notes)
    without = scan_bag(bag, BagTopics(depth=""))
    assert without.depth_stamps_ns == []


def test_clocks_that_never_meet(drawn, tmp_path):
    path = tmp_path / "apart"
    write_bag(path, drawn, pose_clock_ahead_s=3600.0)
    with pytest.raises(EscherNetError, match=r"none of 9 frames has a pose at its time.*different clocks"):
        bag_recording(path, StreamSettings(hand_eye=drawn_scene.HAND_EYE))


def copy_with_metadata(source: Path, target: Path, told: dict[int, dict[str, object]], vendor: bool) -> None:
    """Copy a bag and add each frame's metadata: the vendor's message, or the same JSON in a String."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    kind = "realsense2_camera_msgs/msg/Metadata" if vendor else "std_msgs/msg/String"
    store.register(
        get_types_from_msg("std_msgs/Header header\nstring json_data", "realsense2_camera_msgs/msg/Metadata")
    )
    types = store.types
    with Reader(source) as reader, Writer(target, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        known = {c.id: writer.add_connection(c.topic, c.msgtype, typestore=store) for c in reader.connections}
        for connection, stamp, raw in reader.messages():
            writer.write(known[connection.id], stamp, raw)
        topic = f"/wrist/color/{'metadata' if vendor else 'metadata_json'}"  # another name, and the only one
        added = writer.add_connection(topic, kind, typestore=store)
        for stamp, values in told.items():
            header = types["std_msgs/msg/Header"](
                types["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9)), "optical"
            )
            made = types[kind](header, json.dumps(values)) if vendor else types[kind](json.dumps(values))
            writer.write(added, stamp, store.serialize_cdr(made, kind))


@pytest.mark.parametrize("vendor", [True, False])
def test_every_frame_has_its_own_exposure(drawn, box_frames, tmp_path, vendor):
    """Auto-exposure: each stamp is half of another exposure late, and only the metadata tell how long."""
    exposures_us = [4000 + 3000 * i for i in range(len(box_frames))]
    stamps = [frame.stamp_ns + us * 500 for frame, us in zip(box_frames, exposures_us, strict=True)]
    frames = tuple(replace(frame, stamp_ns=stamp) for frame, stamp in zip(drawn.frames, stamps, strict=True))
    write_bag(tmp_path / "plain", replace(drawn, frames=frames))
    told = {
        stamp: {"hw_timestamp": 10**6, "sensor_timestamp": 10**6 - us // 2}
        | ({} if vendor else {"ros_stamp_ns": stamp})
        for stamp, us in zip(stamps, exposures_us, strict=True)
    }
    del told[stamps[3]]
    told[stamps[5]] = {"auto_exposure": 1, "ros_stamp_ns": stamps[5]}
    if not vendor:
        told[stamps[5] + 1] = {"hw_timestamp": 5}
    copy_with_metadata(tmp_path / "plain", tmp_path / "told", told, vendor)

    settings = StreamSettings(hand_eye=drawn_scene.HAND_EYE, exposure_s=EXPOSURE_S)
    recording, _ = bag_recording(tmp_path / "told", settings)
    truth = [frame.stamp_ns for frame in box_frames]
    for silent in (3, 5):
        truth[silent] = stamps[silent] - round(EXPOSURE_S / 2 * 1e9)
    assert recording.stamps_ns == truth
    notes = " ".join(recording.notes)
    assert "The exposure of 7 of 9 frames is from metadata (4.0 to 28.0 ms); 8.0 ms for the others." in notes
    assert "each frame's exposure was read from /wrist/color/metadata" in notes
    assert ("1 metadata messages were not used: the frame metadata carry no 'ros_stamp_ns'" in notes) != vendor
    only, _ = bag_recording(tmp_path / "told", replace(settings, metadata_required=True))
    assert only.stamps_ns == [stamp for i, stamp in enumerate(truth) if i not in (3, 5)]
    assert "7 of 9 frames is from metadata (4.0 to 28.0 ms); the others are left out" in " ".join(only.notes)

    silenced = replace(settings, topics=BagTopics(metadata="", metadata_json=""))
    without, _ = bag_recording(tmp_path / "told", silenced)
    assert without.stamps_ns == [stamp - round(EXPOSURE_S / 2 * 1e9) for stamp in stamps]
    with pytest.raises(EscherNetError, match=r"metadata.required is set, but the exposure of none of 9 frames is told"):
        bag_recording(tmp_path / "told", replace(silenced, metadata_required=True))


def test_check_command_passes_a_good_bag(bag, tmp_path, capsys):
    arguments = ["check", str(bag), "--exposure", str(EXPOSURE_S), "--output", str(tmp_path / "out")]
    assert main([*arguments, "--hand-eye-numbers", *NUMBERS]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("swing: PASS")
    written = json.loads((tmp_path / "out" / "check.json").read_text())
    assert written["verdict"] == "pass"
    assert written["epipolar_px"] < 0.5
    assert (tmp_path / "out" / "check.png").read_bytes().startswith(b"\x89PNG")


def test_check_command_names_offset_and_two_parents(drawn, tmp_path, capsys):
    path = tmp_path / "late"
    write_bag(path, drawn, pose_clock_ahead_s=0.030, hand_eye_child="camera_color_optical_frame")
    arguments = ["check", str(path), "--exposure", str(EXPOSURE_S), "--output", str(tmp_path / "out")]
    assert main([*arguments, "--hand-eye-numbers", *NUMBERS]) == 1
    printed = capsys.readouterr().out
    assert "the clocks of camera and arm are +" in printed
    assert "'camera_color_optical_frame' has 2 parents" in printed
    fit = json.loads((tmp_path / "out" / "check.json").read_text())["causes"][0]["fit"]
    assert fit["time_offset_s"] == pytest.approx(0.030, abs=0.003)


def test_time_offset_command(drawn, tmp_path, capsys):
    path = tmp_path / "late"
    write_bag(path, drawn, pose_clock_ahead_s=0.030)
    config = tmp_path / "capture.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "/**": {
                    "ros__parameters": {
                        "exposure_s": EXPOSURE_S,
                        "time_offset_s": 0.010,
                        "hand_eye": {
                            "translation": drawn_scene.HAND_EYE.translation.tolist(),
                            "rotation_xyzw": drawn_scene.HAND_EYE.quaternion_xyzw.tolist(),
                        },
                    }
                }
            }
        )
    )
    assert main(["time-offset", str(path), "--config", str(config)]) == 0
    printed = capsys.readouterr().out
    total = float(printed.split("set time_offset_s: ")[1].split(" ")[0])
    assert total == pytest.approx(0.030, abs=0.003)
    assert "(it was 0.0100)" in printed


def test_commands_say_what_is_missing(bag, tmp_path, capsys):
    assert main(["check", str(bag)]) == 2
    assert "the hand-eye transform is not known: give --hand-eye FILE" in capsys.readouterr().err
    assert main(["check"]) == 2
    assert "either a SOURCE or --live" in capsys.readouterr().err
    assert main(["check", str(bag), "--frames", "1"]) == 2
    assert "--frames must be at least 2" in capsys.readouterr().err
    (tmp_path / "bad.yaml").write_text("a: 1\n")
    assert main(["time-offset", str(bag), "--config", str(tmp_path / "bad.yaml")]) == 2
    assert "is no configuration of the capture node" in capsys.readouterr().err


def test_shipped_configuration_is_understood():
    settings = settings_from_config(Path(__file__).parents[2] / "config" / "capture.yaml")
    assert settings.topics == BagTopics()
    assert (settings.exposure_unit_s, settings.metadata_required) == (pytest.approx(100e-6), False)
    assert settings.hand_eye.is_close(SE3.identity())


def test_calibration_file_is_carried_to_the_end_effector(drawn, tmp_path):
    flange_from_camera = FLANGE_FROM_HAND_EE @ drawn_scene.HAND_EYE
    x, y, z = flange_from_camera.translation.tolist()
    qx, qy, qz, qw = flange_from_camera.quaternion_xyzw.tolist()
    file = tmp_path / "wrist.calib"
    file.write_text(
        yaml.safe_dump(
            {
                "parameters": {
                    "name": "wrist",
                    "calibration_type": "eye_in_hand",
                    "robot_base_frame": "fr3_link0",
                    "robot_effector_frame": "fr3_link8",
                    "tracking_base_frame": "camera_color_optical_frame",
                    "tracking_marker_frame": "board",
                },
                "transform": {
                    "translation": {"x": x, "y": y, "z": z},
                    "rotation": {"x": qx, "y": qy, "z": qz, "w": qw},
                },
            }
        )
    )
    os.utime(file, (1_600_000_000, 1_600_000_000))
    settings = StreamSettings(hand_eye_file=file)
    path = tmp_path / "swing"
    write_bag(path, drawn)
    recording, facts = bag_recording(path, settings)
    # the drawn arm's joints and poses do not belong together, so F_T_EE is only taken where joint states give it
    assert facts.calibrated_ns == 1_600_000_000 * 10**9
    assert any("F_T_EE of the recording" in note for note in recording.notes)
    rest = forward_kinematics(Q) @ FLANGE_FROM_HAND_EE
    still = type(facts)(joint_stamps_ns=facts.joint_stamps_ns, joints=facts.joints)
    track = type(recording.arm.track).from_poses(facts.joint_stamps_ns, [rest] * len(facts.joints))
    chosen = choose_hand_eye(settings, still, track)
    assert chosen.ee_from_camera_optical.is_close(drawn_scene.HAND_EYE, 1e-6)
    unknown = choose_hand_eye(settings, type(facts)(), track)
    assert unknown.ee_from_camera_optical.is_close(drawn_scene.HAND_EYE, 1e-6)
    assert "the Franka hand" in unknown.notes[0]


def test_writing_refuses(drawn, tmp_path):
    with pytest.raises(EscherNetError, match="no bag storage 'zip'"):
        write_bag(tmp_path / "a", drawn, "zip")
    with pytest.raises(EscherNetError, match="exists"):
        write_bag(tmp_path, drawn)
