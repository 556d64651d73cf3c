# SPDX-License-Identifier: Apache-2.0
"""From an image, its stamp and the arm's pose history to a posed view."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from eschernet_ros.capture.develop import develop
from eschernet_ros.capture.mask_method import ObjectMasker
from eschernet_ros.capture.pose_buffer import NS_PER_S, PoseBuffer, PoseSample
from eschernet_ros.capture.pose_error import PoseError, pose_error
from eschernet_ros.capture.posed_view import PosedView, pose_quality
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import (
    MODEL_IMAGE_SIZE,
    SE3,
    STANDOFF_RANGE,
    ObjectFrame,
    PinholeCamera,
    aim_deviation,
    look_at_origin,
    model_camera,
    spherical_from_pose,
)

MAX_AIM_RAD = math.radians(10.0)
MAX_ROLL_RAD = math.radians(15.0)
"""Aim and roll beyond which a view is said to differ from everything the model has seen."""


_DEPTH_MASKS = ObjectMasker("depth")


def mid_exposure_ns(image_stamp_ns: int, exposure_s: float, time_offset_s: float = 0.0) -> int:
    """Middle of the exposure of a frame whose stamp marks the end of it.

    librealsense stamps the end of the exposure: its sensor time stamp, the middle, is the frame's time stamp
    less half the exposure. ``time_offset_s`` is what calibration finds on top, positive when the pose clock
    is ahead.
    """
    return image_stamp_ns + round((time_offset_s - exposure_s / 2.0) * NS_PER_S)


@dataclass(frozen=True, eq=False)
class PlacedFrame:
    """Where the camera was when a frame was exposed: a `PosedView` without its pictures.

    Attributes:
        stamp_ns, image_stamp_ns, camera, source_camera, base_from_camera_optical, object_frame, pose_sample,
            frame_from_camera_optical, exposure_s, exposure_source, pose_error: as in `PosedView`.
        warnings: sentences about pose and place.
    """

    stamp_ns: int
    image_stamp_ns: int
    camera: PinholeCamera
    source_camera: PinholeCamera
    base_from_camera_optical: SE3
    object_frame: ObjectFrame
    pose_sample: PoseSample
    frame_from_camera_optical: SE3
    exposure_s: float
    exposure_source: str
    pose_error: PoseError
    warnings: tuple[str, ...]

    @property
    def base_from_source_optical(self) -> SE3:
        """Pose of the camera that took the picture, metres; the same centre as the model's camera."""
        return self.pose_sample.pose @ self.frame_from_camera_optical

    @property
    def camera_gl_from_object(self) -> SE3:
        """EscherNet's pose: object-to-camera, gl axes, model units."""
        return self.object_frame.normalise(self.base_from_camera_optical)

    @property
    def quality(self) -> dict[str, float | str]:
        """Exposure and error bounds by name, for a record; NaN where not known."""
        return pose_quality(self.exposure_s, self.exposure_source, self.pose_error)


@dataclass(frozen=True, kw_only=True)
class ViewAssembler:
    """Makes a `PosedView` of every image it is given.

    Args:
        ee_from_camera_optical: hand-eye calibration: pose of the camera's optical frame in the frame whose
            poses the buffer holds, metres.
        object_frame: the object's box in the base frame of those poses.
        image_size: width and height of the model's image.
        exposure_s: exposure time, used when `assemble` is not given the frame's own.
        time_offset_s: added to the middle of the exposure.
        max_gap_s: widest gap in the pose stream that is interpolated across.
        warn_gap_s: a gap wider than this is named among the view's warnings.
        time_uncertainty_s: how far mid-exposure may be off, stamps of camera and robot together; it enters the error
            bounds only.
        warn_pixel_error: a larger bound on the pose's error, in pixels of the source image, is named among the
            warnings.
        masker: makes masks.
        mask_margin: enlargement of the box for the mask from depth, metres.
        plane_margin: height above the box's bottom face that counts as table, metres.
        aim_at_object: turn the model's camera, which stays in the real one's place, upright and towards the
            object. The model was trained on such views only, and a Franka16 recording can describe no others.

    Raises:
        EscherNetError: an exposure or a gap that is negative or not finite.
    """

    ee_from_camera_optical: SE3
    object_frame: ObjectFrame
    image_size: int = MODEL_IMAGE_SIZE
    exposure_s: float = 0.0
    time_offset_s: float = 0.0
    max_gap_s: float = 0.1
    warn_gap_s: float = 0.02
    time_uncertainty_s: float = 0.001
    warn_pixel_error: float = 2.0
    masker: ObjectMasker = _DEPTH_MASKS
    mask_margin: float = 0.01
    plane_margin: float = 0.005
    aim_at_object: bool = False

    def __post_init__(self) -> None:
        _check_exposure(self.exposure_s)
        for name in ("max_gap_s", "warn_gap_s", "warn_pixel_error"):
            if not getattr(self, name) > 0.0:
                raise EscherNetError(f"{name} must be positive, it is {getattr(self, name)}")
        if not 0.0 <= self.time_uncertainty_s < math.inf:
            raise EscherNetError(f"time_uncertainty_s must not be negative, it is {self.time_uncertainty_s}")
        if not math.isfinite(self.time_offset_s):
            raise EscherNetError(f"time_offset_s must be finite, it is {self.time_offset_s}")

    def mid_exposure_ns(self, image_stamp_ns: int, exposure_s: float | None = None) -> int:
        """The time whose pose a frame gets: the middle of its exposure, plus the calibrated offset.

        Raises:
            EscherNetError: an exposure outside 0..1 s.
        """
        exposure = self.exposure_s if exposure_s is None else exposure_s
        _check_exposure(exposure)
        return mid_exposure_ns(image_stamp_ns, exposure, self.time_offset_s)

    def assemble(
        self,
        colour: np.ndarray,
        depth: np.ndarray | None,
        mask: np.ndarray | None,
        source_camera: PinholeCamera,
        image_stamp_ns: int,
        poses: PoseBuffer,
        index: int,
        exposure_s: float | None = None,
    ) -> PosedView:
        """Pose, mask and resample one image.

        Args:
            colour: [H, W, 3] uint8 RGB.
            depth: [H, W] float metres aligned to colour, or None.
            mask: [H, W] bool exact mask, or None: the masker makes one. When it cannot for want of depth, the whole
                image is foreground, with a warning.
            source_camera: the colour camera.
            image_stamp_ns: the image's stamp.
            poses: history of ``base_from_ee``.
            index: the view's number, >= 0.
            exposure_s: this frame's exposure, when the driver reports it; else the assembler's is used.

        Raises:
            PoseUnavailable: there is no pose at the middle of the exposure (too new, too old, gap).
            EscherNetError: images that do not fit the camera or are of the wrong type, a negative index.
        """
        if index < 0:
            raise EscherNetError(f"the view's index must not be negative, it is {index}")
        placed = self.place(source_camera, image_stamp_ns, poses, exposure_s)
        developed = develop(
            colour,
            depth,
            mask,
            source_camera=source_camera,
            camera=placed.camera,
            base_from_source=placed.base_from_source_optical,
            base_from_camera=placed.base_from_camera_optical,
            object_frame=self.object_frame,
            masker=self.masker,
            mask_margin=self.mask_margin,
            plane_margin=self.plane_margin,
        )
        return PosedView(
            index=index,
            stamp_ns=placed.stamp_ns,
            image_stamp_ns=image_stamp_ns,
            image=developed.image,
            mask=developed.mask,
            camera=placed.camera,
            source_camera=source_camera,
            base_from_camera_optical=placed.base_from_camera_optical,
            object_frame=self.object_frame,
            pose_sample=placed.pose_sample,
            frame_from_camera_optical=self.ee_from_camera_optical,
            exposure_s=placed.exposure_s,
            exposure_source=placed.exposure_source,
            pose_error=placed.pose_error,
            scores=developed.scores,
            warnings=(*developed.warnings, *placed.warnings),
            source_mask=developed.source_mask,
        )

    def place(
        self, source_camera: PinholeCamera, image_stamp_ns: int, poses: PoseBuffer, exposure_s: float | None = None
    ) -> PlacedFrame:
        """Find where the camera was in the middle of a frame's exposure; needs no pixels.

        Args: as `assemble`.

        Raises:
            PoseUnavailable: there is no pose at the middle of the exposure (too new, too old, gap).
            EscherNetError: an exposure outside 0..1 s.
        """
        stamp_ns = self.mid_exposure_ns(image_stamp_ns, exposure_s)
        sample = poses.lookup(stamp_ns, self.max_gap_s)
        base_from_source = sample.pose @ self.ee_from_camera_optical
        base_from_camera = self._aimed(base_from_source) if self.aim_at_object else base_from_source
        camera = model_camera(self.image_size)
        exposure = self.exposure_s if exposure_s is None else exposure_s
        error = pose_error(
            poses,
            sample,
            self.ee_from_camera_optical,
            source_camera,
            self.object_frame,
            exposure,
            self.time_uncertainty_s,
        )
        warnings = self._object_warnings(base_from_source, base_from_camera, source_camera, camera)
        warnings += self._pose_warnings(sample, base_from_camera)
        warnings += self._error_warnings(error, sample)
        return PlacedFrame(
            stamp_ns=stamp_ns,
            image_stamp_ns=image_stamp_ns,
            camera=camera,
            source_camera=source_camera,
            base_from_camera_optical=base_from_camera,
            object_frame=self.object_frame,
            pose_sample=sample,
            frame_from_camera_optical=self.ee_from_camera_optical,
            exposure_s=exposure,
            exposure_source="parameter" if exposure_s is None else "metadata",
            pose_error=error,
            warnings=tuple(warnings),
        )

    def _aimed(self, base_from_camera: SE3) -> SE3:
        spherical = spherical_from_pose(self.object_frame.normalise(base_from_camera))
        return self.object_frame.denormalise(look_at_origin(*spherical))

    def _object_warnings(
        self, base_from_source: SE3, base_from_camera: SE3, source: PinholeCamera, camera: PinholeCamera
    ) -> list[str]:
        """Name the share of the object that the source image or the model's image does not show.

        The object is taken as the ellipsoid in its box: the box's corners are mostly empty, and those of a
        cube leave the model's image even at a trained standoff.
        """
        steps = np.linspace(-0.5, 0.5, 9)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
        ball = grid[np.linalg.norm(grid, axis=1) <= 0.5]
        points = self.object_frame.base_from_object @ (ball * self.object_frame.size)
        warnings = []
        for name, pose, view in (
            ("the camera's image", base_from_source, source),
            ("the model's image", base_from_camera, camera),
        ):
            outside = 1.0 - float(view.contains(view.project(pose.inverse() @ points)).mean())
            if outside > 0.0:
                warnings.append(
                    f"{outside:.0%} of the object's volume lies outside {name}: it is cut off; "
                    "move the camera back or turn it towards the object"
                )
        return warnings

    def _pose_warnings(self, sample: PoseSample, base_from_camera: SE3) -> list[str]:
        warnings = []
        nearest, farthest = STANDOFF_RANGE
        scale = self.object_frame.scale
        standoff = self.object_frame.standoff(base_from_camera)
        if not nearest <= standoff <= farthest:
            warnings.append(
                f"the standoff is {standoff:.2f} longest sides, outside the trained {nearest} to {farthest}: "
                f"move the camera to {nearest / scale:.2f} to {farthest / scale:.2f} m from the object's "
                "centre, or correct the object's size"
            )
        if sample.gap_ns > self.warn_gap_s * NS_PER_S:
            warnings.append(
                f"the poses around the exposure are {sample.gap_ns / 1e6:.1f} ms apart (over "
                f"{self.warn_gap_s * 1e3:.1f} ms) while the arm moved at {sample.linear_speed:.3f} m/s"
            )
        deviation = aim_deviation(self.object_frame.normalise(base_from_camera))
        if deviation.aim > MAX_AIM_RAD:
            warnings.append(
                f"the camera looks {math.degrees(deviation.aim):.0f} deg past the object's centre, "
                "the model was trained on cameras aimed at it; aim_at_object corrects this"
            )
        if abs(deviation.roll) > MAX_ROLL_RAD:
            warnings.append(
                f"the camera is rolled by {math.degrees(deviation.roll):.0f} deg, the model was trained "
                "on upright cameras; aim_at_object corrects this"
            )
        return warnings

    def _error_warnings(self, error: PoseError, sample: PoseSample) -> list[str]:
        if not error.pixels > self.warn_pixel_error:
            return []
        return [
            f"the pose may be off by {error.pixels:.1f} px at the object (over {self.warn_pixel_error:g} px; "
            f"{error.position_m * 1e3:.2f} mm, {math.degrees(error.rotation_rad):.2f} deg): the camera moved at "
            f"{error.camera_speed:.3f} m/s, poses are {sample.gap_ns / 1e6:.1f} ms apart and stamps are good to "
            f"{self.time_uncertainty_s * 1e3:g} ms; move slower or let the arm rest"
        ]


def _check_exposure(exposure_s: float) -> None:
    if not 0.0 <= exposure_s < 1.0:
        raise EscherNetError(
            f"the exposure must lie in 0..1 s, it is {exposure_s}: drivers report microseconds, convert them"
        )
