# SPDX-License-Identifier: Apache-2.0
"""The command without a graph: text, JSON and exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from eschernet_ros.cli import doctor
from eschernet_ros.cli.main import main


def test_no_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setattr(doctor, "gpu", list)
    code = main(["doctor", "--no-graph", "--recordings", str(tmp_path)])
    said = capsys.readouterr().out
    assert "Graph" not in said
    assert max(map(len, said.splitlines())) <= 90
    assert ("error" in said.splitlines()[-1], "warning" in said.splitlines()[-1]) == (code == 2, code >= 1)
    code = main(["doctor", "--no-graph", "--json", "--recordings", str(tmp_path)])
    result = json.loads(capsys.readouterr().out)
    assert {"ok": 0, "warn": 1, "error": 2}[result["verdict"]] == code
    assert {finding["group"] for finding in result["findings"]} == {"ROS", "Computer", "Software"}


def test_a_bad_domain_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "x")
    monkeypatch.setattr(doctor, "gpu", list)
    assert main(["doctor", "--no-graph", "--recordings", str(tmp_path)]) == 2
    assert "ROS_DOMAIN_ID is 'x'" in capsys.readouterr().out


def test_without_ros_the_graph_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rclpy", None)
    monkeypatch.setattr(doctor, "gpu", list)
    assert main(["doctor", "--json", "--recordings", str(tmp_path)]) == 2
    result = json.loads(capsys.readouterr().out)
    (finding,) = [f for f in result["findings"] if f["group"].startswith("Graph")]
    assert "listening to the graph needs the Python module 'rclpy'" in finding["seen"]


def test_a_config_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--config", str(tmp_path / "absent.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
