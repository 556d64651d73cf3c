# SPDX-License-Identifier: Apache-2.0
"""The libraries stay light: geometry needs numpy and scipy, capture needs no ROS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import eschernet_ros


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("eschernet_ros.geometry", {"cv2", "torch", "PIL", "rclpy"}),
        ("eschernet_ros.capture", {"cv2", "torch", "PIL", "rclpy"}),
    ],
)
def test_importing_a_library_loads_nothing_heavy(package: str, absent: set[str]) -> None:
    code = f"import sys, {package}; print(*sys.modules)"
    root = str(Path(eschernet_ros.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    loaded = set(done.stdout.split())
    assert package in loaded
    assert not loaded & absent
