# SPDX-License-Identifier: Apache-2.0
"""What is done with messages, whoever delivers them: joining, late intrinsics, the object, jumps of time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eschernet_ros.capture import Frame, ViewAssembler
from eschernet_ros.capture.camera_infos import INFO_OF_ANOTHER
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.streams import CAPTURE_PARAMETERS, CaptureStreams

CALIB = """parameters: {name: wrist, calibration_type: eye_in_hand, robot_base_frame: fr3_link0,
  robot_effector_frame: fr3_link8, tracking_base_frame: camera_color_optical_frame, tracking_marker_frame: board}
transform:
  translation: {x: 0.06, y: -0.03, z: 0.05}
  rotation: {x: 0.0, y: 0.0, z: 0.0, w: 1.0}
"""
S = 1_000_000_000
START = 1_700_000_000 * S


def header(stamp_ns: int) -> Any:
    return SimpleNamespace(frame_id="optical", stamp=SimpleNamespace(sec=stamp_ns // S, nanosec=stamp_ns % S))


def image(stamp_ns: int) -> Any:
    data = np.full(8 * 6 * 3, 7, np.uint8)
    return SimpleNamespace(
        header=header(stamp_ns), width=8, height=6, step=24, encoding="rgb8", is_bigendian=0, data=data
    )


def info(stamp_ns: int, focal: float = 10.0) -> Any:
    k = [focal, 0.0, 4.0, 0.0, focal, 3.0, 0.0, 0.0, 1.0]
    return SimpleNamespace(header=header(stamp_ns), width=8, height=6, k=k, d=[], distortion_model="plumb_bob")


def pose(stamp_ns: int) -> Any:
    point, turn = SimpleNamespace(x=0.1, y=0.0, z=0.0), SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0)
    return SimpleNamespace(header=header(stamp_ns), pose=SimpleNamespace(position=point, orientation=turn))


class Made:
    """Streams of colour and camera_info, and what comes out of them."""

    def __init__(self, **given: Any) -> None:
        p = {parameter.name: parameter.default for parameter in CAPTURE_PARAMETERS}
        p |= {"depth_topic": "", **{name.replace("__", "."): value for name, value in given.items()}}
        self.frames: list[Frame] = []
        self.assemblers: list[ViewAssembler] = []
        self.jumps = 0
        self.streams = CaptureStreams(p)
        self.streams.connect(self.frames.append, self.assemblers.append, self.jump)

    def jump(self) -> None:
        self.jumps += 1

    def send(self, name: str, message: Any, now_ns: int = START) -> None:
        next(i for i in self.streams.inputs if i.name == name).take(message, now_ns)


def test_a_frame_takes_its_own_camera_info_where_there_is_one() -> None:
    made = Made()
    made.send("camera_info", info(START, 10.0))
    made.send("camera_info", info(START + S, 20.0))
    made.send("colour", image(START))
    assert [frame.image_stamp_ns for frame in made.frames] == [START]
    assert made.frames[0].decode().camera.fx == 10.0
    assert made.streams.camera_frame == "optical"
    assert made.streams.infos.counts[INFO_OF_ANOTHER] == 0


def test_a_lost_or_late_camera_info_is_no_lost_frame() -> None:
    """The newest serves, also the frames before the first; that it was another's is counted."""
    made = Made()
    made.send("colour", image(START))
    assert len(made.frames) == 1
    with pytest.raises(EscherNetError, match="intrinsics are not known yet: no message has come on /camera"):
        made.frames[0].decode()
    made.send("camera_info", info(START + S, 20.0))
    made.send("camera_info", info(START + 2 * S, 30.0))
    assert made.frames[0].decode().camera.fx == 30.0
    assert made.streams.infos.counts[INFO_OF_ANOTHER] == 1
    made.send("colour", image(START + S))
    assert made.frames[1].decode().camera.fx == 20.0
    assert made.streams.infos.counts[INFO_OF_ANOTHER] == 1


def test_object_and_end_effector_may_come_as_messages(caplog: pytest.LogCaptureFixture) -> None:
    """No view is made before both are known; the same again changes nothing."""
    made = Made(object__topic="/box", flange_from_ee__topic="/f_t_ee", hand_eye__parent="flange")
    assert made.streams.assembler is None
    marker = SimpleNamespace(type=1, pose=pose(0).pose, scale=SimpleNamespace(x=0.1, y=0.2, z=0.3))
    made.send("object", SimpleNamespace(type=2, pose=pose(0).pose, scale=marker.scale))
    assert "marker type is 2" in caplog.text and made.streams.object_frame is None
    made.send("object", marker)
    made.send("F_T_EE", pose(0))
    assert [a.object_frame.size for a in made.assemblers] == [(0.1, 0.2, 0.3)]
    assert made.assemblers[0].ee_from_camera_optical.is_close(SE3.from_rotvec([0, 0, 0], [-0.1, 0, 0]), 1e-12)
    made.send("pose", pose(START))
    made.send("object", marker)
    made.send("F_T_EE", pose(0))
    assert len(made.assemblers) == 1 and len(made.streams.poses) == 1


def test_pictures_of_another_camera_than_the_calibration_s_are_noticed(tmp_path: Path) -> None:
    """Once; the calibration's own frame is no news."""
    file = tmp_path / "wrist.calib"
    file.write_text(CALIB)
    made = Made(hand_eye__file=str(file))
    for index in range(2):
        made.send("colour", image(START + index))
    (note,) = made.streams.notes
    assert "in frame 'optical', but " in note and "for 'camera_color_optical_frame': is it another camera's?" in note
    right = image(START + 2)
    right.header.frame_id = "camera_color_optical_frame"
    made.send("colour", right)
    assert len(made.streams.notes) == 1


def test_pictures_that_jump_back_clear_what_is_kept() -> None:
    """A bag played again: nothing of the first pass is joined to the second."""
    made = Made(mask_topic="/mask")
    made.send("pose", pose(START + 10 * S))
    made.send("colour", image(START + 10 * S))
    assert (len(made.streams.poses), made.streams.join.waiting) == (1, 1)
    made.send("colour", image(START + 9 * S + 1))  # late, no jump
    assert (made.jumps, made.streams.join.waiting) == (0, 2)
    made.send("colour", image(START))
    assert (made.jumps, made.streams.counts["time jumps"]) == (1, 1)
    assert (len(made.streams.poses), made.streams.join.waiting) == (0, 1)
    assert made.streams.join.dropped["colour"] == 2
    made.send("mask", image(START + 10 * S))
    assert made.frames == []
