# SPDX-License-Identifier: Apache-2.0
"""A photo whose camera and pose are known, and a photo that was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.photos.photo import Photo


@dataclass(frozen=True, eq=False)
class PosedPhoto:
    """A photo with its camera.

    Attributes:
        photo: the file.
        camera: intrinsics of its pixels as `Photo.read` gives them.
        base_from_camera_optical: pose of the camera in the base frame, metres.
    """

    photo: Photo
    camera: PinholeCamera
    base_from_camera_optical: SE3


class LeftOut(NamedTuple):
    """A photo that is not used: its file's name and why, a clause."""

    name: str
    reason: str

    @classmethod
    def because(cls, photo: Photo, error: EscherNetError) -> LeftOut:
        """Left out for what an error says."""
        return cls(photo.path.name, str(error).rstrip("."))

    def sentence(self) -> str:
        """Both in words."""
        return f"{self.name} is left out: {self.reason}"
