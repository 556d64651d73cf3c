# SPDX-License-Identifier: Apache-2.0
"""What a capture does with messages: poses go into the buffer, pictures are joined to frames, the object is placed.

The live node delivers what it is subscribed to, the replay of a bag what was recorded; neither knows more than this.
Messages are known by their fields only.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from eschernet_ros.capture import (
    CameraInfos,
    DecodedFrame,
    Frame,
    Gates,
    PoseBuffer,
    StampClock,
    StampJoin,
    StillnessDetector,
    ViewAssembler,
)
from eschernet_ros.capture.camera_infos import CAMERA_INFO
from eschernet_ros.capture.image_messages import colour_from_image, depth_from_image, mask_from_image
from eschernet_ros.capture.mask_method import ObjectMasker
from eschernet_ros.capture.message_fields import stamp_of, transform_of
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame
from eschernet_ros.streams.camera_on_arm import CameraOnArm
from eschernet_ros.streams.exposures import Exposures
from eschernet_ros.streams.hand_eye import calibrated_camera_frame
from eschernet_ros.streams.inputs import Input
from eschernet_ros.streams.pose_sources import JUMP_BACK_NS, make_pose_source

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"

CUBE = 1
"""Type of a Marker that is a box (visualization_msgs/Marker)."""

_log = logging.getLogger(__name__)


class CaptureStreams:
    """Everything of a capture but the thread that waits, the publisher and the log of views.

    Args:
        p: parameters of a capture (`CAPTURE_PARAMETERS`).
        join_capacity: incomplete frames that are kept.

    Attributes:
        poses: history of the arm's poses.
        source: fills it.
        exposures: of the frames.
        inputs: the topics.
        join: of the pictures.
        infos: their intrinsics.
        image_clock: compares their stamps with the receiver's clock.
        object_frame: the object; None until it is known.
        assembler: made of it and ``hand_eye``.
        camera_frame: frame id of the newest picture.
        notes: what is odd about the streams, a sentence each.
        counts: jumps of time.
        object_input, ee_input: the topics that the object and F_T_EE come from; None: parameters.
    """

    def __init__(self, p: Mapping[str, Any], *, join_capacity: int = 8) -> None:
        self._p = p
        self._on_frame: Callable[[Frame], None] = lambda frame: None
        self._on_assembler: Callable[[ViewAssembler], None] = lambda assembler: None
        self._on_jump: Callable[[], None] = lambda: None
        self._calibrated_frame = calibrated_camera_frame(p)
        self.notes: list[str] = []
        self._newest_ns = -1
        self.counts: Counter[str] = Counter()
        self.poses = PoseBuffer(p["pose_horizon_s"])
        self.source = make_pose_source(p, self.poses)
        self.exposures = Exposures(p)
        self.image_clock = StampClock("image")
        self.object_frame: ObjectFrame | None = None
        self.assembler: ViewAssembler | None = None
        self.camera_frame = ""
        self._masker = ObjectMasker.from_names(p["mask.method"], p["mask.model"])
        self.infos = CameraInfos(p["camera_info_topic"])
        pictures = self._pictures()
        self.join = StampJoin([i.name for i in pictures if i.name != CAMERA_INFO], capacity=join_capacity)
        self._arm = CameraOnArm(p, self.source.pose_of, self.poses, self._update)
        self.ee_input = self._arm.input
        self.object_input: Input | None = None
        if p["object.topic"]:
            kinds = ("visualization_msgs/msg/Marker",)
            self.object_input = Input(
                "object", p["object.topic"], "object.topic", kinds, self._take_object, latched=True
            )
        else:
            turn = SE3.from_quaternion_xyzw(p["object.rotation_xyzw"], p["object.position"])
            self.use_object(ObjectFrame(turn, p["object.size"]))
        own = [found for found in (self.ee_input, self.object_input) if found is not None]
        self.inputs: tuple[Input, ...] = (*pictures, *self.source.inputs, *self.exposures.inputs, *own)

    @property
    def hand_eye(self) -> SE3 | None:
        """The camera's optical frame in the frame of the poses; None until it is known."""
        return self._arm.hand_eye

    @property
    def flange_from_ee(self) -> SE3 | None:
        """F_T_EE as the robot told it; None: it has not, or it is not asked."""
        return self._arm.flange_from_ee

    def connect(
        self,
        on_frame: Callable[[Frame], None],
        on_assembler: Callable[[ViewAssembler], None] = lambda assembler: None,
        on_jump: Callable[[], None] = lambda: None,
    ) -> None:
        """Say who wants what.

        Args:
            on_frame: called with every complete frame.
            on_assembler: called when object and camera's place have become known, and when either changes.
            on_jump: called when time jumped back, after everything that was kept is dropped.
        """
        self._on_frame, self._on_assembler, self._on_jump = on_frame, on_assembler, on_jump

    def use_object(self, object_frame: ObjectFrame) -> None:
        """Make views of this object from now on."""
        if self.object_frame is not None and _same_object(self.object_frame, object_frame):
            return
        self.object_frame = object_frame
        self._update()
        size = ", ".join(f"{side:.3f}" for side in object_frame.size)
        _log.info("object box %s m, scale %.3f model units per metre", size, object_frame.scale)

    def take_frame(self, stamp_ns: int, decode: Callable[[], DecodedFrame], now_ns: int) -> None:
        """Take a frame that needs no joining: a camera's own recording holds complete ones."""
        self._watch(stamp_ns, now_ns)
        self._on_frame(Frame(stamp_ns, None, decode, partial(self.exposures.exposure, stamp_ns)))

    def time_jumped_back(self) -> None:
        """Forget poses, transforms, metadata and incomplete frames: they belong to a time that is over."""
        self.counts["time jumps"] += 1
        _log.warning(
            "time jumped back: %d poses, %d incomplete frames and the transforms kept are dropped",
            *(len(self.poses), self.join.waiting),
        )
        self.poses.clear()
        self.source.clear()
        self.exposures.clear()
        self.join.clear()
        self.infos.clear()
        self._newest_ns = -1
        self._on_jump()

    # --- pictures -----------------------------------------------------------------------------------------------

    def _pictures(self) -> list[Input]:
        p = self._p
        found = [
            self._picture("colour", "colour_topic", (IMAGE, COMPRESSED), ("color|colour|rgb", "!depth")),
            Input(CAMERA_INFO, p["camera_info_topic"], "camera_info_topic", (INFO,), self.infos.add, words=("!depth",)),
        ]
        if p["depth_topic"]:
            remedy = "start realsense-ros with align_depth.enable:=true"
            found.append(
                self._picture("depth", "depth_topic", (IMAGE, COMPRESSED), ("align", "depth", "!color/image"), remedy)
            )
        if p["mask_topic"]:
            found.append(self._picture("mask", "mask_topic", (IMAGE,), ("mask",)))
        return found

    def _picture(
        self, name: str, parameter: str, kinds: tuple[str, ...], words: tuple[str, ...], remedy: str = ""
    ) -> Input:
        take = partial(self._take_picture, name)
        return Input(name, self._p[parameter], parameter, kinds, take, remedy=remedy, words=words)

    def _take_picture(self, name: str, message: Any, now_ns: int) -> None:
        stamp_ns = stamp_of(message.header)
        if name == "colour":
            self._see_camera(message.header.frame_id)
            self._watch(stamp_ns, now_ns)
        parts = self.join.add(name, stamp_ns, message)
        if parts is not None:
            exposure = partial(self.exposures.exposure, stamp_ns)
            self._on_frame(Frame(stamp_ns, parts, partial(self._decode, stamp_ns, parts), exposure))

    def _see_camera(self, frame: str) -> None:
        """Notice pictures of another camera than the calibration's."""
        if frame == self.camera_frame:
            return
        self.camera_frame = frame
        if self._calibrated_frame and frame != self._calibrated_frame:
            note = (
                f"the pictures are in frame '{frame}', but {self._p['hand_eye.file']} was calibrated for "
                f"'{self._calibrated_frame}': is it another camera's?"
            )
            self.notes.append(note)
            _log.warning("%s", note)

    def _watch(self, stamp_ns: int, now_ns: int) -> None:
        """Compare a picture's stamp with the clock, and with the one before."""
        self.image_clock.observe(stamp_ns, now_ns)
        if self._newest_ns - stamp_ns > JUMP_BACK_NS:
            self.time_jumped_back()
        self._newest_ns = max(self._newest_ns, stamp_ns)

    def _decode(self, stamp_ns: int, parts: Mapping[str, Any]) -> DecodedFrame:
        return DecodedFrame(
            colour=colour_from_image(parts["colour"]),
            depth=depth_from_image(parts["depth"]) if "depth" in parts else None,
            mask=mask_from_image(parts["mask"]) if "mask" in parts else None,
            camera=self.infos.camera(stamp_ns),
        )

    # --- object and hand-eye ------------------------------------------------------------------------------------

    def _take_object(self, marker: Any, _now_ns: int) -> None:
        try:
            if marker.type != CUBE:
                raise EscherNetError(f"marker type is {marker.type}; the object's box must be a CUBE ({CUBE})")
            size = (float(marker.scale.x), float(marker.scale.y), float(marker.scale.z))
            self.use_object(ObjectFrame(transform_of(marker.pose), size))
        except EscherNetError as error:
            _log.error("object box on %s not used: %s", self._p["object.topic"], error)

    def _update(self) -> None:
        """Make views from now on, once the object and the camera's place on the arm are known."""
        p = self._p
        if self.object_frame is None or self.hand_eye is None:
            return
        self.assembler = ViewAssembler(
            ee_from_camera_optical=self.hand_eye,
            object_frame=self.object_frame,
            image_size=p["image_size"],
            aim_at_object=p["aim_at_object"],
            exposure_s=p["exposure_s"],
            time_offset_s=p["time_offset_s"],
            time_uncertainty_s=p["time_uncertainty_s"],
            warn_pixel_error=p["warn_pixel_error"],
            max_gap_s=p["max_pose_gap_s"],
            masker=self._masker,
        )
        self._on_assembler(self.assembler)


def gates_of(p: Mapping[str, Any]) -> Gates:
    """The gates that the parameters of a capture ask for.

    Raises:
        EscherNetError: numbers that are none.
    """
    stillness = None
    if p["gates.rest_s"] > 0.0:
        stillness = StillnessDetector(p["gates.rest_s"], p["gates.rest_m"], p["gates.rest_rad"])
    return Gates(
        stillness=stillness,
        max_blur=p["gates.max_blur"],
        max_saturated=p["gates.max_saturated"],
        max_black=p["gates.max_black"],
        min_depth_coverage=p["gates.min_depth_coverage"],
        min_angle_rad=p["gates.min_angle_rad"],
        min_distance_m=p["gates.min_distance_m"],
    )


def _same_object(one: ObjectFrame, other: ObjectFrame) -> bool:
    return one.size == other.size and one.base_from_object.is_close(other.base_from_object, 1e-12)
