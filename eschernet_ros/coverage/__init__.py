# SPDX-License-Identifier: Apache-2.0
"""From how much of the object's surroundings there are views, and which viewpoint would add most."""

from eschernet_ros.coverage.map_picture import map_picture
from eschernet_ros.coverage.next_view import ArmReach, Suggestion, suggest_next
from eschernet_ros.coverage.view_coverage import ElevationBand, ViewCoverage, angles_to_nearest, sphere_points

__all__ = [
    "ArmReach",
    "ElevationBand",
    "Suggestion",
    "ViewCoverage",
    "angles_to_nearest",
    "map_picture",
    "sphere_points",
    "suggest_next",
]
