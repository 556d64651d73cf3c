# SPDX-License-Identifier: Apache-2.0
"""Findings as text and JSON, and the exit code."""

from __future__ import annotations

import json

import pytest

from eschernet_ros.doctor import Finding, Level, as_json, as_text, verdict
from eschernet_ros.doctor.finding import error, fine, warn

GROUPS = {
    "Graph": [
        fine("nodes", "2: /camera, /arm"),
        error("colour", "/camera/camera/color/image_raw has no publisher " + "and so on " * 20, "Start it. " * 12),
    ],
    "ROS": [warn("socket buffers", "small", "These lines:\nnet.core.rmem_max=33554432\nnet.core.wmem_max=33554432")],
}


@pytest.mark.parametrize("width", [80, 100, 120])
def test_text_fits_the_width_and_keeps_lines_to_copy_whole(width: int) -> None:
    text = as_text(GROUPS, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert [line.strip() for line in lines].count("net.core.rmem_max=33554432") == 1
    assert lines[0] == "Graph"
    assert lines[-1] == "1 error, 1 warning, 1 fine"
    starts = [line.split()[:2] for line in lines if line.startswith("  ") and line[2] != " "]
    assert starts == [["ok", "nodes"], ["error", "colour"], ["warn", "socket"]]
    assert sum("-> " in line for line in lines) == 2


def test_the_json_holds_everything() -> None:
    result = json.loads(as_json(GROUPS))
    assert result["verdict"] == "error"
    assert len(result["findings"]) == 3
    assert result["findings"][0] == {
        "group": "Graph",
        "level": "ok",
        "subject": "nodes",
        "seen": "2: /camera, /arm",
        "remedy": "",
    }


def test_the_exit_code_is_the_worst_level() -> None:
    ok, warning, wrong = fine("a", "b"), warn("a", "b", "c"), error("a", "b", "c")
    assert (verdict([]), verdict([ok]), verdict([warning, ok]), verdict([ok, wrong, warning])) == (0, 0, 1, 2)


def test_a_finding_without_a_remedy_is_refused() -> None:
    with pytest.raises(ValueError, match="a remedy belongs to warnings and errors"):
        Finding(Level.ERROR, "colour", "nothing")
    with pytest.raises(ValueError, match="a remedy belongs to warnings and errors"):
        Finding(Level.OK, "colour", "all", "nothing to do")
