# SPDX-License-Identifier: Apache-2.0
"""Versions and mixtures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eschernet_ros.doctor import Level
from eschernet_ros.doctor.versions import installed, parts, python_version, requirements, ros


def have(**versions: str) -> Callable[[str], str | None]:
    """A lookup that knows these distributions (``_`` stands for ``-``)."""
    known = {name.replace("_", "-"): version for name, version in versions.items()}
    return known.get


def test_python() -> None:
    assert python_version((3, 11)).level == Level.OK
    finding = python_version((3, 14))
    assert (finding.level, "tested are 3.10 to 3.12" in finding.seen) == (Level.WARN, True)


def test_parts_are_listed_and_the_absent_named() -> None:
    (finding,) = parts(have(numpy="2.4.6", opencv_python="4.11.0", pylibfranka="0.21.3"))
    assert finding.level == Level.OK
    assert finding.seen.startswith("numpy 2.4.6, opencv 4.11.0, libfranka (pylibfranka) 0.21.3; not installed: scipy")


def test_opencv_5_and_two_builds_of_it() -> None:
    _, finding = parts(have(opencv_python_headless="5.0.1"))
    assert (finding.level, finding.remedy) == (Level.ERROR, 'pip install "opencv-python-headless<5"')
    _, finding = parts(have(opencv_python_headless="4.14.0", opencv_contrib_python="4.14.0"))
    assert finding.level == Level.WARN
    assert "2 builds of OpenCV overwrite each other" in finding.seen


def test_requirements() -> None:
    wanted = ["numpy>=1.26", "torch>=2.4", 'mujoco>=3.6; extra == "sim"', 'ruff==0.1; extra == "test"']
    assert "2 installed distributions are within" in requirements(wanted, have(numpy="2.0", torch="2.13.0+cpu"))[0].seen
    (finding,) = requirements(wanted, have(numpy="1.24", torch="2.13.0", ruff="0.9"))
    assert (finding.level, finding.seen) == (Level.ERROR, "numpy is 1.24; wanted is >=1.26")
    (finding,) = requirements(wanted, have(numpy="2.0"))
    assert finding.seen == "torch is not installed"
    (finding,) = requirements(wanted, have(numpy="2.0", torch="2.4", mujoco="3.1"))
    assert finding.seen == "mujoco is 3.1; wanted is >=3.6"


def test_this_environment_is_within_its_limits() -> None:
    """As tools/setup.sh makes it."""
    if installed("eschernet_ros") is None:
        pytest.skip("the package was not installed by pip")
    assert [finding.level for finding in requirements()] == [Level.OK]


@pytest.mark.parametrize(
    ("environment", "wheel", "level", "sentence"),
    [
        ({}, "9.1.2", Level.OK, "rclpy 9.1.2, from PyPI"),
        ({"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"}, "9.1.2", Level.OK, "RMW_IMPLEMENTATION=rmw_zenoh_cpp"),
        ({"ROS_DISTRO": "jazzy"}, None, Level.OK, "jazzy, sourced"),
        ({"ROS_DISTRO": "jazzy"}, "9.1.2", Level.ERROR, "their libraries get mixed"),
        ({"PYTHONPATH": "/a:/opt/ros/jazzy/lib"}, "9.1.2", Level.ERROR, "/opt/ros/jazzy/lib is on the path"),
        ({}, None, Level.ERROR, "there is none"),
    ],
)
def test_which_ros(environment: dict[str, str], wheel: str | None, level: Level, sentence: str) -> None:
    lookup = have(**({"ros_rclpy": wheel} if wheel else {}))
    (finding,) = ros(environment, lookup)
    assert (finding.level, sentence in finding.seen) == (level, True)
