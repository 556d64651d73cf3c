# SPDX-License-Identifier: Apache-2.0
"""From streams of images and arm poses to posed views of the object."""

from eschernet_ros.capture.assemble import ViewAssembler, mid_exposure_ns
from eschernet_ros.capture.mask import object_mask
from eschernet_ros.capture.pose_buffer import (
    NS_PER_S,
    PoseBuffer,
    PoseBufferEmpty,
    PoseBufferStatistics,
    PoseGap,
    PoseSample,
    PoseTooNew,
    PoseTooOld,
    PoseUnavailable,
)
from eschernet_ros.capture.posed_view import PosedView
from eschernet_ros.capture.stamp_join import StampJoin
from eschernet_ros.capture.stillness import Motion, StillnessDetector
from eschernet_ros.capture.view_taker import AutoTake, DecodedFrame, Frame, NoFrameError, ViewTaker

__all__ = [
    "NS_PER_S",
    "AutoTake",
    "DecodedFrame",
    "Frame",
    "Motion",
    "NoFrameError",
    "PoseBuffer",
    "PoseBufferEmpty",
    "PoseBufferStatistics",
    "PoseGap",
    "PoseSample",
    "PoseTooNew",
    "PoseTooOld",
    "PoseUnavailable",
    "PosedView",
    "StampJoin",
    "StillnessDetector",
    "ViewAssembler",
    "ViewTaker",
    "mid_exposure_ns",
    "object_mask",
]
