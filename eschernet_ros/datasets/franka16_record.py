# SPDX-License-Identifier: Apache-2.0
"""What is known of a recorded frame beside its pixels, and its form in JSON (docs/dataset.md).

The published Franka16 layout keeps two angles a frame. A record keeps the full poses, the metric scale, the intrinsics,
the arm, the stamps and the scores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.published_loss import PublishedLoss, published_loss
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera

_POSE_AGREEMENT = 1e-6
"""Largest difference of a matrix entry between the stored model pose and the one its metric pose gives."""


class _PoseSample(Protocol):
    @property
    def pose(self) -> SE3: ...
    @property
    def gap_ns(self) -> int: ...
    @property
    def offset_ns(self) -> int: ...
    @property
    def linear_speed(self) -> float: ...
    @property
    def angular_speed(self) -> float: ...


class _PosedView(Protocol):
    """The part of a captured view that is recorded."""

    @property
    def image_stamp_ns(self) -> int: ...
    @property
    def stamp_ns(self) -> int: ...
    @property
    def camera(self) -> PinholeCamera: ...
    @property
    def source_camera(self) -> PinholeCamera | None: ...
    @property
    def base_from_camera_optical(self) -> SE3: ...
    @property
    def object_frame(self) -> ObjectFrame: ...
    @property
    def camera_gl_from_object(self) -> SE3: ...
    @property
    def pose_sample(self) -> _PoseSample: ...
    @property
    def frame_from_camera_optical(self) -> SE3: ...
    @property
    def quality(self) -> Mapping[str, float | str]: ...
    @property
    def warnings(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class PoseInterpolation:
    """How a frame's pose was found between the robot's pose samples.

    Attributes:
        gap_ns: time between the two samples around the frame's stamp, nanoseconds.
        offset_ns: time from the stamp to the nearer of them, nanoseconds.
        linear_speed: speed between those samples, m/s; NaN where it is not known.
        angular_speed: rate of rotation, rad/s; likewise.
    """

    gap_ns: int
    offset_ns: int
    linear_speed: float
    angular_speed: float


@dataclass(frozen=True, eq=False)
class ArmRecord:
    """The arm when a frame was taken, and how the camera sits on it.

    Attributes:
        base_frame: name of the robot's base frame.
        pose_of: what ``base_from_arm`` is the pose of: ``ee`` (end effector) or ``flange``.
        base_from_arm: its pose at mid-exposure, metres.
        arm_from_camera_optical: the hand-eye transform used: the real camera's optical frame in that frame.
        flange_from_ee: the end effector's offset F_T_EE that the calibration was converted with; None: none was needed.
        joints: positions of the joints at mid-exposure by name, rad (m for sliding ones); empty where not known.
    """

    base_frame: str
    pose_of: str
    base_from_arm: SE3
    arm_from_camera_optical: SE3
    flange_from_ee: SE3 | None = None
    joints: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FrameRecord:
    """Everything known of one frame but its pixels.

    Attributes:
        camera_gl_from_object: pose in the model's convention: object frame, longest side 1, OpenGL axes.
        base_from_camera_optical: metric pose of the camera in the robot's base frame, metres.
        object_frame: where the object stands in the base frame and how large it is.
        camera: the pinhole camera of the stored image.
        source_camera: the sensor's camera that the image was resampled from; None when it was not.
        image_stamp_ns: the image message's stamp, nanoseconds.
        stamp_ns: the instant the pose was taken at (middle of the exposure), nanoseconds.
        interpolation: how the pose was found; None for a pose that was not interpolated.
        warnings: sentences about this frame.
        quality: exposure, bounds on the pose's error and the scores of the capture's gates, by name; NaN where not
            known, empty when there are none.
        base_from_source_optical: metric pose of the camera that took the picture; None where not known. Its centre is
            that of ``base_from_camera_optical``, whose axes may have been turned towards the object.
        arm: the arm and the calibration; None where there was none.
        received_ns: when the frame arrived, by the clock of the recording computer; None where not known.
        driver: what the camera's driver said of the frame, verbatim: stamps of the camera's own clock, the clock's
            domain, frame number; empty where it said nothing.
    """

    camera_gl_from_object: SE3
    base_from_camera_optical: SE3
    object_frame: ObjectFrame
    camera: PinholeCamera
    source_camera: PinholeCamera | None
    image_stamp_ns: int
    stamp_ns: int
    interpolation: PoseInterpolation | None = None
    warnings: tuple[str, ...] = ()
    quality: Mapping[str, float | str] = field(default_factory=dict)
    base_from_source_optical: SE3 | None = None
    arm: ArmRecord | None = None
    received_ns: int | None = None
    driver: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the model pose is the metric pose seen through the object frame.

        Raises:
            DatasetError: when it is not.
        """
        expected = self.object_frame.normalise(self.base_from_camera_optical).matrix
        difference = float(np.abs(expected - self.camera_gl_from_object.matrix).max())
        if difference > _POSE_AGREEMENT:
            raise DatasetError(
                f"camera_gl_from_object differs by up to {difference:.3g} from what base_from_camera_optical "
                "and the object frame give; compute it with object_frame.normalise()."
            )

    @classmethod
    def from_view(
        cls,
        view: _PosedView,
        *,
        base_frame: str = "",
        pose_of: str = "ee",
        flange_from_ee: SE3 | None = None,
        joints: Mapping[str, float] | None = None,
        received_ns: int | None = None,
        driver: Mapping[str, Any] | None = None,
        warnings: Sequence[str] = (),
    ) -> FrameRecord:
        """The record of a captured view; the keywords are what the view does not know (see the attributes)."""
        sample = view.pose_sample
        return cls(
            camera_gl_from_object=view.camera_gl_from_object,
            base_from_camera_optical=view.base_from_camera_optical,
            object_frame=view.object_frame,
            camera=view.camera,
            source_camera=view.source_camera,
            image_stamp_ns=view.image_stamp_ns,
            stamp_ns=view.stamp_ns,
            interpolation=PoseInterpolation(
                gap_ns=sample.gap_ns,
                offset_ns=sample.offset_ns,
                linear_speed=sample.linear_speed,
                angular_speed=sample.angular_speed,
            ),
            warnings=(*view.warnings, *warnings),
            quality=dict(view.quality),
            base_from_source_optical=sample.pose @ view.frame_from_camera_optical,
            arm=ArmRecord(
                base_frame, pose_of, sample.pose, view.frame_from_camera_optical, flange_from_ee, dict(joints or {})
            ),
            received_ns=received_ns,
            driver=dict(driver or {}),
        )

    @property
    def scale(self) -> float:
        """Model units per metre."""
        return float(self.object_frame.scale)

    @property
    def loss(self) -> PublishedLoss:
        """What the published rule makes of this frame's pose."""
        return published_loss(self.camera_gl_from_object)


def encode_record(index: int, record: FrameRecord) -> dict[str, Any]:
    """A record as JSON."""
    interpolation = record.interpolation
    return {
        "index": index,
        "image_stamp_ns": int(record.image_stamp_ns),
        "stamp_ns": int(record.stamp_ns),
        "received_ns": None if record.received_ns is None else int(record.received_ns),
        "camera_gl_from_object": _matrix(record.camera_gl_from_object),
        "base_from_camera_optical": _matrix(record.base_from_camera_optical),
        **_source_poses(record),
        "object_frame": {
            "base_from_object": _matrix(record.object_frame.base_from_object),
            "size": [float(side) for side in record.object_frame.size],
        },
        "scale": record.scale,
        "camera": _encode_camera(record.camera),
        "source_camera": None if record.source_camera is None else _encode_camera(record.source_camera),
        "arm": None if record.arm is None else _encode_arm(record.arm),
        "interpolation": None
        if interpolation is None
        else {
            "gap_ns": int(interpolation.gap_ns),
            "offset_ns": int(interpolation.offset_ns),
            "linear_speed": _number_or_null(interpolation.linear_speed),
            "angular_speed": _number_or_null(interpolation.angular_speed),
        },
        "published_loss": record.loss.as_dict(),
        "quality": encode_quality(record.quality),
        "driver": dict(record.driver),
        "warnings": list(record.warnings),
    }


def decode_record(entry: Mapping[str, Any]) -> FrameRecord:
    """The record of its JSON; what schema 1 did not keep is empty."""
    frame, interpolation = entry["object_frame"], entry["interpolation"]
    source, arm = entry.get("base_from_source_optical"), entry.get("arm")
    return FrameRecord(
        camera_gl_from_object=_transform(entry["camera_gl_from_object"]),
        base_from_camera_optical=_transform(entry["base_from_camera_optical"]),
        object_frame=ObjectFrame(_transform(frame["base_from_object"]), tuple(frame["size"])),
        camera=_decode_camera(entry["camera"]),
        source_camera=None if entry["source_camera"] is None else _decode_camera(entry["source_camera"]),
        image_stamp_ns=int(entry["image_stamp_ns"]),
        stamp_ns=int(entry["stamp_ns"]),
        interpolation=None
        if interpolation is None
        else PoseInterpolation(
            gap_ns=int(interpolation["gap_ns"]),
            offset_ns=int(interpolation["offset_ns"]),
            linear_speed=_null_or_number(interpolation["linear_speed"]),
            angular_speed=_null_or_number(interpolation["angular_speed"]),
        ),
        warnings=tuple(entry["warnings"]),
        quality=decode_quality(entry.get("quality", {})),
        base_from_source_optical=None if source is None else _transform(source),
        arm=None if arm is None else _decode_arm(arm),
        received_ns=entry.get("received_ns"),
        driver=entry.get("driver", {}),
    )


def encode_quality(quality: Mapping[str, float | str]) -> dict[str, float | str | None]:
    """Scores as JSON: what is not known (NaN) becomes null."""
    return {name: value if isinstance(value, str) else _number_or_null(value) for name, value in quality.items()}


def decode_quality(entry: Mapping[str, float | str | None]) -> dict[str, float | str]:
    """The inverse of `encode_quality`."""
    return {name: value if isinstance(value, str) else _null_or_number(value) for name, value in entry.items()}


def encode_line(entry: Mapping[str, Any]) -> str:
    """An entry as a line of JSON, without its end.

    Raises:
        DatasetError: when a number in it is not finite.
    """
    try:
        return json.dumps(entry, allow_nan=False)
    except ValueError as error:
        raise DatasetError(f"Frame {entry.get('index')} holds a number that is not finite: {error}.") from error


def _source_poses(record: FrameRecord) -> dict[str, Any]:
    """The real camera in base and object frame."""
    base_from_source = record.base_from_source_optical
    if base_from_source is None:
        return {"base_from_source_optical": None, "object_from_source_optical": None}
    object_from_source = record.object_frame.base_from_object.inverse() @ base_from_source
    return {
        "base_from_source_optical": _matrix(base_from_source),
        "object_from_source_optical": _matrix(object_from_source),
    }


def _encode_arm(arm: ArmRecord) -> dict[str, Any]:
    return {
        "base_frame": arm.base_frame,
        "pose_of": arm.pose_of,
        "base_from_arm": _matrix(arm.base_from_arm),
        "arm_from_camera_optical": _matrix(arm.arm_from_camera_optical),
        "flange_from_ee": None if arm.flange_from_ee is None else _matrix(arm.flange_from_ee),
        "joints": {name: float(value) for name, value in arm.joints.items()},
    }


def _decode_arm(entry: Mapping[str, Any]) -> ArmRecord:
    return ArmRecord(
        base_frame=str(entry["base_frame"]),
        pose_of=str(entry["pose_of"]),
        base_from_arm=_transform(entry["base_from_arm"]),
        arm_from_camera_optical=_transform(entry["arm_from_camera_optical"]),
        flange_from_ee=None if entry["flange_from_ee"] is None else _transform(entry["flange_from_ee"]),
        joints=dict(entry["joints"]),
    )


def _matrix(transform: SE3) -> list[list[float]]:
    rows: list[list[float]] = transform.matrix.tolist()
    return rows


def _transform(rows: Sequence[Sequence[float]]) -> SE3:
    return SE3.from_matrix(np.array(rows))


def _number_or_null(value: float) -> float | None:
    """JSON has no NaN: a number that is not known becomes null."""
    return None if math.isnan(value) else float(value)


def _null_or_number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _encode_camera(camera: PinholeCamera) -> dict[str, Any]:
    return {
        "width": int(camera.width),
        "height": int(camera.height),
        "fx": float(camera.fx),
        "fy": float(camera.fy),
        "cx": float(camera.cx),
        "cy": float(camera.cy),
        "distortion": [float(value) for value in camera.distortion],
    }


def _decode_camera(entry: Mapping[str, Any]) -> PinholeCamera:
    return PinholeCamera(**{**entry, "distortion": tuple(entry["distortion"])})
