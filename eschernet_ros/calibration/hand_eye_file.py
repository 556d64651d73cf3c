# SPDX-License-Identifier: Apache-2.0
"""Reads a calibration: easy_handeye2's ``.calib`` and this package's YAML."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from eschernet_ros.calibration.frame_names import camera_frame_from_optical, flange_from_frame
from eschernet_ros.calibration.hand_eye import CalibrationInfo, FixedCamera, HandEye
from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.geometry import SE3

FORMAT = "eschernet_ros/hand_eye"
"""Value of ``format`` in our YAML."""
VERSION = 1

EYE_IN_HAND = "eye_in_hand"
EYE_ON_BASE = "eye_on_base"
"""easy_handeye2's names of the two arrangements."""

_FARTHEST_ON_ARM = 1.0
_FARTHEST_FROM_BASE = 10.0

_log = logging.getLogger(__name__)


class CalibrationFileError(EscherNetError):
    """A calibration file that cannot be used; the message names it and what is wrong."""


def read_hand_eye(
    path: Path | str,
    flange_from_ee: SE3 | None = None,
    *,
    flange_from_effector: SE3 | None = None,
    camera_root_from_camera_optical: SE3 | None = None,
) -> HandEye:
    """The calibration of a camera on the arm.

    Args:
        path: a ``.calib`` of easy_handeye2, or a YAML that ``eschernet-ros calibrate`` wrote.
        flange_from_ee: F_T_EE as set on the controller now. When it differs from the one in the file, that is logged
            as a warning and added to ``info.notes``.
        flange_from_effector: for a ``.calib`` whose ``robot_effector_frame`` is no frame of franka_description, or
            whose end effector is not the Franka hand's: where that frame sits on the flange.
        camera_root_from_camera_optical: for a ``.calib`` whose ``tracking_base_frame`` is not an optical frame: the
            colour camera's optical frame in it.

    Raises:
        CalibrationFileError: missing, damaged, implausible, ambiguous, or of a camera that is not on the arm.
    """
    calibration = read_calibration(
        path,
        flange_from_effector=flange_from_effector,
        camera_root_from_camera_optical=camera_root_from_camera_optical,
    )
    if isinstance(calibration, FixedCamera):
        raise CalibrationFileError(
            f"{path} is the calibration of a camera beside the robot ({EYE_ON_BASE}), but one on the arm is needed "
            f"({EYE_IN_HAND}): choose another file"
        )
    if flange_from_ee is not None and (change := calibration.change_of_ee(flange_from_ee)):
        _log.warning("%s: %s", path, change)
        info = replace(calibration.info, notes=(*calibration.info.notes, change))
        return replace(calibration, info=info)
    return calibration


def read_calibration(
    path: Path | str,
    *,
    flange_from_effector: SE3 | None = None,
    camera_root_from_camera_optical: SE3 | None = None,
) -> HandEye | FixedCamera:
    """The calibration of a camera, wherever it is mounted; arguments and errors as :func:`read_hand_eye`."""
    path = Path(path)
    document = _document(path)
    try:
        if document.get("format") == FORMAT:
            return _from_ours(document)
        if "parameters" in document and "transform" in document:
            return _from_calib(document, flange_from_effector, camera_root_from_camera_optical)
    except CalibrationFileError as error:
        raise CalibrationFileError(f"{path}: {error}") from error
    raise CalibrationFileError(
        f"{path} is no calibration: neither easy_handeye2's keys 'parameters' and 'transform' nor 'format: {FORMAT}' "
        f"are in it, but {', '.join(map(str, document)) or 'nothing'}"
    )


def transform_to_plain(transform: SE3) -> dict[str, list[float]]:
    """A transform as it stands in our YAML: metres, and a quaternion x, y, z, w."""
    return {
        "translation_m": [float(value) for value in transform.translation],
        "rotation_xyzw": [float(value) for value in transform.quaternion_xyzw],
    }


def transform_from_plain(value: Any, name: str) -> SE3:
    """The transform under the key ``name`` of our YAML.

    Raises:
        CalibrationFileError: it is missing, incomplete, or no rigid transform.
    """
    if not isinstance(value, dict):
        raise CalibrationFileError(f"'{name}' must hold translation_m and rotation_xyzw, it holds {value!r}")
    return _transform(value.get("translation_m"), value.get("rotation_xyzw"), name)


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CalibrationFileError(
            f"there is no calibration file {path}; easy_handeye2 keeps its own in ~/.ros2/easy_handeye2/calibrations"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationFileError(f"the calibration file {path} cannot be read: {error}") from error
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CalibrationFileError(f"the calibration file {path} is no YAML: {first_line(error)}") from error
    if not isinstance(document, dict):
        raise CalibrationFileError(f"the calibration file {path} holds no keys; it is empty or cut off")
    return document


def _from_calib(
    document: dict[str, Any], flange_from_effector: SE3 | None, root_from_optical: SE3 | None
) -> HandEye | FixedCamera:
    parameters, transform = document["parameters"], document["transform"]
    if not isinstance(parameters, dict) or not isinstance(transform, dict):
        raise CalibrationFileError("'parameters' and 'transform' must hold keys of their own")
    kind = _kind(parameters.get("calibration_type"))
    effector, tracking = (str(parameters.get(key, "")) for key in ("robot_effector_frame", "tracking_base_frame"))
    parts = {}
    for part, letters in (("translation", "xyz"), ("rotation", "xyzw")):
        numbers = transform.get(part)
        if not isinstance(numbers, dict) or set(numbers) != set(letters):
            raise CalibrationFileError(f"'transform.{part}' must hold {', '.join(letters)}, it holds {numbers!r}")
        parts[part] = [numbers[letter] for letter in letters]
    parent_from_tracking = _transform(parts["translation"], parts["rotation"], "transform")
    tracking_from_optical = root_from_optical
    if tracking.endswith("_optical_frame") or tracking_from_optical is None:
        tracking_from_optical = camera_frame_from_optical(tracking)
    if tracking_from_optical is None:
        raise CalibrationFileError(
            f"tracking_base_frame is '{tracking}', which is no optical frame, and where the colour camera's optical "
            "frame is in it differs from unit to unit: give that transform (ros2 run tf2_ros tf2_echo "
            f"{tracking or 'camera_link'} camera_color_optical_frame), or read the YAML that lies beside the file"
        )
    parent_from_optical = parent_from_tracking @ tracking_from_optical
    is_optical = tracking.endswith("_optical_frame")
    info = CalibrationInfo(
        name=str(parameters.get("name", "")),
        base_frame=str(parameters.get("robot_base_frame", "")),
        flange_frame=effector,
        camera_frame=tracking if is_optical else "",
        camera_root_frame="" if is_optical else tracking,
        camera_root_from_camera_optical=None if is_optical else tracking_from_optical,
    )
    if kind == EYE_ON_BASE:
        return _plausible(FixedCamera(parent_from_optical, info))
    flange = flange_from_effector if flange_from_effector is not None else flange_from_frame(effector)
    if flange is None:
        raise CalibrationFileError(
            f"robot_effector_frame is '{effector}', and its name does not tell where it is on the flange (known are "
            "*_link8, *_hand and *_hand_tcp): give F_T_EE, the transform from the flange to it"
        )
    # F_T_EE stays unknown: the file does not hold it, and the frame's name only tells the URDF's
    at_flange = flange.is_close(SE3.identity())
    return _plausible(
        HandEye(flange @ parent_from_optical, None, replace(info, flange_frame=effector if at_flange else ""))
    )


def _from_ours(document: dict[str, Any]) -> HandEye | FixedCamera:
    version = document.get("version")
    if version != VERSION:
        raise CalibrationFileError(
            f"it has version {version!r} of the format, this program reads {VERSION}: use the program that wrote it, "
            "or calibrate again"
        )
    kind = _kind(document.get("calibration_type"))
    frames = _section(document, "frames")
    residuals = _section(document, "residuals")
    spread = _section(residuals, "spread")
    root = document.get("camera_root_from_camera_optical")
    info = CalibrationInfo(
        name=str(document.get("name", "")),
        created=str(document.get("created", "")),
        base_frame=str(frames.get("base", "")),
        flange_frame=str(frames.get("flange", "")),
        camera_frame=str(frames.get("camera_optical", "")),
        camera_root_frame=str(frames.get("camera_root", "")),
        camera_root_from_camera_optical=None
        if root is None
        else transform_from_plain(root, "camera_root_from_camera_optical"),
        rms_px=_number(residuals.get("rms_px"), "residuals.rms_px"),
        translation_spread_m=_number(spread.get("translation_m"), "residuals.spread.translation_m"),
        rotation_spread_rad=_number(spread.get("rotation_rad"), "residuals.spread.rotation_rad"),
        notes=tuple(str(note) for note in document.get("notes") or ()),
    )
    if kind == EYE_ON_BASE:
        name = "base_from_camera_optical"
        return _plausible(FixedCamera(transform_from_plain(document.get(name), name), info))
    name = "flange_from_camera_optical"
    ee = document.get("flange_from_ee")
    return _plausible(
        HandEye(
            transform_from_plain(document.get(name), name),
            None if ee is None else transform_from_plain(ee, "flange_from_ee"),
            info,
        )
    )


def _plausible(calibration: HandEye | FixedCamera) -> HandEye | FixedCamera:
    if isinstance(calibration, HandEye):
        transform, farthest, parent = calibration.flange_from_camera_optical, _FARTHEST_ON_ARM, "the flange"
    else:
        transform, farthest, parent = calibration.base_from_camera_optical, _FARTHEST_FROM_BASE, "the base"
    distance = float(np.linalg.norm(transform.translation))
    if distance > farthest:
        raise CalibrationFileError(
            f"the camera would be {distance:.3g} m from {parent}, more than {farthest:g} m: are the numbers in "
            "millimetres? They must be in metres"
        )
    if transform.is_close(SE3.identity()):
        raise CalibrationFileError(f"the camera would sit exactly in {parent}: the transform was never filled in")
    return calibration


def _kind(value: Any) -> str:
    if value not in (EYE_IN_HAND, EYE_ON_BASE):
        raise CalibrationFileError(f"calibration_type is {value!r}; it must be {EYE_IN_HAND} or {EYE_ON_BASE}")
    return str(value)


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    section = document.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise CalibrationFileError(f"'{name}' must hold keys of its own, it holds {section!r}")
    return section


def _number(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CalibrationFileError(f"'{name}' must be a number, it is {value!r}")
    return float(value)


def _transform(translation: Any, rotation: Any, name: str) -> SE3:
    try:
        return SE3.from_quaternion_xyzw(rotation, translation)
    except EscherNetError as error:
        raise CalibrationFileError(f"'{name}' is no rigid transform: {error}") from error
