# SPDX-License-Identifier: Apache-2.0
"""Which frames a viewpoint may be given in: those a PosedView tells of, and those of TF where tf2_ros is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time as RosTime

from eschernet_ros.capture import PosedView
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame
from eschernet_ros.msg import PosedView as PosedViewMessage
from eschernet_ros.nodes import messages

_WITHOUT_TF = ""
try:
    from tf2_ros import Buffer, TransformException, TransformListener
except ImportError as error:  # not on PyPI; a workstation has it
    _WITHOUT_TF = str(error)


@dataclass(frozen=True)
class Scene:
    """The object and the frames around it, as the newest posed view tells.

    Attributes:
        object_name, base_name, camera_name: frame ids.
        object_frame: the object's box in the base frame.
        base_from_camera_optical: the real camera at the newest view.
    """

    object_name: str
    base_name: str
    camera_name: str
    object_frame: ObjectFrame
    base_from_camera_optical: SE3

    @classmethod
    def from_message(cls, message: PosedViewMessage, view: PosedView) -> Scene:
        """Take the frames from a PosedView."""
        return cls(
            message.header.frame_id,
            message.base_frame,
            message.camera_frame,
            view.object_frame,
            messages.from_pose(message.ee_pose) @ messages.from_pose(message.hand_eye),
        )

    def same_object(self, other: Scene) -> bool:
        """Tell whether both views are of one object that has not moved (1 um, 1e-6 rad)."""
        return (
            self.object_name == other.object_name
            and self.object_frame.size == other.object_frame.size
            and self.object_frame.base_from_object.is_close(other.object_frame.base_from_object, 1e-6)
        )


class FrameResolver:
    """Finds ``base_from_frame`` for a frame id; blocks for at most ``timeout_s``, so call it outside the executor."""

    def __init__(self, node: Node, timeout_s: float) -> None:
        self._timeout = Duration(seconds=timeout_s)
        self._buffer: Any = None
        if not _WITHOUT_TF:
            self._buffer = Buffer(node=node)
            self._listener = TransformListener(self._buffer, node)

    def base_from(self, frame_id: str, stamp: Time, scene: Scene) -> SE3:
        """Return the pose of ``frame_id`` in the base frame.

        Raises:
            EscherNetError: for an unknown frame, or one TF does not know at ``stamp`` (0: the newest it has).
        """
        known = {
            scene.object_name: scene.object_frame.base_from_object,
            scene.base_name: SE3.identity(),
            scene.camera_name: scene.base_from_camera_optical,
        }
        return self.resolve(frame_id, stamp, scene.base_name, known)

    def resolve(
        self, frame_id: str, stamp: Time, base_name: str, known: Mapping[str, SE3], thing: str = "target"
    ) -> SE3:
        """Return the pose of ``frame_id`` in the base frame, from ``known`` (``base_from_frame`` by name) or TF.

        Raises:
            EscherNetError: as :meth:`base_from`; it says that the frame is that of ``thing``.
        """
        if frame_id in known:
            return known[frame_id]
        names = ", ".join(f"'{name}'" for name in known)
        if self._buffer is None:
            raise EscherNetError(
                f"frame '{frame_id}' of the {thing} is not known. Known are {names}; other frames need TF, and "
                f"tf2_ros is not installed here ({_WITHOUT_TF}); it comes with a ROS distribution"
            )
        try:
            transform = self._buffer.lookup_transform(
                base_name, frame_id, RosTime.from_msg(stamp), self._timeout
            ).transform
        except TransformException as error:
            raise EscherNetError(
                f"TF cannot place the {thing}'s frame '{frame_id}' in '{base_name}' within "
                f"{self._timeout.nanoseconds / 1e9:g} s: {error}. Known without TF are {names}"
            ) from error
        t, r = transform.translation, transform.rotation
        return SE3.from_quaternion_xyzw([r.x, r.y, r.z, r.w], [t.x, t.y, t.z])
