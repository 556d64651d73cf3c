# SPDX-License-Identifier: Apache-2.0
"""A recorded pose stream in a few arrays: half an hour at 1 kHz takes 115 MB, not gigabytes of objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3


class PoseTrack:
    """Poses of one frame over time, interpolated in between (slerp and linear).

    Unlike ``capture.PoseBuffer``, which refuses, a time beyond an end gets the pose at that end: a search over time
    offsets must not fail at its borders. ``covers`` tells.

    Args:
        stamps_ns: [N >= 1] int64; sorted here, of samples with equal stamps the first is kept.
        translations: [N, 3] metres.
        quaternions_xyzw: [N, 4] unit quaternions.

    Raises:
        EscherNetError: no sample, or arrays that do not fit together.
    """

    def __init__(self, stamps_ns: ArrayLike, translations: ArrayLike, quaternions_xyzw: ArrayLike) -> None:
        stamps = np.asarray(stamps_ns, dtype=np.int64)
        translation = np.asarray(translations, dtype=np.float64)
        quaternion = np.asarray(quaternions_xyzw, dtype=np.float64)
        count = len(stamps)
        if count == 0 or translation.shape != (count, 3) or quaternion.shape != (count, 4):
            raise EscherNetError(
                f"a pose track needs stamps [N], translations [N, 3] and quaternions [N, 4] of at least one sample, "
                f"not {list(stamps.shape)}, {list(translation.shape)}, {list(quaternion.shape)}"
            )
        stamps, first = np.unique(stamps, return_index=True)
        self.stamps_ns: NDArray[np.int64] = stamps
        self._translations = translation[first]
        self._quaternions = quaternion[first]

    @classmethod
    def from_poses(cls, stamps_ns: ArrayLike, poses: Sequence[SE3]) -> PoseTrack:
        """From stamps [N] and N transforms."""
        return cls(stamps_ns, [p.translation for p in poses], [p.quaternion_xyzw for p in poses])

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.stamps_ns)

    def sample(self, index: int) -> SE3:
        """The pose of one sample."""
        return SE3.from_quaternion_xyzw(self._quaternions[index], self._translations[index])

    def at(self, stamp_ns: int) -> SE3:
        """The pose at a time; beyond an end, the pose there."""
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if after == 0 or after == len(self):
            return self.sample(min(after, len(self) - 1))
        start, end = int(self.stamps_ns[after - 1]), int(self.stamps_ns[after])
        return self.sample(after - 1).interpolate(self.sample(after), (stamp_ns - start) / (end - start))

    def covers(self, stamp_ns: int) -> bool:
        """Whether a time lies between the first and the last sample."""
        return bool(self.stamps_ns[0] <= stamp_ns <= self.stamps_ns[-1])

    def gap_ns(self, stamp_ns: int) -> int:
        """Width of the interval between the samples around a time; 0 on a sample or beyond an end."""
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if after == 0 or after == len(self) or self.stamps_ns[after] == stamp_ns:
            return 0
        return int(self.stamps_ns[after] - self.stamps_ns[after - 1])

    def speed_at(self, stamp_ns: int, window_ns: int = 40_000_000) -> tuple[float, float]:
        """Linear (m/s) and angular (rad/s) speed around a time, over a window."""
        start = max(stamp_ns - window_ns // 2, int(self.stamps_ns[0]))
        end = min(stamp_ns + window_ns // 2, int(self.stamps_ns[-1]))
        if end <= start:
            return 0.0, 0.0
        metres, radians = self.at(start).distance_to(self.at(end))
        return metres / ((end - start) / 1e9), radians / ((end - start) / 1e9)
