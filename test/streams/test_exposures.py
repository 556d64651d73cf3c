# SPDX-License-Identifier: Apache-2.0
"""The exposure of a frame: from metadata while they arrive, else from the parameter, and said which."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from eschernet_ros.capture import Exposure
from eschernet_ros.errors import EscherNetError
from eschernet_ros.streams import CAPTURE_PARAMETERS, Exposures

STAMP = 1_700_000_000_123_456_789


def listener(*, topic: str = "", json_topic: str = "/json", required: bool = False) -> Exposures:
    """Return exposures of one topic or two."""
    values: dict[str, Any] = {parameter.name: parameter.default for parameter in CAPTURE_PARAMETERS}
    given = {"metadata.topic": topic, "metadata.json_topic": json_topic, "metadata.required": required}
    return Exposures(values | given | {"metadata.timeout_s": 0.05})


def text(stamp_ns: int = STAMP, **changes: Any) -> Any:
    """Return a message of our RealSense node."""
    data = {"ros_stamp_ns": stamp_ns, "hw_timestamp": 9000, "sensor_timestamp": 5000, "clock_domain": "global_time"}
    return SimpleNamespace(data=json.dumps(data | changes))


def deliver(made: Exposures, message: Any) -> None:
    """Deliver a message to the first input."""
    made.inputs[0].take(message, STAMP)


def test_a_frames_metadata_tell_its_exposure() -> None:
    made = listener()
    assert made.clock_domain == ""
    deliver(made, text())
    assert made.exposure(STAMP) == Exposure(pytest.approx(0.008))
    assert made.clock_domain == "global_time"


def test_without_metadata_nothing_is_waited_for_or_said() -> None:
    made = listener()
    assert made.exposure(STAMP) == Exposure(None)


def test_a_frame_without_its_metadata_is_told_from_the_others() -> None:
    """They arrive, but not this frame's: the parameter is used, with a warning."""
    made = listener()
    deliver(made, text(STAMP - 33_000_000))
    exposure = made.exposure(STAMP)
    assert exposure.seconds is None
    assert (
        exposure.warning
        == "the metadata of this frame did not come within 0.05 s: exposure_s was used for mid-exposure"
    )
    deliver(made, text(sensor_timestamp=9000, auto_exposure=1))
    assert "do not tell its exposure (auto-exposure" in made.exposure(STAMP).warning
    assert made.counts == {"frames without metadata": 1, "metadata without an exposure": 1}


def test_required_metadata_refuse_a_frame() -> None:
    made = listener(required=True)
    with pytest.raises(EscherNetError, match=r"no frame metadata have come, and metadata.required is set ./json.$"):
        made.exposure(STAMP)
    deliver(made, text(STAMP - 1))
    with pytest.raises(EscherNetError, match=r"did not come within 0.05 s, and metadata.required is set"):
        made.exposure(STAMP)
    with pytest.raises(EscherNetError, match="no topic is listened to"):
        listener(json_topic="", required=True).exposure(STAMP)


def test_metadata_that_are_not_understood_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """And said, but not a thousand times."""
    made = listener()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            deliver(made, SimpleNamespace(data="{"))
        deliver(made, SimpleNamespace(data='{"hw_timestamp": 5}'))
    assert made.counts == {"metadata not understood": 4}
    first, second = caplog.messages
    assert "are not JSON" in first and "carry no 'ros_stamp_ns'" in second


def test_without_waiting_what_has_not_come_does_not_come() -> None:
    """A replay knows what is awaited, and asks once it has been read."""
    made = listener()
    assert not made.awaited(STAMP)
    deliver(made, text(STAMP - 1))
    assert made.awaited(STAMP) and not made.awaited(STAMP - 1)
    assert made.exposure(STAMP, wait=False).seconds is None
    made.clear()
    assert made.exposure(STAMP - 1) == Exposure(None)


def test_the_vendors_message_has_its_stamp_in_the_header() -> None:
    made = listener(topic="/camera/camera/color/metadata", json_topic="")
    assert [(i.topic, i.kinds, i.needed) for i in made.inputs] == [
        ("/camera/camera/color/metadata", ("realsense2_camera_msgs/msg/Metadata",), False)
    ]
    header = SimpleNamespace(stamp=SimpleNamespace(sec=STAMP // 10**9, nanosec=STAMP % 10**9))
    deliver(made, SimpleNamespace(header=header, json_data=text(0).data))
    assert made.exposure(STAMP) == Exposure(pytest.approx(0.008))
