# SPDX-License-Identifier: Apache-2.0
"""The exposure of a frame: from metadata while they arrive, else from the parameter, and said which."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from std_msgs.msg import String

from eschernet_ros.capture import Exposure
from eschernet_ros.errors import EscherNetError
from eschernet_ros.nodes import frame_metadata, messages
from eschernet_ros.nodes.frame_metadata import FrameMetadataListener

STAMP = 1_700_000_000_123_456_789


class Subscription:
    """Stands in for a MonitoredSubscription."""

    def __init__(self, _node: Any, _kind: Any, topic: str, callback: Any, _profile: Any) -> None:
        self.topic, self.deliver, self.received = topic, callback, 0

    def explain(self) -> str:
        return f"{self.topic} has no publisher"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is logged."""
    monkeypatch.setattr(frame_metadata, "MonitoredSubscription", Subscription)
    return []


def listener(said: list[str], *, topic: str = "", json_topic: str = "/json", required: bool = False) -> Any:
    """Return a listener."""

    def say(sentence: str, **_: Any) -> None:
        said.append(sentence)

    node: Any = SimpleNamespace(get_logger=lambda: SimpleNamespace(info=say, warning=say))
    return FrameMetadataListener(node, topic, json_topic, 100e-6, 0.05, required)


def text(stamp_ns: int = STAMP, **changes: Any) -> String:
    """Return a message of our RealSense node."""
    data = {"ros_stamp_ns": stamp_ns, "hw_timestamp": 9000, "sensor_timestamp": 5000, "clock_domain": "global_time"}
    return String(data=json.dumps(data | changes))


def test_a_frames_metadata_tell_its_exposure(said: list[str]) -> None:
    made = listener(said)
    assert made.clock_domain == ""
    made.monitors[0].deliver(text())
    assert made.exposure(STAMP) == Exposure(pytest.approx(0.008))
    assert made.clock_domain == "global_time"


def test_without_metadata_nothing_is_waited_for_or_said(said: list[str]) -> None:
    made = listener(said)
    assert made.exposure(STAMP) == Exposure(None)
    assert said == []


def test_a_frame_without_its_metadata_is_told_from_the_others(said: list[str]) -> None:
    """They arrive, but not this frame's: the parameter is used, with a warning."""
    made = listener(said)
    made.monitors[0].deliver(text(STAMP - 33_000_000))
    exposure = made.exposure(STAMP)
    assert exposure.seconds is None
    assert (
        exposure.warning
        == "the metadata of this frame did not come within 0.05 s: exposure_s was used for mid-exposure"
    )
    made.monitors[0].deliver(text(sensor_timestamp=9000, auto_exposure=1))
    assert "do not tell its exposure (auto-exposure" in made.exposure(STAMP).warning
    assert made.counts == {"frames without metadata": 1, "metadata without an exposure": 1}


def test_required_metadata_refuse_a_frame(said: list[str]) -> None:
    made = listener(said, required=True)
    with pytest.raises(EscherNetError, match=r"no frame metadata have come, and metadata.required is set ./json has"):
        made.exposure(STAMP)
    made.monitors[0].deliver(text(STAMP - 1))
    with pytest.raises(EscherNetError, match=r"did not come within 0.05 s, and metadata.required is set"):
        made.exposure(STAMP)
    with pytest.raises(EscherNetError, match="no topic is listened to"):
        listener(said, json_topic="", required=True).exposure(STAMP)


def test_metadata_that_are_not_understood_are_counted(said: list[str]) -> None:
    made = listener(said)
    made.monitors[0].deliver(String(data="{"))
    made.monitors[0].deliver(String(data='{"hw_timestamp": 5}'))
    assert made.counts == {"metadata not understood": 2}
    assert "are not JSON" in said[0] and "carry no 'ros_stamp_ns'" in said[1]


def test_the_vendors_message_is_used_where_its_type_is_there(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stamp is in the header; without the package that is said once, at start."""
    monkeypatch.setattr(frame_metadata, "Metadata", SimpleNamespace)
    made = listener(said, topic="/camera/camera/color/metadata", json_topic="")
    header = SimpleNamespace(stamp=messages.to_time(STAMP))
    made.monitors[0].deliver(SimpleNamespace(header=header, json_data=text(0).data))
    assert made.exposure(STAMP) == Exposure(pytest.approx(0.008))
    assert said == []
    monkeypatch.setattr(frame_metadata, "Metadata", None)
    assert listener(said, topic="/camera/camera/color/metadata", json_topic="").monitors == []
    assert "realsense2_camera_msgs is not installed: exposures come from no topic, else from exposure_s" in said[0]
