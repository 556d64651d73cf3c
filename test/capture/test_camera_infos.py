# SPDX-License-Identifier: Apache-2.0
"""A frame takes its own camera_info, or the newest; which one it was is counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from eschernet_ros.capture import NS_PER_S, CameraInfos
from eschernet_ros.capture.camera_infos import INFO_OF_ANOTHER
from eschernet_ros.errors import EscherNetError


def info(seconds: int, focal: float) -> Any:
    header = SimpleNamespace(frame_id="optical", stamp=SimpleNamespace(sec=seconds, nanosec=5))
    k = [focal, 0.0, 4.0, 0.0, focal, 3.0, 0.0, 0.0, 1.0]
    return SimpleNamespace(header=header, width=8, height=6, k=k, d=[], distortion_model="plumb_bob")


def stamp(seconds: int) -> int:
    return seconds * NS_PER_S + 5


def test_a_frame_takes_its_own() -> None:
    infos = CameraInfos("/info")
    for seconds, focal in ((1, 10.0), (2, 20.0)):
        infos.add(info(seconds, focal))
    assert [infos.camera(stamp(seconds)).fx for seconds in (2, 1)] == [20.0, 10.0]
    assert infos.counts == {INFO_OF_ANOTHER: 0}


def test_the_newest_serves_where_its_own_is_lost_or_late_and_is_counted() -> None:
    """Newest is what came last, whatever its stamp; looking the message up counts nothing."""
    infos = CameraInfos("/info")
    for seconds, focal in ((1, 10.0), (4, 40.0), (2, 20.0)):
        infos.add(info(seconds, focal))
    assert infos.of(stamp(3)).k[0] == 20.0
    assert infos.counts[INFO_OF_ANOTHER] == 0
    assert [infos.camera(stamp(seconds)).fx for seconds in (3, 0, 4)] == [20.0, 20.0, 40.0]
    assert infos.counts[INFO_OF_ANOTHER] == 2
    infos.add(info(3, 30.0))
    assert infos.camera(stamp(3)).fx == 30.0
    assert infos.counts[INFO_OF_ANOTHER] == 2


def test_only_so_many_are_kept() -> None:
    infos = CameraInfos("/info", capacity=2)
    for seconds in (1, 2, 3):
        infos.add(info(seconds, 10.0 * seconds))
    assert len(infos) == 2
    assert [infos.camera(stamp(seconds)).fx for seconds in (1, 2, 3)] == [30.0, 20.0, 30.0]


def test_none_at_all_is_named_also_after_a_jump_of_time() -> None:
    infos = CameraInfos("/info")
    with pytest.raises(EscherNetError, match="intrinsics are not known yet: no message has come on /info"):
        infos.camera(stamp(1))
    infos.add(info(1, 10.0))
    infos.clear()
    with pytest.raises(EscherNetError, match="no message has come on /info"):
        infos.of(stamp(1))
