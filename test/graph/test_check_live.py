# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros check --live`` on a graph with a driver that tells exposures, and an arm whose clock is ahead."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import drawn_scene
import moving_camera
import pytest

from eschernet_ros.checking.stream_settings import StreamSettings
from eschernet_ros.cli.main import main
from eschernet_ros.errors import EscherNetError
from eschernet_ros.nodes.check_streams import live_recording
from eschernet_ros.processes import Graph


def test_live_graph_is_judged_and_its_offset_named(graph: Graph, tmp_path: Path) -> None:
    process = graph.start("camera", [sys.executable, moving_camera.__file__, "0.03"])
    deadline = time.monotonic() + 120.0
    while "at work" not in process.log.read_text():
        process.check()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    numbers = [f"{v:.9f}" for v in (*drawn_scene.HAND_EYE.translation, *drawn_scene.HAND_EYE.quaternion_xyzw)]
    output = tmp_path / "out"
    arguments = ["check", "--live", "--seconds", "10", "--frames", "9", "--output", str(output)]
    code = main([*arguments, "--hand-eye-numbers", *numbers])
    graph.check()
    written = json.loads((output / "check.json").read_text())
    assert (code, written["verdict"]) == (1, "bad")
    assert [cause["kind"] for cause in written["causes"]] == ["time offset"]
    assert written["causes"][0]["fit"]["time_offset_s"] == pytest.approx(0.03, abs=0.003)
    assert written["source"].startswith("live graph")
    texts = [finding["text"] for finding in written["findings"]]
    assert any("frames is from metadata (40.0 to 40.0 ms)" in text for text in texts)
    assert any("frames were judged with the camera_info of another" in text for text in texts)


def test_silent_topics_are_named(graph: Graph) -> None:
    with pytest.raises(EscherNetError, match=r"nothing came on /camera/camera/color/image_raw \(colour\).*doctor"):
        live_recording(StreamSettings(hand_eye=drawn_scene.HAND_EYE), 0.5, 8)
