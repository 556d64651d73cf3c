# SPDX-License-Identifier: Apache-2.0
"""A recording of librealsense, played through the real SDK, with the arm's poses from a bag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import realsense_recording
import resting_arm as arm
from bag_builder import Entry, stamped, write

from eschernet_ros.bags import BagError
from eschernet_ros.replay import replay
from eschernet_ros.streams import CAPTURE_PARAMETERS, values_of

FRAMES, FPS = 6, 15
P = values_of(CAPTURE_PARAMETERS, {**arm.PARAMETERS, "image_size": 32, "mask.method": "depth"})


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> realsense_recording.Recording:
    rs = pytest.importorskip("pyrealsense2")
    path = tmp_path_factory.mktemp("realsense") / "tour.db3"
    return realsense_recording.record(rs, path, frames=FRAMES, fps=FPS, same_place=True)


def test_every_frame_is_read_and_posed(recording: realsense_recording.Recording, tmp_path: Path) -> None:
    """None is dropped though it is read faster than it was taken; exposures come from its metadata."""
    entries: list[Entry] = []
    for index in range(60):
        stamp = round(recording.stamps_ms[0] * 1e6) + (index - 10) * 10_000_000
        fields = stamped(stamp, "base", pose=arm.pose_fields(arm.ee_at(0.2)))
        entries.append((stamp, arm.POSE, "geometry_msgs/msg/PoseStamped", fields))
    report = replay(recording.path, P, tmp_path / "views", views=1, poses=write(tmp_path / "arm", entries))
    # the first frameset may hold one stream only
    assert report.views + report.counts["frames without depth"] in (FRAMES, FRAMES - 1)
    assert report.counts["frames"] == report.views >= FRAMES - 2
    import cv2

    files = sorted(
        file for file in (tmp_path / "views").rglob("*.png") if cv2.imread(str(file)).shape[:2] == (240, 320)
    )
    pictures = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]
    colours = [picture[..., ::-1] for picture in pictures if picture.ndim == 3 and picture.shape[2] == 3]
    assert any(np.array_equal(recording.colour[-1], colour) for colour in colours)


def test_without_poses_it_says_where_they_might_be(recording: realsense_recording.Recording, tmp_path: Path) -> None:
    with pytest.raises(
        BagError, match=r"is a recording of librealsense: .*no poses of an arm. Name the bag .*--poses BAG"
    ):
        replay(recording.path, P, tmp_path / "views")
