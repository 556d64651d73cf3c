# SPDX-License-Identifier: Apache-2.0
"""Parameters from a file or a command line: the same rules as ROS has for a node's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.streams import CAPTURE_PARAMETERS, read_parameter_file, values_of


def test_what_is_not_given_keeps_its_default() -> None:
    values = values_of(CAPTURE_PARAMETERS, {"image_size": 64, "exposure_s": 0, "object.size": [1, 2, 3]})
    assert (values["image_size"], values["exposure_s"], values["object.size"]) == (64, 0.0, [1.0, 2.0, 3.0])
    assert type(values["exposure_s"]) is float
    assert values["colour_topic"] == "/camera/camera/color/image_raw"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"color_topic": "/a"}, "there is no parameter 'color_topic'; did you mean colour_topic"),
        ({"image_size": "64"}, "parameter 'image_size' is '64'; it must be a int"),
        ({"image_size": 8}, "parameter 'image_size' is 8; it must lie in 32 to 2048"),
        ({"auto": 1}, "parameter 'auto' is 1; it must be a bool"),
        ({"pose_source": "guess"}, "parameter 'pose_source' is 'guess'; it must be one of: topic, tf"),
        ({"object.size": [0.1, 0.1]}, "parameter 'object.size' has 2 numbers"),
        ({"object.size": [0.1, 0.1, "x"]}, "it must be a list of numbers"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        values_of(CAPTURE_PARAMETERS, given)


def test_the_shipped_files_are_understood(tmp_path: Path) -> None:
    config = Path(__file__).parents[2] / "config"
    defaults = values_of(CAPTURE_PARAMETERS, {})
    assert values_of(CAPTURE_PARAMETERS, read_parameter_file(config / "capture.yaml")) == defaults
    assert values_of(CAPTURE_PARAMETERS, read_parameter_file(config / "capture_bench.yaml"))["exposure_s"] == 0.008
    with pytest.raises(EscherNetError, match=r"none\.yaml cannot be read"):
        read_parameter_file(tmp_path / "none.yaml")
    (tmp_path / "odd.yaml").write_text("a: 1\n")
    with pytest.raises(EscherNetError, match="is no configuration of the capture node"):
        read_parameter_file(tmp_path / "odd.yaml")
