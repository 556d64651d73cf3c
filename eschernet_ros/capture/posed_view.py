# SPDX-License-Identifier: Apache-2.0
"""One posed image, ready for the model and for recording."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from eschernet_ros.capture.gates import ViewScores
from eschernet_ros.capture.pose_buffer import PoseSample
from eschernet_ros.capture.pose_error import PoseError
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera

_UNKNOWN_ERROR = PoseError()
_NO_SCORES = ViewScores()
_IDENTITY = SE3.identity()


@dataclass(frozen=True, eq=False)
class PosedView:
    """An image of the object as the model's camera would have taken it, with the pose of that camera.

    Attributes:
        index: the view's number, given by the caller (never a queue position).
        stamp_ns: middle of the exposure, the time of the pose.
        image_stamp_ns: the image's own stamp.
        image: [S, S, 3] uint8 RGB, white where nothing of the object contributes.
        mask: [S, S] bool.
        camera: the model's camera, of ``image`` and ``mask``.
        source_camera: the camera that took the picture.
        base_from_camera_optical: pose of the model's camera in the base frame, metres. Its centre is the real
            camera's; its axes are too, unless the view was aimed at the object.
        object_frame: the object's box and scale.
        pose_sample: the arm's interpolated pose (base from end effector or flange) and its quality.
        frame_from_camera_optical: the real camera's optical frame in the frame of ``pose_sample``; identity when it is
            not known.
        exposure_s: the exposure time that ``stamp_ns`` was computed with; NaN when it is not known.
        exposure_source: ``metadata`` of the frame, or ``parameter``; empty when it is not known.
        pose_error: bounds on what the pose may be off by.
        scores: what the gates look at.
        warnings: sentences about what may spoil the view; empty when nothing does.
        source_mask: [H, W] bool of ``source_camera``; None where it is not known, as after a journey through a message.
    """

    index: int
    stamp_ns: int
    image_stamp_ns: int
    image: np.ndarray
    mask: np.ndarray
    camera: PinholeCamera
    source_camera: PinholeCamera
    base_from_camera_optical: SE3
    object_frame: ObjectFrame
    pose_sample: PoseSample
    frame_from_camera_optical: SE3 = _IDENTITY
    exposure_s: float = math.nan
    exposure_source: str = ""
    pose_error: PoseError = _UNKNOWN_ERROR
    scores: ViewScores = _NO_SCORES
    warnings: tuple[str, ...] = ()
    source_mask: np.ndarray | None = None

    @property
    def camera_gl_from_object(self) -> SE3:
        """EscherNet's pose: object-to-camera, gl axes, model units."""
        return self.object_frame.normalise(self.base_from_camera_optical)

    @property
    def standoff(self) -> float:
        """Distance of the camera from the object's centre in model units."""
        return self.object_frame.standoff(self.base_from_camera_optical)

    @property
    def quality(self) -> dict[str, float | str]:
        """Exposure, error bounds and scores by name, for a record; NaN where not known."""
        scores = {field.name: getattr(self.scores, field.name) for field in fields(self.scores)}
        return {**pose_quality(self.exposure_s, self.exposure_source, self.pose_error), **scores}


def pose_quality(exposure_s: float, exposure_source: str, error: PoseError) -> dict[str, float | str]:
    """Exposure and error bounds by name, as a record keeps them."""
    bounds = {f"error_{name}": value for name, value in error._asdict().items()}
    return {"exposure_s": exposure_s, "exposure_source": exposure_source, **bounds}
