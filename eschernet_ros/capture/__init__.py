# SPDX-License-Identifier: Apache-2.0
"""From streams of images and arm poses to posed views of the object."""

from eschernet_ros.capture.assemble import PlacedFrame, ViewAssembler, mid_exposure_ns
from eschernet_ros.capture.camera_infos import CameraInfos
from eschernet_ros.capture.clock_check import StampClock
from eschernet_ros.capture.develop import DevelopedView, develop
from eschernet_ros.capture.frame import DecodedFrame, Exposure, Frame
from eschernet_ros.capture.frame_metadata import FrameMetadata, MetadataLog, parse_frame_metadata
from eschernet_ros.capture.gates import Gates, Rejection, ViewScores
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
    wait_for_pose,
)
from eschernet_ros.capture.pose_error import PoseError, pose_error
from eschernet_ros.capture.posed_view import PosedView
from eschernet_ros.capture.stamp_join import StampJoin
from eschernet_ros.capture.stillness import Motion, StillnessDetector
from eschernet_ros.capture.view_judge import Verdict, ViewJudge
from eschernet_ros.capture.view_taker import NoFrameError, ViewRejectedError, ViewTaker

__all__ = [
    "NS_PER_S",
    "CameraInfos",
    "DecodedFrame",
    "DevelopedView",
    "Exposure",
    "Frame",
    "FrameMetadata",
    "Gates",
    "MetadataLog",
    "Motion",
    "NoFrameError",
    "PlacedFrame",
    "PoseBuffer",
    "PoseBufferEmpty",
    "PoseBufferStatistics",
    "PoseError",
    "PoseGap",
    "PoseSample",
    "PoseTooNew",
    "PoseTooOld",
    "PoseUnavailable",
    "PosedView",
    "Rejection",
    "StampClock",
    "StampJoin",
    "StillnessDetector",
    "Verdict",
    "ViewAssembler",
    "ViewJudge",
    "ViewRejectedError",
    "ViewScores",
    "ViewTaker",
    "develop",
    "mid_exposure_ns",
    "object_mask",
    "parse_frame_metadata",
    "pose_error",
    "wait_for_pose",
]
