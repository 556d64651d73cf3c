# SPDX-License-Identifier: Apache-2.0
"""What a caller hands to the pipeline, checked and turned into tensors."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, STANDOFF_RANGE, aim_deviation, pose_vector_4dof

logger = logging.getLogger(__name__)

HALF_FIELD_OF_VIEW_DEG = math.degrees(math.atan(128 / 280))
"""Half the field of view of the camera that the published models were trained with (f = 280 px at 256 px)."""

IGNORED_BY_4DOF_DEG = 10.0
"""Aim or roll beyond this is reported with 4DoF, which cannot represent it."""

_RANGE_TOLERANCE = 1e-3


def images_tensor(images: Any) -> Tensor:
    """Reference images as [N, 3, H, H] floating point in [-1, 1], on the CPU.

    Args:
        images: numpy array or tensor, [N, H, H, 3] uint8 or [N, 3, H, H] floating point in [-1, 1].

    Raises:
        EscherNetError: another type, shape or range, NaN, no image, or images that are not square.
    """
    tensor = _tensor(images, "images").detach().cpu()
    if tensor.ndim != 4:
        raise EscherNetError(f"images must have 4 axes, N first, not the shape {list(tensor.shape)}.")
    if tensor.dtype == torch.uint8:
        if tensor.shape[-1] != 3:
            raise EscherNetError(f"uint8 images must be [N, H, W, 3], not {list(tensor.shape)}.")
        tensor = (tensor.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    elif tensor.is_floating_point():
        if tensor.shape[1] != 3:
            raise EscherNetError(f"floating point images must be [N, 3, H, W], not {list(tensor.shape)}.")
        if tensor.numel() and not bool(torch.isfinite(tensor).all()):
            raise EscherNetError("images hold NaN or infinite values.")
        if tensor.numel() and float(tensor.abs().max()) > 1 + _RANGE_TOLERANCE:
            raise EscherNetError(
                f"floating point images must lie in [-1, 1]; these span {float(tensor.min()):g} to "
                f"{float(tensor.max()):g}. Images in 0..255 go in as uint8 [N, H, W, 3]."
            )
    else:
        raise EscherNetError(f"images must be uint8 or floating point, not {tensor.dtype}.")
    if tensor.shape[0] == 0:
        raise EscherNetError("no reference image was given; EscherNet needs at least one.")
    height, width = tensor.shape[-2:]
    if height != width or height == 0:
        raise EscherNetError(
            f"reference images are {width}x{height}; the model's camera is square. Resample them with "
            "eschernet_ros.geometry.resample, which also puts in the right field of view."
        )
    return tensor


def pose_tensor(poses: Any, cape: str, name: str) -> Tensor:
    """Poses as the encoding takes them, float64 on the CPU: [N, 4, 4] for 6DoF, [N, 4] for 4DoF.

    What the model cannot take at face value is logged as a warning: a radius that 4DoF clips, an origin that the
    camera does not see (the usual sign of wrong camera axes), a roll or aim that 4DoF leaves out.

    Args:
        poses: [N, 4, 4] world-to-camera matrices with OpenGL axes (array, tensor or a list of SE3), world z up, object
            at the origin, its longest side 1. 4DoF also takes ready vectors [N, 4].
        cape: ``"6dof"`` or ``"4dof"``.
        name: what to call them in messages.

    Raises:
        EscherNetError: another shape, values not finite, or matrices that are not rigid.
    """
    if isinstance(poses, list | tuple) and any(isinstance(pose, SE3) for pose in poses):
        poses = np.stack([pose.matrix if isinstance(pose, SE3) else np.asarray(pose) for pose in poses])
    tensor = _tensor(poses, name).detach().to("cpu", torch.float64)
    ready_vectors = cape == "4dof" and tensor.ndim == 2 and tensor.shape[1] == 4
    if not ready_vectors and (tensor.ndim != 3 or tensor.shape[1:] != (4, 4)):
        vectors = " or pose vectors [N, 4]" if cape == "4dof" else ""
        raise EscherNetError(f"{name} must be world-to-camera matrices [N, 4, 4]{vectors}, not {list(tensor.shape)}.")
    if tensor.shape[0] == 0:
        raise EscherNetError(f"{name} is empty; at least one pose is needed.")
    finite = torch.isfinite(tensor).flatten(1).all(1)
    if not bool(finite.all()):
        raise EscherNetError(f"{name}[{int((~finite).nonzero()[0])}] holds NaN or infinite values.")
    if ready_vectors:
        return tensor
    rigid = [_rigid(matrix, f"{name}[{index}]") for index, matrix in enumerate(tensor.numpy())]
    for index, pose in enumerate(rigid):
        _report_aim(pose, cape, f"{name}[{index}]")
    if cape == "6dof":
        return tensor
    return torch.from_numpy(np.stack([_vector(pose, f"{name}[{i}]") for i, pose in enumerate(rigid)]))


def latents_tensor(latents: Any, targets: int, channels: int) -> Tensor:
    """Initial noise [targets, channels, h, w] as given.

    Raises:
        EscherNetError: another shape or values not finite.
    """
    tensor = _tensor(latents, "latents").detach()
    if tensor.ndim != 4 or tensor.shape[:2] != (targets, channels) or not tensor.numel():
        raise EscherNetError(
            f"latents must be [{targets}, {channels}, h, w], one for each target pose, not {list(tensor.shape)}."
        )
    if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
        raise EscherNetError("latents must be finite floating point numbers.")
    return tensor


def _tensor(values: Any, name: str) -> Tensor:
    if isinstance(values, Tensor):
        return values
    try:
        return torch.from_numpy(np.array(values))
    except (TypeError, ValueError) as error:
        raise EscherNetError(f"{name} must be an array of numbers of one shape: {error}") from error


def _rigid(matrix: np.ndarray, name: str) -> SE3:
    try:
        return SE3.from_matrix(matrix)
    except EscherNetError as error:
        raise EscherNetError(f"{name}: {error}") from error


def _report_aim(pose: SE3, cape: str, name: str) -> None:
    if not np.any(pose.translation):
        return  # the camera sits in the origin: nothing to aim at, and 6DoF does not mind
    aim, roll = (math.degrees(angle) for angle in aim_deviation(pose))
    if aim > HALF_FIELD_OF_VIEW_DEG:
        logger.warning(
            "%s does not see the origin, where the object should be: it lies %.1f deg off the viewing "
            "direction, the picture ends at %.1f. Poses must be world-to-camera with OpenGL axes (x right, y "
            "up, looking along -z).",
            name,
            aim,
            HALF_FIELD_OF_VIEW_DEG,
        )
    elif cape == "4dof" and max(aim, abs(roll)) > IGNORED_BY_4DOF_DEG:
        logger.warning(
            "%s is aimed %.1f deg beside the origin and rolled by %.1f deg; 4DoF leaves both out.", name, aim, roll
        )


def _vector(pose: SE3, name: str) -> np.ndarray:
    try:
        vector, clipped, radius = pose_vector_4dof(pose)
    except EscherNetError as error:
        raise EscherNetError(f"{name}: {error}") from error
    if clipped:
        logger.warning(
            "%s is %.3f from the origin; 4DoF knows %.1f to %.1f (in longest sides of the object) and clips it.",
            name,
            radius,
            *STANDOFF_RANGE,
        )
    return vector
