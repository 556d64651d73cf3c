# SPDX-License-Identifier: Apache-2.0
"""Whether the arm stood still around a time: no blur, no rolling shutter, no time-offset error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from eschernet_ros.capture.pose_buffer import NS_PER_S, PoseBuffer
from eschernet_ros.errors import EscherNetError


class Motion(NamedTuple):
    """Largest distance from the last pose of a window: metres, radians, and the number of poses looked at."""

    linear: float
    angular: float
    samples: int


class StillnessDetector:
    """Judges the window that ends at a time.

    Args:
        window_s: its length.
        max_linear: largest distance from the window's last pose that counts as still, metres.
        max_angular: likewise, radians.

    Raises:
        EscherNetError: an argument that is not positive.
    """

    def __init__(self, window_s: float = 0.3, max_linear: float = 5e-4, max_angular: float = 2e-3) -> None:
        for name, value in (
            ("window_s", window_s),
            ("max_linear", max_linear),
            ("max_angular", max_angular),
        ):
            if not value > 0.0:
                raise EscherNetError(f"stillness: {name} must be positive, it is {value}")
        self.window_s = window_s
        self.max_linear = max_linear
        self.max_angular = max_angular

    def motion(self, buffer: PoseBuffer, stamp_ns: int) -> Motion:
        """How far the frame moved in the window that ends at ``stamp_ns``.

        Raises:
            PoseUnavailable: the buffer does not reach over the whole window, or holds no sample in it:
                nothing is known, which is not the same as still.
        """
        start_ns = stamp_ns - round(self.window_s * NS_PER_S)
        # the pose at the window's end also bounds the gaps: none may be longer than the window
        end = buffer.lookup(stamp_ns, max_gap_s=self.window_s).pose
        start = buffer.lookup(start_ns, max_gap_s=self.window_s).pose
        _, matrices = buffer.between(start_ns, stamp_ns)
        matrices = np.concatenate([start.matrix[None], matrices])
        linear = np.linalg.norm(matrices[:, :3, 3] - end.translation, axis=1)
        angular = Rotation.from_matrix(end.matrix[:3, :3].T @ matrices[:, :3, :3]).magnitude()
        return Motion(float(linear.max()), float(angular.max()), len(matrices) - 1)

    def is_still(self, buffer: PoseBuffer, stamp_ns: int) -> bool:
        """Whether `motion` stays within both limits.

        Raises:
            PoseUnavailable: as `motion`.
        """
        motion = self.motion(buffer, stamp_ns)
        return motion.linear <= self.max_linear and motion.angular <= self.max_angular
