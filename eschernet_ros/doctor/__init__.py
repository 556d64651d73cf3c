# SPDX-License-Identifier: Apache-2.0
"""Checks of a workstation and its ROS graph: each says what was seen and what to do about it."""

from eschernet_ros.doctor.finding import Finding, Level, verdict
from eschernet_ros.doctor.report import as_json, as_text

__all__ = ["Finding", "Level", "as_json", "as_text", "verdict"]
