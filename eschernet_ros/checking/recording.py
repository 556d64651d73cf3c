# SPDX-License-Identifier: Apache-2.0
"""What is judged: frames with poses, and for a moving arm the pose stream behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera


@dataclass(frozen=True, eq=False)
class CheckFrame:
    """One picture.

    Attributes:
        name: what it is called in its source: a view's number, a file's stem, or the time in a bag.
        image: [H, W, 3] uint8 RGB.
        camera: its intrinsics.
        depth: [H, W] float32 metres along the optical axis, aligned to the image, 0 = no measurement; or None.
        mask: [H, W] bool, the object; or None.
        stamp_ns: middle of the exposure by the stamps (without any offset found later); None where unknown.
        background_is_blank: the pixels outside the mask were painted over and show nothing.
    """

    name: str
    image: NDArray[np.uint8]
    camera: PinholeCamera
    depth: NDArray[np.float32] | None = None
    mask: NDArray[np.bool_] | None = None
    stamp_ns: int | None = None
    background_is_blank: bool = False

    def __post_init__(self) -> None:
        """Check that the pictures fit the camera.

        Raises:
            EscherNetError: they do not.
        """
        size = (self.camera.height, self.camera.width)
        for kind, picture in (("image", self.image), ("depth", self.depth), ("mask", self.mask)):
            if picture is not None and picture.shape[:2] != size:
                raise EscherNetError(
                    f"frame {self.name}: the {kind} is {picture.shape[1]}x{picture.shape[0]}, its camera "
                    f"{size[1]}x{size[0]}; depth must be aligned to colour and camera_info must belong to the image"
                )


@dataclass(frozen=True, eq=False)
class ArmPoses:
    """How an arm's pose stream and a hand-eye calibration give the cameras' poses.

    Attributes:
        track: poses ``base_from_ee`` over time.
        ee_from_camera_optical: the hand-eye calibration.
    """

    track: PoseTrack
    ee_from_camera_optical: SE3

    def cameras_at(self, stamps_ns: Sequence[int], time_offset_s: float = 0.0) -> list[SE3]:
        """``base_from_camera_optical`` at times shifted by an offset; times beyond the track get its ends."""
        offset = round(time_offset_s * 1e9)
        return [self.track.at(stamp + offset) @ self.ee_from_camera_optical for stamp in stamps_ns]


@dataclass(frozen=True, eq=False)
class CheckRecording:
    """Frames and the poses they claim.

    Attributes:
        name: for titles and sentences.
        source: what was read, in words.
        frames: at least one.
        world_from_camera: one ``world_from_camera_optical`` a frame.
        arm: pose stream and hand-eye, where the recording has them.
        length_unit_m: metres per unit of length of the poses; None where the world has no metric scale.
        notes: sentences about what was read and what was left out.
    """

    name: str
    source: str
    frames: tuple[CheckFrame, ...]
    world_from_camera: tuple[SE3, ...]
    arm: ArmPoses | None = None
    length_unit_m: float | None = 1.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that every frame has a pose.

        Raises:
            EscherNetError: not one pose a frame, or no frame.
        """
        if not self.frames or len(self.frames) != len(self.world_from_camera):
            raise EscherNetError(
                f"'{self.name}' has {len(self.frames)} frames and {len(self.world_from_camera)} poses; "
                "at least one frame, and one pose for each, are needed"
            )

    @property
    def stamps_ns(self) -> list[int] | None:
        """The frames' times; None unless all have one."""
        stamps = [frame.stamp_ns for frame in self.frames if frame.stamp_ns is not None]
        return stamps if len(stamps) == len(self.frames) else None

    def with_poses(self, world_from_camera: Sequence[SE3]) -> CheckRecording:
        """The same frames with other poses."""
        return replace(self, world_from_camera=tuple(world_from_camera))
