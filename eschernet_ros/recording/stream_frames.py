# SPDX-License-Identifier: Apache-2.0
"""Every frame of a camera stream, placed as it comes; its pictures for the model are made when it is finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from eschernet_ros.capture import Frame, wait_for_pose
from eschernet_ros.capture.image_messages import colour_from_image, depth_mm_from_image, mask_from_image
from eschernet_ros.datasets import FrameRecord, SourceImages
from eschernet_ros.datasets.frame_files import source_images
from eschernet_ros.datasets.franka16_writer import check_sizes
from eschernet_ros.errors import EscherNetError
from eschernet_ros.recording.joint_log import JointLog
from eschernet_ros.recording.pipeline import Prepare, ReadyFrame
from eschernet_ros.streams import CaptureStreams, used_flange_from_ee


class FrameNotPlaced(EscherNetError):  # noqa: N818 - a state, like PoseUnavailable
    """A frame came before object, calibration or exposure were known."""


@dataclass(frozen=True)
class StreamFrames:
    """Makes frames that can be written of what a capture is fed with.

    Attributes:
        streams: the topics of the capture.
        p: its parameters.
        joints: what the joints did.
    """

    streams: CaptureStreams
    p: Mapping[str, Any]
    joints: JointLog

    def session(self) -> dict[str, Any]:
        """What the recording must say so that it can be finished: how masks are made."""
        return {"mask": {"method": self.p["mask.method"], "model": self.p["mask.model"]}}

    def prepare(self, frame: Frame, received_ns: int) -> Prepare:
        """A function that makes the frame; to be called in a thread that may wait for the arm's pose."""
        return partial(self._ready, frame, received_ns)

    def _ready(self, frame: Frame, received_ns: int) -> ReadyFrame:
        streams, parts = self.streams, frame.source
        assembler = streams.assembler
        if assembler is None:
            raise FrameNotPlaced("the object, or F_T_EE, is not known yet: frames are not recorded")
        camera = streams.infos.camera(frame.image_stamp_ns)
        source = SourceImages(
            colour=colour_from_image(parts["colour"]),
            depth=depth_mm_from_image(parts["depth"]) if "depth" in parts else None,
            mask=mask_from_image(parts["mask"]) if "mask" in parts else None,
        )
        exposure = frame.exposure()
        place = partial(assembler.place, camera, frame.image_stamp_ns, streams.poses, exposure.seconds)
        placed = wait_for_pose(place, self.p["pose_timeout_s"])
        record = FrameRecord.from_view(
            placed,
            base_frame=streams.source.base_frame,
            pose_of=streams.source.pose_of,
            flange_from_ee=used_flange_from_ee(self.p, streams.source.pose_of, streams.flange_from_ee),
            joints=self.joints.at(placed.stamp_ns),
            received_ns=received_ns,
            driver=streams.exposures.driver(frame.image_stamp_ns),
            warnings=(exposure.warning,) if exposure.warning else (),
        )
        check_sizes(None, record, source)
        return ReadyFrame(record, source_images(source))
