# SPDX-License-Identifier: Apache-2.0
"""``frames.json``: what the Franka16 layout has no place for.

The published layout keeps two angles a frame. This file, beside it, keeps the full pose, the metric scale,
the intrinsics and the stamps of every frame.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from eschernet_ros import __version__
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.published_loss import PublishedLoss, published_loss
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera

FRAMES_FILE = "frames.json"
ANGLES_FILE = "angles.npy"
IMAGES_FOLDER = "images_rgba"
SCHEMA = "eschernet_ros/franka16-frames"
SCHEMA_VERSION = 1

_POSE_AGREEMENT = 1e-6
"""Largest difference of a matrix entry between the stored model pose and the one its metric pose gives."""


class _PoseSample(Protocol):
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
    def from_view(cls, view: _PosedView) -> FrameRecord:
        """The record of a captured view."""
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
            warnings=tuple(view.warnings),
            quality=dict(view.quality),
        )

    @property
    def scale(self) -> float:
        """Model units per metre."""
        return float(self.object_frame.scale)

    @property
    def loss(self) -> PublishedLoss:
        """What the published rule makes of this frame's pose."""
        return published_loss(self.camera_gl_from_object)


def image_name(index: int) -> str:
    """File name of frame ``index``."""
    return f"frame{index:06d}.png"


def encode_record(index: int, record: FrameRecord) -> dict[str, Any]:
    """One entry of ``frames.json``."""
    interpolation = record.interpolation
    return {
        "index": index,
        "file": f"{IMAGES_FOLDER}/{image_name(index)}",
        "image_stamp_ns": int(record.image_stamp_ns),
        "stamp_ns": int(record.stamp_ns),
        "camera_gl_from_object": record.camera_gl_from_object.matrix.tolist(),
        "base_from_camera_optical": record.base_from_camera_optical.matrix.tolist(),
        "object_frame": {
            "base_from_object": record.object_frame.base_from_object.matrix.tolist(),
            "size": [float(side) for side in record.object_frame.size],
        },
        "scale": record.scale,
        "camera": _encode_camera(record.camera),
        "source_camera": None if record.source_camera is None else _encode_camera(record.source_camera),
        "interpolation": None
        if interpolation is None
        else {
            "gap_ns": int(interpolation.gap_ns),
            "offset_ns": int(interpolation.offset_ns),
            "linear_speed": _number_or_null(interpolation.linear_speed),
            "angular_speed": _number_or_null(interpolation.angular_speed),
        },
        "published_loss": record.loss.as_dict(),
        "warnings": list(record.warnings),
        "quality": {
            name: value if isinstance(value, str) else _number_or_null(value) for name, value in record.quality.items()
        },
    }


def decode_record(entry: Mapping[str, Any]) -> FrameRecord:
    """The record of an entry of ``frames.json``."""
    frame, interpolation = entry["object_frame"], entry["interpolation"]
    return FrameRecord(
        camera_gl_from_object=SE3.from_matrix(np.array(entry["camera_gl_from_object"])),
        base_from_camera_optical=SE3.from_matrix(np.array(entry["base_from_camera_optical"])),
        object_frame=ObjectFrame(SE3.from_matrix(np.array(frame["base_from_object"])), tuple(frame["size"])),
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
        quality={
            name: value if isinstance(value, str) else _null_or_number(value)
            for name, value in entry.get("quality", {}).items()
        },
    )


def encode_file(entry_lines: Sequence[str]) -> bytes:
    """``frames.json`` from its entries, each already a line of JSON."""
    head = json.dumps({"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "package_version": __version__})
    entries = ",\n".join(entry_lines)
    return f'{head[:-1]}, "frames": [\n{entries}\n]}}\n'.encode()


def encode_entry(entry: Mapping[str, Any]) -> str:
    """An entry as a line of JSON.

    Raises:
        DatasetError: when a number in it is not finite.
    """
    try:
        return json.dumps(entry, allow_nan=False)
    except ValueError as error:
        raise DatasetError(f"Frame {entry['index']} holds a number that is not finite: {error}.") from error


@dataclass(frozen=True, eq=False)
class FramesFile:
    """The content of ``frames.json``.

    Attributes:
        package_version: the version of this package that wrote it.
        records: the frames, in order; frame i is ``images_rgba/frame%06d.png``.
    """

    package_version: str
    records: tuple[FrameRecord, ...]


def read_frames_file(folder: Path) -> FramesFile | None:
    """Read ``folder/frames.json``; None when there is none.

    Raises:
        DatasetError: when it is damaged, of another kind, or of a newer schema.
    """
    path = folder / FRAMES_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path} is damaged (line {error.lineno}: {error.msg}); restore it.") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise DatasetError(f"{path} is not of the schema '{SCHEMA}'; it was written by something else.")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        raise DatasetError(
            f"{path} has schema version {version}, written by eschernet_ros "
            f"{content.get('package_version')}; this version ({__version__}) reads version {SCHEMA_VERSION}."
        )
    records = []
    try:
        for index, entry in enumerate(content["frames"]):
            expected = f"{IMAGES_FOLDER}/{image_name(index)}"
            if entry["index"] != index or entry["file"] != expected:
                raise DatasetError(f"its entry {index} is for {entry['file']} instead of {expected}")
            records.append(decode_record(entry))
    except (KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DatasetError(f"{path} is damaged at frame {len(records)}: {reason}; restore it.") from error
    return FramesFile(package_version=str(content.get("package_version")), records=tuple(records))


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
