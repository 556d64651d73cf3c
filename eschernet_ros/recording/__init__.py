# SPDX-License-Identifier: Apache-2.0
"""Recording while frames keep coming, and finishing what was recorded: above capture and datasets, without ROS."""

from eschernet_ros.recording.finish import FinishReport, finish_recording
from eschernet_ros.recording.joint_log import JointLog
from eschernet_ros.recording.pipeline import COMPRESSION_CHOICES, ReadyFrame, RecordingPipeline
from eschernet_ros.recording.stream_frames import StreamFrames
from eschernet_ros.recording.view_frames import view_frame

__all__ = [
    "COMPRESSION_CHOICES",
    "FinishReport",
    "JointLog",
    "ReadyFrame",
    "RecordingPipeline",
    "StreamFrames",
    "finish_recording",
    "view_frame",
]
