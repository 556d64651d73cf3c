# SPDX-License-Identifier: Apache-2.0
"""The camera's place on the arm as a stream has it: known from the start, or once the robot tells F_T_EE."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from eschernet_ros.capture.message_fields import transform_of
from eschernet_ros.capture.pose_buffer import PoseBuffer
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.streams.hand_eye import frame_from_camera, needs_flange_from_ee
from eschernet_ros.streams.inputs import Input

_log = logging.getLogger(__name__)


class CameraOnArm:
    """Follows F_T_EE where the calibration is converted with it and ``flange_from_ee.topic`` is set.

    Args:
        p: parameters of a capture.
        pose_of: what the pose source gives poses of.
        poses: is cleared when the end effector becomes another point.
        on_change: called when the camera's place becomes known, and when it changes; not from here.

    Attributes:
        hand_eye: the camera's optical frame in the frame of the poses; None until it is known.
        flange_from_ee: F_T_EE as the robot told it; None: it has not, or it is not asked.
        input: the topic of F_T_EE; None where none is needed.

    Raises:
        EscherNetError: a transform that is none, or a calibration file that cannot be used.
    """

    def __init__(self, p: Mapping[str, Any], pose_of: str, poses: PoseBuffer, on_change: Callable[[], None]) -> None:
        self._p = p
        self._pose_of = pose_of
        self._poses = poses
        self._on_change = on_change
        self.hand_eye: SE3 | None = None
        self.flange_from_ee: SE3 | None = None
        self.input: Input | None = None
        if p["flange_from_ee.topic"] and needs_flange_from_ee(p, pose_of):
            kinds = ("geometry_msgs/msg/PoseStamped",)
            self.input = Input(
                "F_T_EE", p["flange_from_ee.topic"], "flange_from_ee.topic", kinds, self._take, latched=True
            )
        else:
            self._use(None)

    def _take(self, message: Any, _now_ns: int) -> None:
        try:
            told = transform_of(message.pose)
            if self.flange_from_ee is not None and told.is_close(self.flange_from_ee, 1e-9):
                return
            self._use(told)
        except EscherNetError as error:
            _log.error("F_T_EE on %s not used: %s", self._p["flange_from_ee.topic"], error)
            return
        self._on_change()

    def _use(self, flange_from_ee: SE3 | None) -> None:
        hand_eye, origin = frame_from_camera(self._p, self._pose_of, flange_from_ee)
        if self.hand_eye is not None and self._pose_of == "ee":
            _log.warning("F_T_EE changed: the end effector is another point; the poses kept are dropped")
            self._poses.clear()  # before the new transform: whoever has the old one finds no pose that it does not fit
        self.hand_eye, self.flange_from_ee = hand_eye, flange_from_ee
        _log.info("poses from %s; %s", self._p["pose_source"], origin)
