# SPDX-License-Identifier: Apache-2.0
"""librealsense, and one recording of a made-up camera that the tests share."""

from __future__ import annotations

from typing import Any

import pytest
from realsense_recording import Recording, record


@pytest.fixture(scope="session")
def rs() -> Any:
    """Return the module ``pyrealsense2``."""
    return pytest.importorskip("pyrealsense2")


@pytest.fixture(scope="session")
def recording(rs: Any, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Return a recording of colour, depth and inertial samples."""
    return record(rs, tmp_path_factory.mktemp("recording") / "camera.db3", frames=15, imu=True)


@pytest.fixture(scope="session")
def second_recording(rs: Any, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Return a recording of another camera, a hundred seconds later."""
    path = tmp_path_factory.mktemp("recording") / "second.db3"
    return record(rs, path, frames=10, serial="222", start_ms=1_700_000_100_000.0)
