# SPDX-License-Identifier: Apache-2.0
"""Where the object is: found in depth images, as an upright box on a table."""

from eschernet_ros.localisation.depth_view import MAX_RANGE_M, DepthView, depth_view
from eschernet_ros.localisation.locate import Localisation, locate_object, standoff_advice
from eschernet_ros.localisation.plane import Plane, find_planes
from eschernet_ros.localisation.view_collector import CollectorSettings, DepthFrame, ViewCollector

__all__ = [
    "MAX_RANGE_M",
    "CollectorSettings",
    "DepthFrame",
    "DepthView",
    "Localisation",
    "Plane",
    "ViewCollector",
    "depth_view",
    "find_planes",
    "locate_object",
    "standoff_advice",
]
