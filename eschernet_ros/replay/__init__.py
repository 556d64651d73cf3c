# SPDX-License-Identifier: Apache-2.0
"""Bags become data sets: recorded messages go through the code of the live capture, without a graph and a clock."""

from eschernet_ros.replay.bag_source import BagSource
from eschernet_ros.replay.choices import EveryNth, FrameChoice, StillViews, TakenViews
from eschernet_ros.replay.comparison import Comparison
from eschernet_ros.replay.replay import ReplayReport, replay
from eschernet_ros.replay.replayer import Replayer
from eschernet_ros.replay.taken_views import LiveView, live_views

__all__ = [
    "BagSource",
    "Comparison",
    "EveryNth",
    "FrameChoice",
    "LiveView",
    "ReplayReport",
    "Replayer",
    "StillViews",
    "TakenViews",
    "live_views",
    "replay",
]
