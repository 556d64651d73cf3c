# SPDX-License-Identifier: Apache-2.0
"""Which topics are looked at: the capture node's own, from its parameter file."""

from __future__ import annotations

from pathlib import Path

import pytest

from eschernet_ros.doctor.topics import DEFAULTS, capture_names, watched
from eschernet_ros.errors import EscherNetError

ROOT = Path(__file__).parents[2]


def test_the_defaults_are_those_of_the_capture_node() -> None:
    capture = pytest.importorskip("eschernet_ros.nodes.capture")
    declared = {parameter.name: parameter.default for parameter in capture.PARAMETERS}
    assert {name: declared[name] for name in DEFAULTS} == DEFAULTS
    once = {"joint_states.urdf_topic"}  # read once at start, from a latched topic
    assert {name for name in declared if name.endswith("topic")} - once <= set(DEFAULTS)


def test_the_shipped_file_gives_the_defaults() -> None:
    assert capture_names(ROOT / "config/capture.yaml") == DEFAULTS


def test_a_file_with_names_of_nodes_and_nested_parameters(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "/wrist/capture:\n  ros__parameters:\n    colour_topic: /a\n    object:\n      topic: bench/object_box\n"
        "    image_size: 256\n"
    )
    names = capture_names(file)
    assert names == {**DEFAULTS, "colour_topic": "/a", "object.topic": "bench/object_box"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("just text", "holds no 'ros__parameters'"),
        ("a: [", "cannot be read"),
        ("/**:\n  parameters: {}\n", "holds no 'ros__parameters'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(content)
    with pytest.raises(EscherNetError, match=sentence):
        capture_names(file)
    with pytest.raises(EscherNetError, match="cannot be read"):
        capture_names(tmp_path / "absent.yaml")


def test_the_pose_source_decides_what_is_needed() -> None:
    def needed(**names: str) -> set[str]:
        return {topic.role for topic in watched({**DEFAULTS, **names}) if topic.needed}

    assert needed() == {"colour", "camera_info", "depth", "pose"}
    assert needed(pose_source="tf") == {"colour", "camera_info", "depth"}
    assert needed(pose_source="joint_states") == {"colour", "camera_info", "depth", "joint states"}
    assert needed(**{"flange_from_ee.topic": "/f"}) == {"colour", "camera_info", "depth", "pose", "F_T_EE"}
    assert needed(depth_topic="", mask_topic="/m") == {"colour", "camera_info", "mask", "pose"}
