# SPDX-License-Identifier: Apache-2.0
"""Versions of every part against what this package asks for, and two ROS installations in one environment."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import metadata

from eschernet_ros.doctor.finding import Finding, error, fine, warn
from eschernet_ros.optional import MissingDependencyError, require

PYTHONS = ((3, 10), (3, 11), (3, 12))
PARTS = (
    ("numpy",),
    ("scipy",),
    ("opencv", "opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    ("torch",),
    ("diffusers",),
    ("transformers",),
    ("mujoco",),
    ("librealsense (pyrealsense2)", "pyrealsense2"),
    ("libfranka (pylibfranka)", "pylibfranka"),
)
"""What is shown: name, and the distributions that provide it (the name itself where there is only one)."""

Lookup = Callable[[str], str | None]


def installed(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def python_version(version: tuple[int, int] = (sys.version_info[0], sys.version_info[1])) -> Finding:
    """Whether this Python was tested."""
    seen = f"Python {version[0]}.{version[1]}, {platform.system()} {platform.release()}"
    if version in PYTHONS:
        return fine("Python", seen)
    return warn("Python", f"{seen}; tested are 3.10 to 3.12", "Make the environment anew with one of these.")


def parts(lookup: Lookup = installed) -> list[Finding]:
    """Versions of the libraries, and OpenCV's in particular."""
    shown, missing, found = [], [], []
    for name, *distributions in PARTS:
        present = {d: v for d in distributions or [name] if (v := lookup(d)) is not None}
        if not present:
            missing.append(name)
            continue
        shown.append(f"{name} {next(iter(present.values()))}")
        if name == "opencv":
            found += _opencv(present)
    absent = f"; not installed: {', '.join(missing)}" if missing else ""
    return [fine("libraries", ", ".join(shown) + absent), *found]


def _opencv(present: Mapping[str, str]) -> list[Finding]:
    found = []
    if len(present) > 1:
        seen = f"{len(present)} builds of OpenCV overwrite each other: {', '.join(present)}"
        found.append(
            warn("opencv", seen, f"Keep one: pip uninstall {' '.join(list(present)[1:])}, reinstall the other.")
        )
    for name, version in present.items():
        if int(version.split(".")[0]) >= 5:
            seen = f"{name} {version}: OpenCV 5 has no calibrateHandEye and renumbers image types"
            found.append(error("opencv", seen, f'pip install "{name}<5"'))
    return found


def requirements(wanted: list[str] | None = None, lookup: Lookup = installed) -> list[Finding]:
    """Whether what is installed fits what the package asks for; absent extras are no fault.

    Args:
        wanted: requirement lines; None: those of the installed package.
        lookup: version of a distribution.
    """
    if wanted is None:
        try:
            wanted = metadata.requires("eschernet_ros") or []
        except metadata.PackageNotFoundError:
            return [fine("requirements", "not compared: the package was not installed by pip")]
    try:
        packaging = require("packaging.requirements", "pip install packaging", "comparing versions")
    except MissingDependencyError as missing:
        return [fine("requirements", f"not compared: {missing}")]
    compared, found = 0, []
    for line in wanted:
        requirement = packaging.Requirement(line)
        marker = requirement.marker
        optional = marker is not None and not marker.evaluate({"extra": ""})
        if "test" in str(marker or ""):
            continue
        version = lookup(requirement.name)
        if version is None:
            if not optional:
                seen = f"{requirement.name} is not installed"
                found.append(error("requirements", seen, f"pip install '{requirement.name}{requirement.specifier}'"))
        elif not requirement.specifier.contains(version, prereleases=True):
            seen = f"{requirement.name} is {version}; wanted is {requirement.specifier}"
            found.append(error("requirements", seen, f"pip install '{requirement.name}{requirement.specifier}'"))
        else:
            compared += 1
    return found or [fine("requirements", f"{compared} installed distributions are within their limits")]


def ros(environment: Mapping[str, str], lookup: Lookup = installed, prefix: str = sys.prefix) -> list[Finding]:
    """Which ROS this is, and whether a sourced distribution is mixed with the wheels of PyPI."""
    wheel = lookup("ros-rclpy")
    distribution = environment.get("ROS_DISTRO", "")
    foreign = [
        path
        for name in ("AMENT_PREFIX_PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
        for path in environment.get(name, "").split(os.pathsep)
        if path.startswith("/opt/ros/")
    ]
    if wheel and (distribution or foreign):
        shown = f"ROS_DISTRO={distribution}" if distribution else f"{foreign[0]} is on the path"
        return [
            error(
                "ROS",
                f"rclpy {wheel} is a wheel of PyPI in {prefix}, and a ROS distribution is sourced too ({shown}): their "
                "libraries get mixed",
                "Start a shell that sources no ROS distribution, or remove the wheels (pip uninstall ros-rclpy ...).",
            )
        ]
    if wheel:
        return [fine("ROS", f"rclpy {wheel}, from PyPI{_rmw(environment)}")]
    if distribution:
        return [fine("ROS", f"{distribution}, sourced{_rmw(environment)}")]
    return [
        error(
            "ROS",
            "there is none",
            "source /opt/ros/<distribution>/setup.bash, or pip install -r requirements/ros.txt",
        )
    ]


def _rmw(environment: Mapping[str, str]) -> str:
    named = environment.get("RMW_IMPLEMENTATION", "")
    return f", RMW_IMPLEMENTATION={named}" if named else ""
