# SPDX-License-Identifier: Apache-2.0
"""The root frame of a camera's driver: where the optical frame is in it, by TF."""

from __future__ import annotations

import time
from typing import Any

from rclpy.node import Node
from rclpy.time import Time as RosTime

from eschernet_ros.geometry import SE3

try:
    from tf2_ros import Buffer, TransformException, TransformListener
except ImportError:  # not on PyPI; a workstation has it
    Buffer = None

OPTICAL_SUFFIX = "_color_optical_frame"


def root_frame_of(optical_frame: str) -> str:
    """The root frame of the camera of realsense-ros whose colour has this optical frame; empty when unlike one."""
    return f"{optical_frame.removesuffix(OPTICAL_SUFFIX)}_link" if optical_frame.endswith(OPTICAL_SUFFIX) else ""


class CameraRootLookup:
    """Asks TF for the optical frame in the root frame, without ever blocking the executor.

    Attributes:
        missing: why TF cannot be asked; empty when it can.
    """

    def __init__(self, node: Node) -> None:
        self.missing = "" if Buffer is not None else "tf2_ros is not installed here (a ROS distribution has it)"
        self._buffer: Any = None
        if Buffer is not None:
            self._buffer = Buffer(node=node)
            self._listener = TransformListener(self._buffer, node)

    def find(self, root: str, optical: str) -> SE3 | None:
        """``root_from_optical`` when TF knows it now, else None."""
        if self._buffer is None:
            return None
        try:
            transform = self._buffer.lookup_transform(root, optical, RosTime()).transform
        except TransformException:
            return None
        t, r = transform.translation, transform.rotation
        return SE3.from_quaternion_xyzw([r.x, r.y, r.z, r.w], [t.x, t.y, t.z])

    def wait(self, root: str, optical: str, timeout_s: float) -> SE3 | None:
        """As :meth:`find`, waiting; only while another thread spins the node."""
        deadline = time.monotonic() + timeout_s
        while (found := self.find(root, optical)) is None and self._buffer is not None:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return found
