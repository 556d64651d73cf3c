# SPDX-License-Identifier: Apache-2.0
"""The exposure that a driver's metadata tell, in each of the ways it may be told."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from eschernet_ros.capture import FrameMetadata, MetadataLog, parse_frame_metadata
from eschernet_ros.errors import EscherNetError

# Names and units as realsense-ros 4.58 writes them for the colour stream of a D435i
FRAME: dict[str, Any] = {
    "frame_number": 812,
    "clock_domain": "global_time",
    "frame_timestamp": 1_700_000_000_123.456,
    "frame_counter": 812,
    "hw_timestamp": 5_004_000,
    "sensor_timestamp": 5_000_000,
    "actual_exposure": 156,
    "auto_exposure": 1,
    "time_of_arrival": 1_700_000_000_130,
}


def parsed(**changes: Any) -> FrameMetadata:
    """Parse the frame above with changes; None leaves a value out."""
    data = {key: value for key, value in {**FRAME, **changes}.items() if value is not None}
    return parse_frame_metadata(json.dumps(data))


def test_end_less_middle_is_half_the_exposure() -> None:
    """Also while auto-exposure is on, when actual_exposure keeps a manual value."""
    metadata = parsed()
    assert metadata.exposure_s == pytest.approx(0.008)
    assert (metadata.clock_domain, metadata.frame_number, metadata.ros_stamp_ns) == ("global_time", 812, None)


def test_the_cameras_clock_wraps() -> None:
    assert parsed(hw_timestamp=1000, sensor_timestamp=2**32 - 3000).exposure_s == pytest.approx(0.008)


def test_without_both_stamps_a_manual_exposure_counts() -> None:
    assert parsed(sensor_timestamp=None, auto_exposure=0).exposure_s == pytest.approx(0.0156)
    assert parsed(sensor_timestamp=None, auto_exposure=None).exposure_s == pytest.approx(0.0156)
    text = json.dumps({"actual_exposure": 8000})
    assert parse_frame_metadata(text, exposure_unit_s=1e-6).exposure_s == pytest.approx(0.008)


@pytest.mark.parametrize(
    "changes",
    [
        {"sensor_timestamp": None},  # automatic: actual_exposure is stale
        {"sensor_timestamp": 5_004_000},  # no middle of its own
        {"hw_timestamp": 9_000_000},  # four seconds
        {"sensor_timestamp": None, "auto_exposure": 0, "actual_exposure": 0},
    ],
)
def test_what_is_not_told_is_none(changes: dict[str, Any]) -> None:
    assert parsed(**changes).exposure_s is None


def test_names_of_clocks() -> None:
    assert parsed(clock_domain="Hardware Clock").clock_domain == "hardware_clock"
    assert parsed(clock_domain=None).clock_domain == ""
    assert parsed(ros_stamp_ns=1_700_000_000_123_456_789).ros_stamp_ns == 1_700_000_000_123_456_789


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "are not JSON"),
        ("[1]", "must be a JSON object"),
        ('{"hw_timestamp": "5"}', "'hw_timestamp' of the frame metadata must be a number, it is '5'"),
    ],
)
def test_what_is_not_metadata_is_named(text: str, sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        parse_frame_metadata(text)


def test_metadata_are_waited_for_by_stamp() -> None:
    """They come after their image, or before it."""
    log = MetadataLog()
    assert log.newest is None
    log.add(1, parsed())
    assert log.wait(1, 0.0) == parsed()
    timer = threading.Timer(0.05, log.add, (2, parsed(hw_timestamp=5_002_000)))
    timer.start()
    found = log.wait(2, 5.0)
    timer.join()
    assert found is not None and found.exposure_s == pytest.approx(0.004)
    start = time.monotonic()
    assert log.wait(3, 0.05) is None
    assert time.monotonic() - start >= 0.05


def test_old_metadata_are_forgotten() -> None:
    log = MetadataLog()
    for stamp in range(300):
        log.add(stamp, parsed(frame_number=stamp))
    assert log.wait(10, 0.0) is None
    newest = log.newest
    assert log.wait(299, 0.0) is newest is not None
